// The prompts of a session beside it, to jump to. Of a long session they are those that were loaded.

import { time } from "../format.js";
import { html, useEffect, useMemo, useRef } from "../ui.js";

/** So many prompts around the present one are listed. */
const NEAR = 100;

/** @param {number} current the place of the present prompt among all */
export function Outline({ transcript, current, jump }) {
  const { prompts, rows } = transcript;
  const list = useRef(null);
  const items = useMemo(() => new Map(), [transcript.version]); // those that stay are not compared
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
      ${prompts.slice(from, current + NEAR).map((index, place) => {
        const isCurrent = from + place === current;
        if (!isCurrent && items.has(index)) return items.get(index);
        const { turn } = rows[index];
        const item = html`<li key=${index}>
          <button aria-current=${isCurrent ? "true" : undefined} onClick=${() => jump(index)}>
            <span>${turn.content.trim().slice(0, 140) || "(no text)"}</span>
            <time>${time(turn.timestamp)}</time>
          </button>
        </li>`;
        if (!isCurrent) items.set(index, item);
        return item;
      })}
    </ol>
  </nav>`;
}
