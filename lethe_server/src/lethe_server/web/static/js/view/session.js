// One session: its head, its turns, and the prompts to jump between.

import { api } from "../api.js";
import { usePlace } from "../address.js";
import { useKeys } from "../keys.js";
import { useChanges } from "../live.js";
import { copyText } from "../part/copy.js";
import { FindBar, useFind } from "../part/find.js";
import { Icon } from "../part/icon.js";
import { Outline, promptsOf } from "../part/outline.js";
import { Marks } from "../part/prose.js";
import { Rows } from "../part/rows.js";
import { SessionHead } from "../part/sessionhead.js";
import { Failed, Loading } from "../part/states.js";
import { Turn, estimateRow, isFolding } from "../part/turn.js";
import { Pages } from "../pages.js";
import { html, useCallback, useEffect, useLayoutEffect, useMemo, useRedraw, useRef, useState, useTitle } from "../ui.js";

/** So far from the edges of the window a hit is well seen (pixels). */
const READ_FROM = 110;
/** Of a row that is not here yet (pixels). */
const AHEAD_HEIGHT = 90;

export function Session({ address }) {
  const [, tool, host, id] = address.parts;
  const redraw = useRedraw();
  const pages = useMemo(() => new Pages({ tool, host, session_id: id }, redraw), [tool, host, id]);
  useEffect(() => {
    pages.open(window.history.state?.place?.turn ?? address.turn);
    return () => pages.close();
  }, [pages]);
  useChanges(pages.changed, pages.refresh);
  const { session, error, again } = pages;
  useTitle(session?.title);
  if (error && !session) return html`<div class="column"><${Failed} error=${error} again=${again} /></div>`;
  if (!session) return html`<div class="column"><${Loading} rows=${8} /></div>`;
  return html`<${Reading} pages=${pages} wanted=${address.turn} />`;
}

