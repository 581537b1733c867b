// The keys of the page, in a dialog.

import { html, useEffect, useRef } from "../ui.js";
import { Icon } from "./icon.js";

const KEYS = [
  ["Everywhere", [["/", "search"], ["g t", "sessions"], ["g s", "stats"], ["g p", "projects"], ["g h", "hosts"], ["g ,", "settings"], ["?", "these keys"]]],
  ["Lists", [["j k", "next, previous"], ["Enter", "open"], ["Esc", "leave the search box"]]],
  ["Session", [["j k", "next, previous prompt"], ["f", "find in the session"], ["n N", "next, previous hit"], ["o", "open or close all tool calls"], ["t", "open or close thinking"], ["c", "copy the command that resumes it"], ["u", "up to the session that it came from"], ["G", "to the end"]]],
];

export function Help({ open, onClose }) {
  const dialog = useRef(null);
  useEffect(() => {
    if (open && !dialog.current.open) dialog.current.showModal();
    if (!open && dialog.current.open) dialog.current.close();
  }, [open]);
  return html`<dialog class="dialog" ref=${dialog} onClose=${onClose} aria-labelledby="help-title">
    <div class="dialog-head">
      <h2 id="help-title">Keys</h2>
      <button class="icon-button" onClick=${onClose} aria-label="Close"><${Icon} name="close" /></button>
    </div>
    <div class="help">
      ${KEYS.map(
        ([title, keys]) => html`<section key=${title}>
          <h3>${title}</h3>
          <dl>
            ${keys.map(
              ([key, what]) => html`<div key=${key}>
                <dt>${key.split(" ").map((part) => html`<kbd>${part}</kbd>`)}</dt>
                <dd>${what}</dd>
              </div>`,
            )}
          </dl>
        </section>`,
      )}
    </div>
  </dialog>`;
}
