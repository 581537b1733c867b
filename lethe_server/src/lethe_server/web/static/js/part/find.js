// Find within a session. Where all turns are here they are searched as one types, letter by letter,
// also those that are not drawn. Of a long session the server finds the words, and the place of a
// hit is loaded when somebody goes there. Hits in what is drawn are painted by the browser
// (CSS.highlights), without a change to any node.

import { count } from "../format.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../ui.js";
import { Icon } from "./icon.js";

const MOST_RANGES = 2000;
/** Hits of one answer, and how long one may type on before it is asked for (milliseconds). */
const PAGE = 1000;
const PAUSE = 120;

const NOTHING = { needle: "", hits: [], total: 0, more: false, next: null, marks: [], error: null };

/**
 * @param {Pages} pages of the session
 * @param {any} version changes when turns do
 * @param {{current: number}} at the row that is read
 * @param {(index: number, options: Object) => void} jump to a row
 * @param {(turnId: string) => Promise} seek a turn that may not be here
 * @param {(range: Range) => void} reveal a hit within the turn that was jumped to
 * @returns what the bar and the keys need: `open()`, `close()`, `step(by)`, `paint()`
 */
export function useFind({ pages, version, at, jump, seek, reveal }) {
  const [shown, show] = useState(false);
  const [text, setText] = useState("");
  const [place, setPlace] = useState(-1);
  const input = useRef(null);
  const begin = () => {
    input.current?.focus();
    input.current?.select();
  };
  useLayoutEffect(begin, [shown]); // at once, so that no letter that follows the key is lost
  const isWanted = useRef(false); // the hit within the turn that was jumped to
  const early = useRef(0); // the step that was asked for before anything was found
  const needle = shown ? text.trim().toLowerCase() : "";
  const isHere = pages.isComplete;
  const here = useMemo(() => (isHere ? hitsIn(pages.transcript, needle) : NOTHING), [needle, version, isHere]);
  const [there, more] = useHitsThere(pages, isHere ? "" : needle, version);
  const found = isHere ? here : there;
  const { hits } = found;

  const goTo = (next, list = hits) => {
    if (!list[next]) return;
    setPlace(next);
    isWanted.current = true;
    if (isHere) jump(list[next].index, { open: true });
    else seek(list[next].turn_id);
  };
  const step = async (by) => {
    early.current = found.needle === needle ? 0 : by;
    if (early.current || !hits.length) return;
    if (place >= 0) {
      const next = Math.min(place, hits.length - 1) + by;
      if (found.next === null) goTo((next + hits.length) % hits.length);
      else if (next >= hits.length) goTo(next, await more());
      else if (next >= 0) goTo(next); // the last hit is not known yet
      return;
    }
    const seq = pages.transcript.rows[at.current]?.turn.seq ?? 0;
    const next = hits.findIndex((hit) => (isHere ? hit.index >= at.current : hit.seq >= seq));
    goTo(by > 0 ? Math.max(next, 0) : (next < 0 ? hits.length : next + hits.length - 1) % hits.length);
  };
  useEffect(() => {
    if (early.current && found.needle === needle) step(early.current);
  }, [found]);
  const marks = needle && found.needle === needle ? found.marks : NOTHING.marks;
  return {
    shown,
    text,
    said: needle === "" ? "" : saidOf(found, needle, place),
    input,
    isFocused: () => document.activeElement === input.current,
    open: () => {
      show(true);
      begin();
    },
    close: () => {
      early.current = 0;
      show(false);
      setPlace(-1);
      paint([]);
    },
    type: (typed) => {
      early.current = 0;
      setText(typed);
      setPlace(-1);
    },
    step,
    marks,
    paint: () => {
      const ranges = paint(marks);
      if (!isWanted.current) return;
      const turn = document.querySelector(".turn[data-lit]");
      const first = ranges.find((range) => turn?.contains(range.startContainer));
      if (!first) return;
      isWanted.current = false;
      reveal(first);
    },
  };
}

