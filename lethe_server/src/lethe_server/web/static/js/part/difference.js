// A difference, line by line.

import { html, useState } from "../ui.js";
import { count } from "../format.js";

const MOST = 400;
const NAMES = { "+": "added", "-": "removed", "@": "place", "#": "file", " ": "same" };

/** @param {Array<{sign, text}>} lines @param {string} path of the file */
export function Difference({ lines, path }) {
  const [whole, setWhole] = useState(false);
  const added = lines.filter(({ sign }) => sign === "+").length;
  const removed = lines.filter(({ sign }) => sign === "-").length;
  const shown = whole ? lines : lines.slice(0, MOST);
  return html`<figure class="difference">
    <figcaption>
      <span class="difference-path">${path}</span>
      <span class="difference-sum"><span class="added">+${count(added)}</span> <span class="removed">−${count(removed)}</span></span>
    </figcaption>
    <pre class="block" tabindex="0">${shown.map(
      ({ sign, text }, index) => html`<span key=${index} class="line" data-sign=${NAMES[sign]}><span class="sign">${sign === "@" || sign === "#" ? " " : sign}</span>${text}${"\n"}</span>`,
    )}</pre>
    ${!whole && lines.length > MOST && html`<button class="more" onClick=${() => setWhole(true)}>Show all ${count(lines.length)} lines</button>`}
  </figure>`;
}
