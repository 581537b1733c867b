// Rows: a list of any length of which only what is seen is drawn. The document itself scrolls.
//
// * Rows have the heights that they need. Until a row was drawn its height is an estimate; once it
//   is measured and lies above what is seen, the document is scrolled by the difference, so that
//   nothing moves under the reader's eyes.
// * When rows come in above what is seen, or turn out other than they were thought, or when what stands
//   above the list grows, the document is scrolled by the difference, too.
// * `control.show(index)` scrolls to a row and holds it there while the rows around it are
//   measured, until the reader scrolls.

import { Heights } from "../heights.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useRedraw } from "../ui.js";

/** So far beyond the window rows are drawn (pixels). */
const MARGIN = 900;
/** What somebody scrolls by. */
const SCROLLING = ["wheel", "touchmove", "keydown", "pointerdown"];
/** So many rows are drawn to be printed. */
const MOST_PRINTED = 4000;
/** So far from the upper edge of the window, below the head of the page, one reads (pixels). */
const READ_FROM = 100;

/**
 * @param {number} count of rows
 * @param {(index: number) => number} estimate height in pixels; 0 hides a row
 * @param {(index: number) => any} draw a row
 * @param {(index: number) => string} keyOf a row's identity, which survives new rows before it
 * @param {any} version changes when estimates do
 * @param {{takeChanges}} changes of a list that knows which of its rows changed: `[from, end]` each
 * @param {Map<string, number>} known heights that were measured before, by key
 * @param {Object} control gets `show(index)`, `first()`, `isAtEnd()` and `place()`: the first row
 *   that begins where it is seen, and how far below the edge, `{index, gap}`
 * @param {(first: number, last: number) => void} onRange what is drawn now
 */
