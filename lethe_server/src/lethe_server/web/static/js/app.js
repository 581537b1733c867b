// The frame of all views: the head with the search, the way between views, and help.

import { addressOf, go, readAddress, useAddress } from "./address.js";
import { api } from "./api.js";
import { nameTools } from "./format.js";
import { listenToKeys, useKeys } from "./keys.js";
import { useLiveState } from "./live.js";
import { Help } from "./part/help.js";
import { Icon } from "./part/icon.js";
import { SearchBox } from "./part/searchbox.js";
import { Empty, Loading } from "./part/states.js";
import { html, useEffect, useErrorBoundary, useLayoutEffect, useRedraw, useRef, useState } from "./ui.js";
import { Home } from "./view/home.js";

const NAVIGATION = [
  { path: "/", label: "Sessions", icon: "list", key: "g t" },
  { path: "/stats", label: "Stats", icon: "chart", key: "g s" },
  { path: "/projects", label: "Projects", icon: "folder", key: "g p" },
  { path: "/hosts", label: "Hosts", icon: "host", key: "g h" },
  { path: "/settings", label: "Settings", icon: "gear", key: "g ," },
];

/** Views that are loaded when they are first looked at. */
const VIEWS = {
  session: () => import("./view/session.js").then((module) => module.Session),
  stats: () => import("./view/stats.js").then((module) => module.Stats),
  projects: () => import("./view/projects.js").then((module) => module.Projects),
  hosts: () => import("./view/hosts.js").then((module) => module.Hosts),
  settings: () => import("./view/settings.js").then((module) => module.Settings),
};

export function App() {
  const address = useAddress();
  const [help, showHelp] = useState(false);
  const keys = { "/": focusSearch, "mod+k": focusSearch, "?": () => showHelp(true) };
  for (const { path, key } of NAVIGATION) keys[key] = () => go(path);
  useKeys(keys);
  useLayoutEffect(listenToKeys, []);
  useToolNames();
  useScroll(address);
  return html`<a class="skip" href="#content" onClick=${skip}>Skip to content</a>
    <${Head} address=${address} onHelp=${() => showHelp(true)} />
    <main id="content" tabindex="-1">
      <${View} address=${address} key=${address.parts.slice(0, 4).join("/")} />
    </main>
    <${Help} open=${help} onClose=${() => showHelp(false)} />`;
}

/** How tools are called is known by the plugins of the server. */
function useToolNames() {
  const redraw = useRedraw();
  useEffect(() => {
    api.tools().then(
      ({ tools }) => {
        nameTools(tools);
        redraw();
      },
      () => undefined, // tools then show the names that they have on the wire
    );
  }, []);
}

function skip(event) {
  event.preventDefault();
  document.getElementById("content").focus();
}

function focusSearch() {
  const box = document.getElementById("search");
  box.focus();
  box.select();
}

/** A new view begins at its top; one that is come back to, where it was left. */
function useScroll({ path }) {
  const before = useRef(path);
  // At once: a list that is drawn where the view before it was loses the row that is in focus.
  useLayoutEffect(() => {
    if (before.current === path) return;
    before.current = path;
    window.scrollTo({ top: window.history.state?.scroll ?? 0, behavior: "instant" });
  }, [path]);
}

function Head({ address, onHelp }) {
  const section = `/${address.parts[0] ?? ""}`;
  return html`<header class="head">
    <a class="brand" href="/" aria-label="lethe, all sessions">
      <svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true">
        <path d="M3 12c4.3-4 8.6-4 13 0s8.7 4 13 0M3 21c4.3-4 8.6-4 13 0s8.7 4 13 0" />
      </svg>
      <span>lethe</span>
    </a>
    <${SearchBox} address=${address} />
    <nav class="nav" aria-label="Views">
      ${NAVIGATION.map(
        ({ path, label, icon }) => html`<a
          href=${path}
          key=${path}
          aria-current=${section === path ? "page" : undefined}
          ><${Icon} name=${icon} /><span>${label}</span></a
        >`,
      )}
    </nav>
    <div class="head-end">
      <${LiveMark} />
      <button class="icon-button" onClick=${onHelp} aria-label="Keys" title="Keys (?)">
        <${Icon} name="help" />
      </button>
    </div>
  </header>`;
}

const LIVE = {
  live: "Live: what is archived appears by itself",
  connecting: "Connecting",
  off: "Not live",
};

function LiveMark() {
  const state = useLiveState();
  return html`<span class="live" data-state=${state} role="status" title=${LIVE[state]}>
    <span class="live-dot" aria-hidden="true"></span>
    <span class="off-screen">${LIVE[state]}</span>
  </span>`;
}

function View({ address }) {
  const name = address.parts[0] ?? "";
  const [view, setView] = useState(() => (name === "" ? Home : null));
  const [failed, reset] = useErrorBoundary((error) => console.error(error));
  const [missing, setMissing] = useState(false);
  useEffect(() => {
    if (view) return;
    VIEWS[name]?.().then(
      (found) => setView(() => found),
      () => setMissing(true),
    );
  }, []);
  if (failed) {
    return html`<${Empty} icon="alert" title="The page made a mistake">
      <button class="button" onClick=${reset}>Show it again</button>
    <//>`;
  }
  if (missing) {
    return html`<${Empty} icon="offline" title="This part of the page could not be loaded">
      <a class="button" href=${addressOf(readAddress().path)} target="_self">Load the page again</a>
    <//>`;
  }
  if (!view) return html`<${Loading} />`;
  return html`<${view} address=${address} />`;
}