function Reading({ pages, wanted }) {
  const { session, transcript, isComplete: complete, error, again } = pages;
  const control = useRef({}).current;
  const redraw = useRedraw();
  const [lit, setLit] = useState(null); // the turn that was jumped to
  const isLit = useRef(null); // the same, before it is drawn
  const at = useRef(0); // the row that is read
  const [prompt, setPrompt] = useState(0); // the place of its prompt among the others
  const opened = useRef(new Map()).current; // turns that were opened or closed by hand
  const [all, setAll] = useState({ tools: false, thinking: false });
  const { rows } = transcript;

  // Whatever is drawn anew while somebody scrolls is drawn for a new prompt alone.
  const prompts = useMemo(() => promptsOf(pages), [transcript.version, pages.headings]);
  const listed = useRef(prompts);
  listed.current = prompts;
  const read = (index) => {
    at.current = index;
    const seq = transcript.rows[index]?.turn.seq;
    if (seq !== undefined) setPrompt(listed.current.findLastIndex((one) => one.seq <= seq));
  };
  useEffect(() => read(at.current), [prompts]);
  const wish = useRef(0); // counts where somebody wanted to be; what comes late leads nowhere
  const steps = useRef({ ahead: 0, wish: -1 }).current; // pressed, and waiting for a page
  const light = (id) => {
    isLit.current = id;
    setLit(id);
  };
  const point = (index, open) => {
    const id = transcript.rows[index]?.turn.turn_id ?? null;
    if (open) opened.set(id, true);
    light(id);
  };
  const jump = useCallback(
    (index, { open = false } = {}) => {
      if (index < 0) return;
      wish.current += 1;
      point(index, open);
      control.show(index);
      read(index);
    },
    [control],
  );
  const seek = useCallback(
    async (turnId) => {
      const mine = (wish.current += 1);
      const index = await pages.seek(turnId);
      if (wish.current !== mine) return true; // nobody asks any more whether it is there
      jump(index, { open: true });
      return index >= 0;
    },
    [jump],
  );

  // Who comes back is led to what they read; a place in pixels says little before all is measured.
  const placeNow = useCallback(() => {
    const place = control.place?.();
    const row = place && transcript.rows[place.index];
    return row ? { turn: row.turn.turn_id, gap: place.gap } : null;
  }, [control]);
  usePlace(placeNow);
  const comeBack = async ({ turn, gap }) => {
    const mine = (wish.current += 1);
    const index = await pages.seek(turn);
    if (wish.current !== mine) return true;
    if (index < 0) return wanted === null || seek(wanted);
    control.show(index, gap);
    read(index);
    if (wanted === null) return true;
    const led = await pages.seek(wanted);
    if (led >= 0 && wish.current === mine) point(led, true);
    return led >= 0;
  };

  // Where somebody was, else the turn of the address, as soon as it is there.
  const [missing, setMissing] = useState(false);
  useEffect(() => {
    let isWanted = true;
    setMissing(false);
    const { place } = window.history.state ?? {};
    const arrive = async () => (place ? comeBack(place) : wanted === null || seek(wanted));
    arrive().then((found) => isWanted && setMissing(!found));
    return () => {
      isWanted = false;
    };
  }, [wanted]);

  // New turns keep somebody at the end who is at the end.
  const end = useRef(false);
  control.onScroll = () => {
    end.current = control.isAtEnd();
    read(control.first());
    if (end.current && pages.added > known) setKnown(pages.added);
  };
  const [known, setKnown] = useState(0); // of the added turns
  const showEnd = () => {
    control.show(rows.length, 0);
    end.current = true; // also where nothing is to be scrolled
    setKnown(pages.added);
  };
  // At once: the rows hold what was the end, and where that leads may be taken for a place further up.
  useLayoutEffect(() => {
    if (end.current && pages.added > known) showEnd();
  }, [pages.added]);
  const toEnd = () => {
    wish.current += 1;
    showEnd();
    read(rows.length - 1);
    light(null);
  };

  // A hit deep within a long turn is brought to where one reads.
  const reveal = (range) => {
    const row = range.startContainer.parentElement.closest("[data-row]");
    const { top, bottom } = range.getBoundingClientRect();
    if (top > READ_FROM && bottom < window.innerHeight - READ_FROM) return;
    const within = top - row.getBoundingClientRect().top;
    control.show(Number(row.dataset.row), window.innerHeight / 3 - within);
  };
  const find = useFind({ pages, version: transcript.version, at, jump, seek, reveal });
  const toPrompt = async (step) => {
    if (steps.wish === wish.current) {
      steps.ahead += step; // goes on from where the one before it leads
      return;
    }
    steps.ahead = step;
    while (steps.ahead !== 0) {
      const by = Math.sign(steps.ahead);
      const mine = (steps.wish = wish.current += 1);
      const place = isLit.current === null ? -1 : transcript.find(isLit.current);
      const index = await pages.prompt(place >= 0 && Math.abs(place - at.current) < 40 ? place : at.current, by);
      if (wish.current !== mine) return;
      steps.ahead = index < 0 ? 0 : steps.ahead - by;
      jump(index);
    }
    steps.wish = -1;
  };
  const toggle = (name) => {
    const place = control.place?.();
    if (place) {
      // A call that fills the window may close; all else that is read stays where it is.
      const isLedTo = place.gap < 0 && isFolding(rows[place.index]?.kind);
      control.show(place.index, isLedTo ? READ_FROM : place.gap);
    }
    opened.clear();
    setAll((was) => ({ ...was, [name]: !was[name] }));
  };
  useKeys({
    j: () => toPrompt(1),
    k: () => toPrompt(-1),
    f: find.open,
    "mod+f": () => (find.isFocused() ? false : find.open()),
    n: () => find.step(1),
    N: () => find.step(-1),
    o: () => toggle("tools"),
    t: () => toggle("thinking"),
    c: () => session.resume_command && copyText(session.resume_command),
    u: () => document.querySelector(".session-head .parent a")?.click(), // none, if it is not archived
    G: toEnd,
    escape: find.close,
  });

  const context = { session, opened, all, redraw };
  const drawn = useMemo(() => new Map(), [transcript.version, all]); // what is the same is not compared
  const draw = (index) => {
    const row = rows[index];
    if (!row) return html`<div class="skeleton skeleton-turn"></div>`;
    if (row.hidden) return null;
    const { turn_id: id } = row.turn;
    const known = drawn.get(id);
    if (known && known.lit === (id === lit) && known.open === opened.get(id)) return known.node;
    const node = html`<${Turn} row=${row} lit=${id === lit} context=${context} />`;
    drawn.set(id, { node, lit: id === lit, open: opened.get(id) });
    return node;
  };
  const head = useMemo(
    () => html`<${SessionHead} session=${session} all=${all} toggle=${toggle} onFind=${find.open} />`,
    [session, all],
  );
  const outline = useMemo(
    () => html`<${Outline} prompts=${prompts} current=${Math.max(0, prompt)} seek=${seek} />`,
    [prompts, prompt],
  );
  const onRange = (first, last) => {
    pages.need(first, last);
    find.paint();
  };
  return html`<div class="session">
    <div class="column session-main">
      ${head}
      ${missing && html`<p class="notice" role="status">The turn of this link is not in this session.</p>`}
      ${error && html`<${Failed} error=${error} again=${again} />`}
      <${FindBar} find=${find} />
      <${Marks.Provider} value=${find.marks}><${Rows}
        count=${rows.length}
        version=${transcript.version}
        changes=${transcript}
        estimate=${(index) => (rows[index] ? estimateRow(rows[index]) : AHEAD_HEIGHT)}
        keyOf=${(index) => rows[index]?.turn.turn_id ?? `ahead-${index}`}
        draw=${draw}
        control=${control}
        onRange=${onRange}
      /><//>
      ${complete && rows.length === 0 && html`<p class="list-end">No turns</p>`}
      ${pages.added > known && html`<button class="news" onClick=${toEnd}><${Icon} name="down" />${pages.added - known} new</button>`}
    </div>
    ${outline}
  </div>`;
}