export function Rows({ count, estimate, draw, keyOf, version, changes, control, known: measured, onRange, label, role }) {
  const redraw = useRedraw();
  const box = useRef(null);
  const known = useRef(measured ?? new Map()); // measured heights by key
  const state = useRef({ first: 0, last: -1, pin: null, shift: 0 }).current;
  // The list may be gone by the time somebody asks where it is.
  const offset = () => (box.current?.getBoundingClientRect().top ?? 0) + window.scrollY;

  const heightOf = (index) => {
    const size = estimate(index);
    return size === 0 ? 0 : (known.current.get(keyOf(index)) ?? size);
  };
  const heights = useMemo(() => {
    const before = state.heights;
    const ranges = changes?.takeChanges() ?? null;
    if (!changes || !before) return new Heights(count, heightOf);
    // The row at the upper edge stays where it is seen.
    const anchor = before.find(Math.max(0, window.scrollY - offset()));
    const top = before.top(anchor);
    let after = before;
    if (ranges === null || count !== before.count) after = new Heights(count, heightOf);
    else for (const [from, end] of ranges) for (let index = from; index < end; index += 1) after.set(index, heightOf(index));
    if (anchor < count) state.shift += after.top(anchor) - top;
    return after;
  }, [count, version]);
  state.heights = heights;

  const range = () => {
    const begin = window.scrollY + state.shift - (box.current ? offset() : window.scrollY);
    const first = heights.find(Math.max(0, begin - MARGIN));
    const last = Math.min(count - 1, heights.find(begin + window.innerHeight + MARGIN));
    return [first, last];
  };
  const [first, last] = !count ? [0, -1] : state.isPrinted ? [0, Math.min(count, MOST_PRINTED) - 1] : range();
  state.first = first;
  state.last = last;

  const observer = useMemo(
    () =>
      new ResizeObserver((entries) => {
        const { heights: sums } = state;
        const begin = window.scrollY - offset();
        let shift = 0;
        let changed = false;
        for (const { target } of entries) {
          const index = Number(target.dataset.row);
          if (!target.isConnected || index >= sums.count) continue;
          const { height } = target.getBoundingClientRect(); // to the fraction: many rows add up
          known.current.set(target.dataset.key, height);
          // What is seen begins further down by as much as rows above it have grown.
          const isAbove = sums.top(index) + sums.values[index] <= begin + shift + 1;
          const change = sums.set(index, height);
          if (change) changed = true;
          if (isAbove) shift += change;
        }
        if (!changed) return;
        if (state.pin !== null) settle();
        else if (shift) window.scrollBy({ top: shift, behavior: "instant" });
        redraw();
      }),
    [],
  );

  const settle = () => {
    const { index, gap } = state.pin;
    const top = offset() + state.heights.top(index) - gap;
    window.scrollTo({ top, behavior: "instant" });
  };

  useLayoutEffect(() => {
    const seen = new Set(box.current.querySelectorAll(":scope > [data-row]"));
    for (const row of state.observed ?? []) if (!seen.has(row)) observer.unobserve(row);
    for (const row of seen) if (!state.observed?.has(row)) observer.observe(row);
    state.observed = seen;
    const { shift } = state;
    state.shift = 0;
    if (state.pin !== null) settle();
    else if (shift) window.scrollBy({ top: shift, behavior: "instant" });
    onRange?.(first, last);
  });

  // What stands above the list may come late; who reads within the list stays there.
  useLayoutEffect(() => {
    let begin = offset();
    const above = new ResizeObserver(() => {
      const change = offset() - begin;
      if (!change) return;
      const isWithin = window.scrollY > begin;
      begin += change;
      if (state.pin !== null) settle();
      else if (isWithin) window.scrollBy({ top: change, behavior: "instant" });
    });
    above.observe(box.current.parentElement);
    return () => above.disconnect();
  }, []);

  useEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      if (!box.current || !state.count) return;
      const [from, to] = state.range();
      if (state.isPrinted) return;
      // A little slack keeps most small movements from drawing anything.
      if (Math.abs(from - state.first) > 2 || Math.abs(to - state.last) > 2) redraw();
      state.onScroll?.();
    };
    const onScroll = () => {
      frame ||= requestAnimationFrame(look);
    };
    // A key that the page has taken is no scrolling of the reader's.
    const release = (event) => {
      if (!event.defaultPrevented) state.pin = null;
    };
    window.addEventListener("scroll", onScroll, { passive: true });
    window.addEventListener("resize", redraw);
    const print = ({ type }) => {
      state.isPrinted = type === "beforeprint";
      redraw();
    };
    window.addEventListener("beforeprint", print);
    window.addEventListener("afterprint", print);
    for (const kind of SCROLLING) {
      window.addEventListener(kind, release, { passive: true });
    }
    return () => {
      cancelAnimationFrame(frame);
      window.removeEventListener("scroll", onScroll);
      window.removeEventListener("resize", redraw);
      window.removeEventListener("beforeprint", print);
      window.removeEventListener("afterprint", print);
      for (const kind of SCROLLING) {
        window.removeEventListener(kind, release);
      }
      observer.disconnect();
    };
  }, []);
  state.range = range;
  state.count = count;
  state.onScroll = control?.onScroll;

  if (control) {
    control.show = (index, gap = 96) => {
      state.pin = { index, gap };
      settle();
      redraw();
    };
    control.first = () => state.heights.find(window.scrollY - offset() + READ_FROM);
    control.place = () => {
      const drawn = [...box.current.querySelectorAll(":scope > [data-row]")];
      const edges = drawn.map((row) => ({ row, ...row.getBoundingClientRect().toJSON() }));
      const seen = edges.filter(({ bottom }) => bottom > READ_FROM);
      const { row, top } = seen.find((edge) => edge.top >= READ_FROM && edge.top < window.innerHeight) ?? seen[0] ?? {};
      return row ? { index: Number(row.dataset.row), gap: top } : null;
    };
    control.isAtEnd = () =>
      window.scrollY + window.innerHeight >= offset() + state.heights.total - 80;
  }

  const rows = [];
  for (let index = first; index <= last; index += 1) {
    const drawn = draw(index);
    if (drawn === null) continue;
    const key = keyOf(index);
    rows.push(html`<div key=${key} data-row=${index} data-key=${key} class="row">${drawn}</div>`);
  }
  return html`<div class="rows" ref=${box} role=${role} aria-label=${label}>
    <div class="rows-space" aria-hidden="true" style=${{ height: `${heights.top(first)}px` }}></div>
    ${rows}
    <div
      class="rows-space"
      aria-hidden="true"
      style=${{ height: `${Math.max(0, heights.total - heights.top(last + 1))}px` }}
    ></div>
  </div>`;
}
