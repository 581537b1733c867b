// The prompts of a session beside it, to jump to.

import { time } from "../format.js";
import { html, useEffect, useRef } from "../ui.js";

/** So many prompts around the present one are listed. */
const NEAR = 150;

export function Outline({ transcript, at, jump }) {
  const { prompts, rows } = transcript;
  const current = Math.max(0, prompts.findLastIndex((index) => index <= at));
  const list = useRef(null);
  useEffect(() => {
    const box = list.current;
    const item = box?.querySelector("[aria-current]");
    if (!item) return;
    const top = item.offsetTop - box.offsetTop;
    if (top < box.scrollTop || top + item.offsetHeight > box.scrollTop + box.clientHeight) {
      box.scrollTop = top - box.clientHeight / 3;
    }
  }, [current]);
  if (prompts.length < 2) return html`<aside class="outline" hidden></aside>`;
  const from = Math.max(0, current - NEAR);
  return html`<nav class="outline" aria-label="Prompts">
    <h2>Prompts</h2>
    <ol ref=${list} start=${from + 1}>
      ${prompts.slice(from, current + NEAR).map(
        (index, place) => html`<li key=${index}>
          <button aria-current=${from + place === current ? "true" : undefined} onClick=${() => jump(index)}>
            <span>${rows[index].turn.content.trim().slice(0, 140) || "(no text)"}</span>
            <time>${time(rows[index].turn.timestamp)}</time>
          </button>
        </li>`,
      )}
    </ol>
  </nav>`;
}
