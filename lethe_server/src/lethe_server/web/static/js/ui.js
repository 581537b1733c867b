// The one door to the vendored templates and hooks, and the hooks that several views share.

import {
  html,
  render,
  createContext,
  useCallback,
  useContext,
  useEffect,
  useErrorBoundary,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "../vendor/htm/standalone.module.js";

export {
  html,
  render,
  createContext,
  useCallback,
  useContext,
  useEffect,
  useErrorBoundary,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
};

/** Draw a component again when something outside of it changed. */
export function useRedraw() {
  const [, redraw] = useReducer((count) => count + 1, 0);
  return redraw;
}

/**
 * Load something; what was asked for earlier never overwrites what was asked for later.
 *
 * @param {(signal: AbortSignal) => Promise} load
 * @param {Array} inputs when one of them changes, it is loaded again
 * @returns {{value, error, loading, again}} the value before stays until the next one is there
 */
export function useLoaded(load, inputs) {
  const [state, setState] = useState({ value: undefined, error: null, loading: true });
  const [round, again] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    const controller = new AbortController();
    setState((before) => ({ ...before, loading: true }));
    load(controller.signal).then(
      (value) => {
        if (!controller.signal.aborted) setState({ value, error: null, loading: false });
      },
      (error) => {
        if (!controller.signal.aborted) {
          setState((before) => ({ ...before, error, loading: false }));
        }
      },
    );
    return () => controller.abort();
  }, [...inputs, round]);
  return { ...state, again };
}

/** The time in seconds, for what is running now. */
export function useNow() {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), 20_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** Set the title of the document. */
export function useTitle(title) {
  useEffect(() => {
    document.title = title ? `${title} · lethe` : "lethe";
  }, [title]);
}
