// A button that copies, and says that it did.

import { html, useState } from "../ui.js";
import { Icon } from "./icon.js";

/** Copy a text; where the browser has no clipboard (plain http), by a selection. */
export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "off-screen";
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  return undefined;
}

/**
 * @param {() => string} text gives what is copied, when it is
 * @param {string} label what the button does
 */
export function Copy({ text, label = "Copy", quiet = false, icon = "copy" }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await copyText(text());
    setDone(true);
    setTimeout(() => setDone(false), 1600);
  };
  return html`<button
    class=${quiet ? "icon-button" : "button"}
    onClick=${copy}
    aria-label=${done ? "Copied" : label}
    title=${label}
  >
    <${Icon} name=${done ? "check" : icon} />${!quiet && html`<span>${done ? "Copied" : label}</span>`}
  </button>`;
}
