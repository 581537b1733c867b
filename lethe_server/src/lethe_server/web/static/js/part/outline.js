// The prompts of a session beside it, to jump to.

import { time } from "../format.js";
import { html, useEffect, useMemo, useRef } from "../ui.js";

/** So many prompts around the present one are listed. */
const NEAR = 100;

/**
 * The prompts of a session in their order: of a long one as they were found, of others as they are.
 *
 * @returns {Array<{id, seq, text, timestamp}>}
 */
export function promptsOf({ transcript, headings }) {
  const last = headings.at(-1)?.seq ?? -1;
  const here = transcript.prompts.map((index) => transcript.rows[index].turn).filter(({ seq }) => seq > last);
  if (!here.length) return headings;
  return [
    ...headings,
    ...here.map(({ turn_id: id, seq, content, timestamp }) => ({ id, seq, text: content, timestamp })),
  ];
}

/**
 * @param {Array} prompts of the session
 * @param {number} current the place of the present one among them
 * @param {(turnId: string) => void} seek a prompt, which may not be loaded
 */
export function Outline({ prompts, current, seek }) {
  const list = useRef(null);
  const items = useMemo(() => new Map(), [prompts]); // those that stay are not compared
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
      ${prompts.slice(from, current + NEAR).map(({ id, text, timestamp }, place) => {
        const isCurrent = from + place === current;
        if (!isCurrent && items.has(id)) return items.get(id);
        const item = html`<li key=${id}>
          <button aria-current=${isCurrent ? "true" : undefined} onClick=${() => seek(id)}>
            <span>${text.trim().slice(0, 140) || "(no text)"}</span>
            <time>${time(timestamp)}</time>
          </button>
        </li>`;
        if (!isCurrent) items.set(id, item);
        return item;
      })}
    </ol>
  </nav>`;
}
