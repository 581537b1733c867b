// Find within a session. All turns are searched, also those that are not drawn; hits in what is
// drawn are painted by the browser (CSS.highlights), without a change to any node.

import { count } from "../format.js";
import { html, useMemo, useRef, useState } from "../ui.js";
import { Icon } from "./icon.js";

const MOST_RANGES = 2000;

/**
 * @returns what the bar and the keys need: `open()`, `close()`, `step(by)`, `paint()`, `query`
 */
export function useFind({ transcript, version, jump, opened }) {
  const [shown, show] = useState(false);
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(-1);
  const input = useRef(null);
  const needle = query.trim().toLowerCase();
  const hits = useMemo(() => {
    if (!shown || !needle) return [];
    const found = [];
    for (let index = 0; index < transcript.rows.length; index += 1) {
      if (transcript.textOf(index).toLowerCase().includes(needle)) found.push(index);
    }
    return found;
  }, [needle, version, shown]);
  const goTo = (place) => {
    if (!hits.length) return;
    const next = (place + hits.length) % hits.length;
    setAt(next);
    opened.set(hits[next], true);
    jump(hits[next]);
  };
  return {
    shown,
    query: shown ? needle : "",
    text: query,
    hits,
    at: Math.min(at, hits.length - 1),
    input,
    isFocused: () => document.activeElement === input.current,
    open: () => {
      show(true);
      requestAnimationFrame(() => {
        input.current?.focus();
        input.current?.select();
      });
    },
    close: () => {
      show(false);
      setAt(-1);
      paint("");
    },
    type: (text) => {
      setQuery(text);
      setAt(-1);
    },
    step: (by) => goTo(at < 0 ? (by > 0 ? 0 : -1) : at + by),
    paint: () => paint(shown ? needle : ""),
  };
}

function paint(needle) {
  if (!globalThis.CSS?.highlights) return;
  CSS.highlights.delete("found");
  if (!needle) return;
  const ranges = [];
  const walker = document.createTreeWalker(document.querySelector(".rows") ?? document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode() && ranges.length < MOST_RANGES) {
    const text = walker.currentNode.data.toLowerCase();
    for (let from = text.indexOf(needle); from >= 0; from = text.indexOf(needle, from + needle.length)) {
      if (from + needle.length > walker.currentNode.data.length) break;
      const range = new Range();
      range.setStart(walker.currentNode, from);
      range.setEnd(walker.currentNode, from + needle.length);
      ranges.push(range);
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}

export function FindBar({ find, complete }) {
  if (!find.shown) return null;
  const press = (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      find.step(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape") {
      find.close();
    }
  };
  const said = !find.query
    ? ""
    : find.hits.length
      ? `${find.at < 0 ? "" : `${find.at + 1} of `}${count(find.hits.length)}${complete ? "" : "…"}`
      : complete
        ? "nothing"
        : "…";
  return html`<div class="find" role="search" aria-label="Find in this session">
    <${Icon} name="search" />
    <input
      ref=${find.input}
      type="text"
      aria-label="Find in this session"
      placeholder="Find in this session"
      value=${find.text}
      onInput=${(event) => find.type(event.target.value)}
      onKeyDown=${press}
    />
    <span class="find-count" role="status">${said}</span>
    <button class="icon-button" aria-label="Previous hit" onClick=${() => find.step(-1)}><${Icon} name="up" /></button>
    <button class="icon-button" aria-label="Next hit" onClick=${() => find.step(1)}><${Icon} name="down" /></button>
    <button class="icon-button" aria-label="Close" onClick=${find.close}><${Icon} name="close" /></button>
  </div>`;
}
