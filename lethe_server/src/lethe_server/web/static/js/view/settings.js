// Settings: who one is, the own tokens, saved searches, and how the page looks.

import { api, logOut } from "../api.js";
import { ago, exactTime, isoTime, shortTime } from "../format.js";
import { Copy } from "../part/copy.js";
import { SavedSearches } from "../part/savedsearches.js";
import { Failed, Loading, NotOffered } from "../part/states.js";
import { html, useLoaded, useRef, useState, useTitle } from "../ui.js";

const THEMES = [
  ["", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];
const WAYS = {
  header: "by the proxy in front of this server",
  oidc: "by your identity provider",
  session: "by a one-time link, in this browser",
  token: "by a token",
};

export function Settings() {
  useTitle("Settings");
  return html`<div class="column">
    <h1 class="page-title">Settings</h1>
    <${Me} />
    <${Look} />
    <${Tokens} />
    <${SavedSearches} />
  </div>`;
}

function Me() {
  const { value, error } = useLoaded((signal) => api.me(signal), []);
  const [said, say] = useState("");
  if (error && !error.isMissing) return html`<${Failed} error=${error} />`;
  if (!value) return null;
  const leave = async () => {
    try {
      await logOut();
    } catch (problem) {
      // Whom the server does not know is signed out.
      if (problem.code !== "UNAUTHORIZED") {
        say(`You are still signed in: ${problem.message || "the server failed"}.`);
        return;
      }
    }
    window.location.assign("/");
  };
  return html`<section class="card" aria-label="Who you are">
    <header class="card-head">
      <h2>${value.user}</h2>
      ${value.kind === "session" && html`<button class="button" onClick=${leave}>Sign out</button>`}
    </header>
    ${said && html`<p class="notice notice-failed" role="alert">${said}</p>`}
    <p class="muted">Signed in ${WAYS[value.kind] ?? ""}${value.admin ? "; may read the archives of others" : ""}.</p>
  </section>`;
}

function Look() {
  const [theme, setTheme] = useState(() => localStorage.getItem("lethe.theme") ?? "");
  const choose = (next) => {
    setTheme(next);
    if (next) {
      localStorage.setItem("lethe.theme", next);
      document.documentElement.dataset.theme = next;
    } else {
      localStorage.removeItem("lethe.theme");
      delete document.documentElement.dataset.theme;
    }
  };
  return html`<section class="card" aria-label="Look">
    <header class="card-head"><h2>Look</h2></header>
    <div class="choice" role="group" aria-label="Theme">
      ${THEMES.map(([key, label]) => html`<button key=${key} aria-pressed=${key === theme ? "true" : "false"} onClick=${() => choose(key)}>${label}</button>`)}
    </div>
  </section>`;
}

function Tokens() {
  const { value, error, loading, again } = useLoaded((signal) => api.tokens(signal), []);
  const [secret, setSecret] = useState(null);
  const frame = useRef(null);
  const onRevoked = () => {
    frame.current?.focus(); // the button that had the focus goes
    again();
  };
  return html`<section class="card" aria-label="Tokens">
    <header class="card-head"><h2>Tokens</h2></header>
    <p class="muted">For collectors and scripts. A token opens your archive alone; its secret is shown once.</p>
    ${error && (error.isMissing ? html`<${NotOffered} what="tokens here" />` : html`<${Failed} error=${error} again=${again} />`)}
    ${!value && !error && loading && html`<${Loading} rows=${2} />`}
    ${value && html`<${NewToken} onMade=${(made) => { setSecret(made); again(); }} />`}
    ${secret &&
    html`<p class="secret" role="status">
      <span>The secret of ${secret.name}; it is not shown again:</span>
      <code>${secret.secret}</code>
      <${Copy} text=${() => secret.secret} />
    </p>`}
    ${value?.tokens.length > 0 &&
    html`<div class="table-frame" tabindex="0" role="region" aria-label="Your tokens" ref=${frame}>
      <table class="numbers">
        <thead><tr><th scope="col">Name</th><th scope="col" class="cell-text">May</th><th scope="col" class="cell-extra">Used</th><th scope="col">Expires</th><th scope="col"><span class="off-screen">Revoke</span></th></tr></thead>
        <tbody>${value.tokens.map((token) => html`<${Token} key=${token.name} token=${token} onRevoked=${onRevoked} />`)}</tbody>
      </table>
    </div>`}
  </section>`;
}

function Token({ token, onRevoked }) {
  const [sure, setSure] = useState(false);
  const [said, say] = useState("");
  const revoke = async () => {
    if (!sure) {
      setSure(true);
      return;
    }
    try {
      await api.revokeToken(token.name);
      onRevoked();
    } catch (error) {
      say(error.message);
    }
  };
  return html`<tr>
    <th scope="row">${token.name}</th>
    <td class="cell-text">${token.scopes.join(", ")}</td>
    <td class="cell-extra"><time datetime=${isoTime(token.last_used_at)} title=${exactTime(token.last_used_at)}>${ago(token.last_used_at)}</time></td>
    <td title=${exactTime(token.expires_at)}>${token.expires_at ? shortTime(token.expires_at) : "never"}</td>
    <td>
      <button class=${sure ? "button button-bad" : "button"} onClick=${revoke} onBlur=${() => setSure(false)} aria-label=${`Revoke ${token.name}`}>${sure ? "Really?" : "Revoke"}</button>
      ${said && html`<span role="alert">${said}</span>`}
    </td>
  </tr>`;
}

function NewToken({ onMade }) {
  const [name, setName] = useState("");
  const [scope, setScope] = useState("ingest");
  const [days, setDays] = useState("");
  const [said, say] = useState("");
  const isAsked = useRef(false);
  const make = async (event) => {
    event.preventDefault();
    if (isAsked.current) return;
    isAsked.current = true;
    try {
      const made = await api.createToken({
        name: name.trim(),
        scopes: [scope],
        ...(days ? { days: Number(days) } : {}),
      });
      say("");
      setName("");
      onMade(made);
    } catch (error) {
      say(error.message);
    }
    isAsked.current = false;
  };
  return html`<form class="form-line" onSubmit=${make}>
    <label>Name <input class="field" required maxlength="64" value=${name} onInput=${(event) => setName(event.target.value)} /></label>
    <label>
      May
      <select class="field" value=${scope} onChange=${(event) => setScope(event.target.value)}>
        <option value="ingest">deliver (a collector)</option>
        <option value="read">read (a script)</option>
      </select>
    </label>
    <label>
      Expires
      <select class="field" value=${days} onChange=${(event) => setDays(event.target.value)}>
        <option value="">never</option>
        <option value="30">in 30 days</option>
        <option value="365">in a year</option>
      </select>
    </label>
    <button class="button button-main" type="submit">Make a token</button>
    ${said && html`<p class="notice notice-failed" role="alert">${said}</p>`}
  </form>`;
}
