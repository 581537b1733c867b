// Text with its hits marked. The server puts U+0002 before a hit and U+0003 behind it; what a
// transcript held of these signs it has taken out.

import { html } from "../ui.js";

/** Draw a snippet. */
export function Marked({ text }) {
  const parts = [];
  String(text ?? "")
    .split("\u0002")
    .forEach((piece, index) => {
      const end = index === 0 ? -1 : piece.indexOf("\u0003");
      if (end >= 0) parts.push(html`<mark>${piece.slice(0, end)}</mark>`);
      parts.push(piece.slice(end + 1).replaceAll("\u0003", ""));
    });
  return html`${parts}`;
}