/** The rows that hold a text. */
function hitsIn(transcript, needle) {
  if (!needle) return NOTHING;
  const hits = [];
  for (let index = 0; index < transcript.rows.length; index += 1) {
    if (transcript.textOf(index).toLowerCase().includes(needle)) hits.push({ index });
  }
  return { ...NOTHING, needle, hits, total: hits.length, marks: [needle] };
}

/** What the server finds, and how to ask for more of it. */
function useHitsThere(pages, needle, version) {
  const [found, setFound] = useState(NOTHING);
  const job = useRef(null);
  const asked = useRef(null); // for more, and not answered yet
  const ask = async (before, signal) => {
    const params = { q: wordsOf(needle), include_tool_outputs: true, limit: PAGE };
    if (before.next !== null) params.after = before.next;
    try {
      const { hits, next, total } = await pages.find(params, signal);
      if (signal.aborted) return [];
      const all = [...before.hits, ...hits];
      const marks = [...new Set([...before.marks, ...all.flatMap(marksOf)])].slice(0, 40);
      setFound({ needle, hits: all, total: total.value, more: total.relation !== "eq", next, marks, error: null });
      return all;
    } catch (error) {
      if (!signal.aborted) setFound({ ...NOTHING, needle, error });
      return [];
    }
  };
  useEffect(() => {
    job.current = new AbortController();
    const { signal } = job.current;
    const timer = needle ? setTimeout(() => ask(NOTHING, signal), PAUSE) : 0;
    return () => {
      clearTimeout(timer);
      job.current.abort();
    };
  }, [needle, pages]);
  const more = () => {
    asked.current ??= ask(found, job.current.signal).finally(() => {
      asked.current = null;
    });
    return asked.current;
  };
  return [needle ? found : NOTHING, more];
}

/** A query for all that was typed: no word of it excludes anything. */
const wordsOf = (text) =>
  text
    .split(/\s+/)
    .map((word) => (/^-[^-]/.test(word) ? `"${word}"` : word))
    .join(" ");

/** The words of a hit as they stand there. */
const marksOf = ({ snippet }) =>
  [...snippet.matchAll(/\u0002([^\u0003]*)\u0003/g)].map(([, word]) => word.toLowerCase());

function saidOf({ needle, hits, total, more, error }, wanted, place) {
  if (needle !== wanted) return "…";
  if (error) return error.code === "OFFLINE" ? "offline" : "failed";
  if (!hits.length) return "nothing";
  return `${place < 0 ? "" : `${count(Math.min(place, hits.length - 1) + 1)} of `}${count(total)}${more ? "+" : ""}`;
}

/** Paint texts, which are in lower case, in all that is drawn; return where they are. */
function paint(marks) {
  const ranges = [];
  if (!globalThis.CSS?.highlights) return ranges;
  CSS.highlights.delete("found");
  const wanted = marks.filter(Boolean);
  if (!wanted.length) return ranges;
  const walker = document.createTreeWalker(document.querySelector(".rows") ?? document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode() && ranges.length < MOST_RANGES) {
    const text = walker.currentNode.data.toLowerCase();
    for (const mark of wanted) {
      for (let from = text.indexOf(mark); from >= 0; from = text.indexOf(mark, from + mark.length)) {
        if (from + mark.length > walker.currentNode.data.length) break;
        const range = new Range();
        range.setStart(walker.currentNode, from);
        range.setEnd(walker.currentNode, from + mark.length);
        ranges.push(range);
      }
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
  return ranges;
}

export function FindBar({ find }) {
  if (!find.shown) return null;
  const press = (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      find.step(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape") {
      find.close();
    }
  };
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
    <span class="find-count" role="status">${find.said}</span>
    <button class="icon-button" aria-label="Previous hit" onClick=${() => find.step(-1)}><${Icon} name="up" /></button>
    <button class="icon-button" aria-label="Next hit" onClick=${() => find.step(1)}><${Icon} name="down" /></button>
    <button class="icon-button" aria-label="Close" onClick=${find.close}><${Icon} name="close" /></button>
  </div>`;
}
