// One session: its head, its turns, and the prompts to jump between.

import { api } from "../api.js";
import { go, sessionAddress } from "../address.js";
import { useKeys } from "../keys.js";
import { useChanges } from "../live.js";
import { copyText } from "../part/copy.js";
import { FindBar, useFind } from "../part/find.js";
import { Icon } from "../part/icon.js";
import { Outline } from "../part/outline.js";
import { Rows } from "../part/rows.js";
import { SessionHead } from "../part/sessionhead.js";
import { Failed, Loading } from "../part/states.js";
import { Turn, estimateRow } from "../part/turn.js";
import { Transcript } from "../transcript.js";
import { html, useCallback, useEffect, useMemo, useRedraw, useRef, useState, useTitle } from "../ui.js";

/** Turns of the first page, which is what somebody sees, and of those behind it. */
const FIRST = 200;
const NEXT = 2000;

export function Session({ address }) {
  const [, tool, host, id] = address.parts;
  const key = useMemo(() => ({ tool, host, session_id: id }), [tool, host, id]);
  const { session, transcript, complete, error, again, follow } = useTranscript(key);
  useTitle(session?.title);
  if (error && !session) return html`<div class="column"><${Failed} error=${error} again=${again} /></div>`;
  if (!session) return html`<div class="column"><${Loading} rows=${8} /></div>`;
  return html`<${Reading}
    session=${session}
    transcript=${transcript}
    complete=${complete}
    error=${error}
    again=${again}
    follow=${follow}
    wanted=${address.turn}
  />`;
}

function Reading({ session, transcript, complete, error, again, follow, wanted }) {
  const control = useRef({}).current;
  const redraw = useRedraw();
  const [lit, setLit] = useState(-1);
  const [at, setAt] = useState(0);
  const opened = useRef(new Map()).current; // rows that were opened or closed by hand
  const [all, setAll] = useState({ tools: false, thinking: false });
  const rows = transcript.rows;
  const count = complete ? rows.length : Math.max(session.turns, rows.length);

  const jump = useCallback(
    (index, { light = true } = {}) => {
      if (index < 0) return;
      control.show(index);
      setAt(index);
      if (light) setLit(index);
    },
    [control],
  );

  // The turn of the address, as soon as its page is there.
  const done = useRef(null);
  useEffect(() => {
    if (wanted === null || done.current === wanted) return;
    const index = transcript.find(wanted);
    if (index < 0) return;
    done.current = wanted;
    opened.set(index, true);
    jump(index);
  }, [wanted, transcript.version]);
  useEffect(() => {
    if (wanted === null) done.current = null;
  }, [wanted]);

  // New turns keep somebody at the end who is at the end.
  const end = useRef(false);
  control.onScroll = () => {
    end.current = control.isAtEnd();
    const first = control.first();
    if (first !== at) setAt(first);
  };
  const before = useRef(rows.length);
  const [news, setNews] = useState(0);
  useEffect(() => {
    const added = rows.length - before.current;
    before.current = rows.length;
    if (!follow.current || added <= 0) return;
    if (end.current) window.scrollTo({ top: document.documentElement.scrollHeight });
    else setNews((sum) => sum + added);
  }, [rows.length]);
  useEffect(() => {
    if (end.current) setNews(0);
  }, [at]);

  const find = useFind({ transcript, version: transcript.version, jump, opened });
  const toPrompt = (step) => {
    const from = lit >= 0 && Math.abs(lit - at) < 40 ? lit : at;
    jump(transcript.promptFrom(from, step));
  };
  const toggle = (name) => {
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
    u: () => session.parent_session_id && go(sessionAddress({ ...session, session_id: session.parent_session_id })),
    G: () => jump(count - 1, { light: false }),
    escape: find.close,
  });

  const context = { session, opened, all, redraw, query: find.query };
  const draw = (index) => {
    const row = rows[index];
    if (!row) return html`<div class="skeleton skeleton-turn"></div>`;
    if (row.hidden) return null;
    return html`<${Turn} row=${row} index=${index} lit=${index === lit} context=${context} version=${transcript.version} />`;
  };
  const missing = wanted !== null && done.current !== wanted;
  return html`<div class="session">
    <div class="column session-main">
      <${SessionHead} session=${session} all=${all} toggle=${toggle} onFind=${find.open} />
      ${missing && html`<p class="notice" role="status">${complete ? "The turn of this link is not in this session." : "Looking for the turn of this link…"}</p>`}
      ${error && html`<${Failed} error=${error} again=${again} />`}
      <${FindBar} find=${find} complete=${complete} />
      <${Rows}
        count=${count}
        version=${transcript.version}
        estimate=${(index) => (rows[index] ? estimateRow(rows[index]) : 90)}
        keyOf=${(index) => rows[index]?.turn.turn_id ?? `ahead-${index}`}
        draw=${draw}
        control=${control}
        onRange=${find.paint}
      />
      ${complete && rows.length === 0 && html`<p class="list-end">No turns</p>`}
      ${news > 0 && html`<button class="news" onClick=${() => { setNews(0); jump(count - 1, { light: false }); }}><${Icon} name="down" />${news} new</button>`}
    </div>
    <${Outline} transcript=${transcript} version=${transcript.version} at=${at} jump=${jump} />
  </div>`;
}

/** Load a session page by page, and what is added to it later. */
function useTranscript(key) {
  const transcript = useMemo(() => new Transcript(), [key]);
  const [state, setState] = useState({ session: null, complete: false, error: null });
  const follow = useRef(false);
  const job = useRef(null);
  const load = useCallback(
    async (after, isUpdate = false) => {
      job.current?.abort();
      const mine = (job.current = new AbortController());
      follow.current = isUpdate;
      let next = after;
      try {
        do {
          const first = transcript.rows.length === 0;
          const params = { turns: first ? FIRST : NEXT };
          if (next >= 0) params.after = next;
          const page = await api.session(key, params, mine.signal);
          if (mine.signal.aborted) return;
          transcript.add(page.turns);
          next = page.next;
          const head = page.resume_command ? { resume_command: page.resume_command } : {};
          setState({ session: { ...page.session, ...head }, complete: next === null, error: null });
          if (first) performance.mark("lethe:session");
          await idle();
        } while (next !== null && !mine.signal.aborted);
      } catch (error) {
        if (!mine.signal.aborted) setState((before) => ({ ...before, error }));
      }
      if (job.current === mine) job.current = null;
    },
    [key],
  );
  useEffect(() => {
    setState({ session: null, complete: false, error: null });
    load(-1);
    return () => job.current?.abort();
  }, [load]);
  const update = useCallback(
    (from) => {
      if (job.current === null) load(Math.min(from, transcript.lastSeq), true);
    },
    [load],
  );
  const changed = useCallback(
    ({ session, turns }) => {
      const isThis = session.tool === key.tool && session.host === key.host && session.session_id === key.session_id;
      if (isThis) update(turns.length ? turns[0].seq - 1 : transcript.lastSeq);
    },
    [update],
  );
  const again = useCallback(() => update(transcript.lastSeq), [update]);
  useChanges(changed, again);
  return { ...state, transcript, follow, again: () => load(transcript.lastSeq) };
}

/** Let the browser draw and listen before going on. */
const idle = () =>
  new Promise((resolve) => {
    if (window.requestIdleCallback) window.requestIdleCallback(resolve, { timeout: 100 });
    else setTimeout(resolve, 16);
  });
