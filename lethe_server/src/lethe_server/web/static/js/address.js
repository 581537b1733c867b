// The state that lives in the address: which view, which filters, which turn. Everything that can
// be sent to somebody as a link is here, and nothing else is.

import { useEffect, useLayoutEffect, useState } from "./ui.js";

/** The filters that the list of sessions and the search share, in the order of their chips. */
export const FILTERS = ["tool", "host", "project", "role", "since", "until"];

const listeners = new Set();

/** Read the address: `{path, parts, params, turn}`. */
export function readAddress(place = window.location) {
  const parts = place.pathname.split("/").filter(Boolean).map(decoded);
  return {
    path: place.pathname,
    parts,
    params: Object.fromEntries(new URLSearchParams(place.search)),
    turn: place.hash.startsWith("#turn-") ? decoded(place.hash.slice("#turn-".length)) : null,
  };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Make an address, of the page or of the API; parameters without a value are left out. */
export function addressOf(path, params = {}, hash = "") {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  }
  return path + (query.size ? `?${query}` : "") + hash;
}

/** The address of a session, or of one of its turns. */
export function sessionAddress({ tool, host, session_id: id }, turn = null) {
  const path = `/session/${[tool, host, id].map(encodeURIComponent).join("/")}`;
  return turn === null ? path : `${path}#turn-${encodeURIComponent(turn)}`;
}

/** Go to an address of the page. */
export function go(address, { replace = false } = {}) {
  if (replace) {
    window.history.replaceState(window.history.state, "", address);
  } else {
    keepPlace();
    window.history.pushState({}, "", address);
    enter();
  }
  announce();
}

let placeOf = () => null;

/**
 * Say where somebody is in a view that tells it by something other than pixels.
 *
 * @param {() => any} give that is kept in the history as `place`, for who comes back
 */
export function usePlace(give) {
  useEffect(() => {
    placeOf = give;
    return () => {
      placeOf = () => null;
    };
  }, [give]);
}

let entry = ""; // the id of the entry of the history that is seen
let entries = 0;
/** Where somebody was in entries that they left by the browser's buttons, by id. */
let left = new Map();
/** Where the tab keeps that while it shows another page, or loads this one again. */
const LEFT = "lethe.left";

const whereNow = () => ({ scroll: window.scrollY, place: placeOf() });

function keepPlace() {
  left.delete(entry);
  window.history.replaceState({ ...window.history.state, ...whereNow() }, "");
}

/** Come to an entry, which knows from then on where it was left. */
function enter() {
  const { state } = window.history;
  entries += 1;
  entry = state?.entry ?? `${Date.now()}-${entries}`;
  window.history.replaceState({ ...state, entry, ...left.get(entry) }, "");
  left.delete(entry);
}

function remember() {
  try {
    left = new Map(JSON.parse(sessionStorage.getItem(LEFT)));
  } catch {
    // Storage may be refused; who comes back then begins at the top.
  }
}

/** A page that goes away may not change the history any more. */
function store() {
  left.set(entry, whereNow());
  try {
    sessionStorage.setItem(LEFT, JSON.stringify([...left]));
  } catch {
    // As when it is read.
  }
}

/** The browser's buttons: the history is elsewhere already, what is seen is not. */
function moved() {
  left.set(entry, whereNow());
  enter();
  announce();
}

/** Change parameters of the present view; `undefined` takes one away. */
export function setParams(changes, { replace = false } = {}) {
  const { path, params } = readAddress();
  go(addressOf(path, { ...params, ...changes }), { replace });
}

function announce() {
  for (const listener of listeners) listener();
}

/** Follow the address. */
export function useAddress() {
  const [address, setAddress] = useState(readAddress);
  // At once, so that a link that is clicked as soon as it is seen leads somewhere.
  useLayoutEffect(() => {
    const update = () => setAddress(readAddress());
    listeners.add(update);
    return () => listeners.delete(update);
  }, []);
  return address;
}

const PAGES = /^\/(?:$|session\/|stats$|projects$|hosts$|settings$)/;

/** Let plain clicks on links of the page, and the browser's buttons, change the view in place. */
export function followLinks() {
  window.history.scrollRestoration = "manual";
  remember();
  enter();
  window.addEventListener("popstate", moved);
  window.addEventListener("pagehide", store);
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest?.("a[href]");
    if (!link || link.target || link.hasAttribute("download")) return;
    if (link.origin !== window.location.origin || !PAGES.test(link.pathname)) return;
    event.preventDefault();
    go(link.pathname + link.search + link.hash);
  });
}
