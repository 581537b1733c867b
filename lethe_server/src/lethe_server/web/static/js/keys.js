// Keys of the page. A view gives its keys while it is shown; the newest one is asked first.

import { useLayoutEffect, useRef } from "./ui.js";

const layers = [];
let prefix = "";

/** How a key is named: `j`, `shift+enter`, `mod+f` (Ctrl, or Command on a Mac). */
function nameOf(event) {
  const name = event.key.length === 1 ? event.key : event.key.toLowerCase();
  const mod = event.ctrlKey || event.metaKey ? "mod+" : "";
  const shift = event.shiftKey && event.key.length > 1 ? "shift+" : "";
  return mod + shift + name;
}

/** Whether somebody is writing, so that letters are letters. */
function isWriting(target) {
  return Boolean(target?.closest?.("input:not([type=checkbox]), textarea, select, dialog[open]"));
}

function dispatch(event) {
  if (event.defaultPrevented || event.isComposing || event.altKey) return;
  const name = nameOf(event);
  if (isWriting(event.target) && !name.startsWith("mod+")) return;
  const sequence = prefix ? `${prefix} ${name}` : name;
  prefix = "";
  for (const layer of [...layers].reverse()) {
    const act = layer.current[sequence];
    if (act) {
      // A key that answers `false` is left to the browser.
      if (act(event) !== false) event.preventDefault();
      return;
    }
    if (Object.keys(layer.current).some((known) => known.startsWith(`${sequence} `))) {
      prefix = sequence;
      return;
    }
  }
}

/** Begin to listen. */
export function listenToKeys() {
  document.addEventListener("keydown", dispatch);
}

/**
 * Give keys while a component is shown.
 *
 * @param {Object<string, (event) => (void|boolean)>} keys by name; two keys in turn as `g t`
 */
export function useKeys(keys) {
  const layer = useRef(keys);
  layer.current = keys;
  // At once, so that a key that follows what is seen is heard.
  useLayoutEffect(() => {
    layers.push(layer);
    return () => layers.splice(layers.indexOf(layer), 1);
  }, []);
}
