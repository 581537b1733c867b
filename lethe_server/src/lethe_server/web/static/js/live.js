// One stream of server-sent events for the whole page. It is closed while nobody looks, since
// browsers allow a server few connections, and whoever follows then looks at everything again.

import { api } from "./api.js";
import { useEffect, useLayoutEffect, useState } from "./ui.js";

const onSession = new Set();
const onReset = new Set();
const onState = new Set();
let source = null;
let state = "off";
let again = 0;

/** After a refusal the stream is asked for again after so long (milliseconds). */
const AGAIN_MS = 20_000;

function setState(next) {
  state = next;
  for (const listener of onState) listener(next);
}

function open() {
  source = new EventSource(api.eventsPath);
  setState("connecting");
  source.addEventListener("ready", () => {
    setState("live");
    // What was asked for before may lack what came until now, of which the stream knows nothing.
    tellReset();
  });
  source.addEventListener("session", (event) => {
    const change = JSON.parse(event.data);
    for (const listener of onSession) listener(change);
  });
  source.addEventListener("reset", tellReset);
  source.addEventListener("error", () => {
    const refused = source?.readyState === EventSource.CLOSED;
    setState(refused ? "off" : "connecting");
    // After a refusal the browser does not try again by itself.
    if (refused) again = setTimeout(open, AGAIN_MS);
  });
}

function tellReset() {
  for (const listener of onReset) listener();
}

function close() {
  clearTimeout(again);
  source?.close();
  source = null;
  setState("off");
}

/** Begin to follow, for as long as the page is looked at. */
export function follow() {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else if (!source) open();
  });
  window.addEventListener("pagehide", close);
  if (!document.hidden) open();
}

/**
 * Hear of changes.
 *
 * @param {(change: {session, turns, more}) => void} session a session that is new or another
 * @param {() => void} reset changes may be missing
 */
export function useChanges(session, reset) {
  useEffect(() => {
    onSession.add(session);
    onReset.add(reset);
    return () => {
      onSession.delete(session);
      onReset.delete(reset);
    };
  }, [session, reset]);
}

/** Whether changes appear by themselves: "live", "connecting" or "off". */
export function useLiveState() {
  const [value, setValue] = useState(state);
  // At once: the stream may be open before the browser has drawn anything.
  useLayoutEffect(() => {
    onState.add(setValue);
    return () => onState.delete(setValue);
  }, []);
  return value;
}
