// What is shown where there is nothing to show: empty, loading, failed, offline, signed out.

import { html, useEffect, useRef, useState } from "../ui.js";
import { Icon } from "./icon.js";

/** Nothing is here, and why that may be. */
export function Empty({ icon = "wave", title, children }) {
  return html`<div class="state">
    <${Icon} name=${icon} />
    <p class="state-title">${title}</p>
    ${children && html`<div class="state-text">${children}</div>`}
  </div>`;
}

/** Something is on its way; shown only if it takes a while, so that nothing flickers. */
export function Loading({ rows = 6, label = "Loading" }) {
  const [shown, show] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => show(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return html`<div class="skeletons" role="status" aria-label=${label}>
    ${shown && Array.from({ length: rows }, (_, index) => html`<div class="skeleton" key=${index} />`)}
  </div>`;
}

const TITLES = {
  OFFLINE: "The server cannot be reached",
  QUERY_TIMEOUT: "That took too long",
  UNAUTHORIZED: "You are not signed in",
  FORBIDDEN: "You may not see this",
  NOT_FOUND: "There is no such thing",
  INVALID: "That cannot be understood",
};

/** What did not work. */
export const titleOf = (error) => TITLES[error.code] ?? "That did not work";

/** Something did not work: what, and what can be done. */
export function Failed({ error, again }) {
  const offline = error.code === "OFFLINE";
  const latest = useRef(again); // what is asked for may have changed since it failed first
  latest.current = again;
  useEffect(() => {
    if (!offline || !again) return undefined;
    const retry = () => latest.current();
    const timer = setInterval(retry, 3000);
    window.addEventListener("online", retry);
    return () => {
      clearInterval(timer);
      window.removeEventListener("online", retry);
    };
  }, [offline]);
  if (error.code === "UNAUTHORIZED") return html`<${SignedOut} />`;
  return html`<div class="state state-failed" role="alert">
    <${Icon} name=${offline ? "offline" : "alert"} />
    <p class="state-title">${titleOf(error)}</p>
    <div class="state-text">
      <p>${offline ? "Trying again by itself." : sentence(error.message)}</p>
      ${error.hint && html`<p>${sentence(error.hint)}</p>`}
      ${again && html`<button class="button" onClick=${again}>Try again</button>`}
    </div>
  </div>`;
}

/** What somebody sees whom the server does not know. */
function SignedOut() {
  return html`<div class="state" role="alert">
    <${Icon} name="key" />
    <p class="state-title">Sign in to read</p>
    <div class="state-text">
      <p>
        Run <code>lethe-server link</code> on the machine of the server and open the link that it
        prints. Behind a proxy, sign in there and <a href="/">load this page again</a>.
      </p>
    </div>
  </div>`;
}

/** Part of the page that this server does not offer. */
export function NotOffered({ what }) {
  return html`<${Empty} icon="wave" title=${`This server does not offer ${what}`}>
    <p>A newer version of lethe-server does.</p>
  <//>`;
}

function sentence(text) {
  const whole = String(text);
  const end = /[.!?]$/.test(whole) ? "" : ".";
  return whole.charAt(0).toUpperCase() + whole.slice(1) + end;
}
