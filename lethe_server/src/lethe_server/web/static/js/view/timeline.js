// Sessions by day, the newest first. New ones appear by themselves.

import { api } from "../api.js";
import { FILTERS, go, sessionAddress, setParams, usePlace } from "../address.js";
import { count, dayKey, dayLabel, plural } from "../format.js";
import { useKeys } from "../keys.js";
import { useChanges } from "../live.js";
import { Chips, dayEnd, dayStart } from "../part/chips.js";
import { Icon } from "../part/icon.js";
import { Rows } from "../part/rows.js";
import { SessionRow, isRunning, sessionKey } from "../part/sessionrow.js";
import { Empty, Failed, Loading, titleOf } from "../part/states.js";
import { html, useCallback, useEffect, useMemo, useNow, useRef, useState } from "../ui.js";

const PAGE = 100;
const NAMES = FILTERS.filter((name) => name !== "role");

export function Timeline({ params }) {
  const filters = useMemo(
    () => ({
      tool: params.tool,
      host: params.host,
      project: params.project,
      since: dayStart(params.since),
      until: dayEnd(params.until),
    }),
    [params.tool, params.host, params.project, params.since, params.until],
  );
  const all = params.subagents === "1";
  const heights = useRef(kept?.heights ?? new Map()).current;
  const list = useSessions(filters, heights);
  const rows = useMemo(() => layOut(list.sessions, all), [list.sessions, all]);
  const shown = rows.filter((row) => row.session).length;
  // Where all that came is left out, no row is drawn that would ask for more.
  useEffect(() => {
    if (!rows.length) list.more();
  });
  const selection = useSelection(rows);
  const now = useNow();

  const draw = (index) => {
    const row = rows[index];
    if (!row) return html`<div class="skeleton skeleton-session"></div>`;
    if (row.day) return html`<h2 class="day">${dayLabel(row.at)}</h2>`;
    return html`<${SessionRow}
      session=${row.session}
      running=${isRunning(row.session, now)}
      selected=${selection.key === row.key}
      anchor=${row.key === selection.left ? selection.comeBack : undefined}
    />`;
  };
  const onRange = (first, last) => {
    if (last >= rows.length - 20) list.more();
  };

  return html`<div class="column">
    <h1 class="off-screen">Sessions</h1>
    <${Chips} names=${NAMES} params=${params}>
      <button
        class="chip"
        aria-pressed=${all ? "true" : "false"}
        onClick=${() => setParams({ subagents: all ? undefined : "1" })}
      >
        <${Icon} name="branch" />Subagents
      </button>
    <//>
    ${list.error && rows.length === 0 && html`<${Failed} error=${list.error} again=${list.again} />`}
    ${list.error && rows.length > 0 && html`<p class="notice">${titleOf(list.error)}; what is shown may be old.</p>`}
    ${!list.error && rows.length === 0 && !list.complete && html`<${Loading} rows=${8} />`}
    ${!list.error && rows.length === 0 && list.complete && html`<${Nothing} filters=${filters} leftOut=${list.sessions.length} />`}
    ${rows.length > 0 &&
    html`<${Rows}
      count=${rows.length + (list.complete || list.error ? 0 : 3)}
      version=${rows}
      estimate=${(index) => (rows[index]?.day ? 52 : 84)}
      keyOf=${(index) => rows[index]?.key ?? `ahead-${index}`}
      draw=${draw}
      control=${selection.control}
      known=${heights}
      onRange=${onRange}
    />`}
    ${rows.length > 0 && list.error && html`<${Failed} error=${list.error} again=${list.again} />`}
    ${rows.length > 0 && list.complete && html`<${End} shown=${shown} leftOut=${list.sessions.length - shown} />`}
  </div>`;
}

/** How many sessions there are: those that are seen, and those that are not. */
function End({ shown, leftOut }) {
  return html`<p class="list-end">${plural(shown, "session")}${leftOut > 0 && `, and ${count(leftOut)} of subagents`}</p>`;
}

function Nothing({ filters, leftOut }) {
  if (leftOut > 0) {
    return html`<${Empty} icon="branch" title="There are sessions of subagents alone">
      <button class="button" onClick=${() => setParams({ subagents: "1" })}>Show ${count(leftOut)} of them</button>
    <//>`;
  }
  if (Object.values(filters).some(Boolean)) {
    return html`<${Empty} icon="search" title="No session fits these filters">
      <a class="button" href="/">Show all sessions</a>
    <//>`;
  }
  return html`<${Empty} title="Nothing is archived yet">
    <p>
      Sessions appear here by themselves, as soon as a collector delivers them.${" "}
      <code>lethe up</code> starts one on this machine.
    </p>
  <//>`;
}

/** Put headings between the days; leave subagents out unless all are asked for. */
function layOut(sessions, all) {
  const rows = [];
  let day = null;
  for (const session of sessions) {
    if (!all && session.relation === "subagent") continue;
    const key = dayKey(session.last_activity);
    if (key !== day) {
      rows.push({ day: true, at: session.last_activity, key: `day-${key}` });
      day = key;
    }
    rows.push({ session, key: sessionKey(session) });
  }
  return rows;
}

const NOTHING = { sessions: [], complete: false, loading: true, error: null };
/** The list that was looked at last, so that who comes back from a session finds their place. */
let kept = null;

const keptFor = (filters) => (kept && JSON.stringify(kept.filters) === JSON.stringify(filters) ? kept : null);

/** The sessions that were loaded so far, kept up to date. */
function useSessions(filters, heights) {
  const [state, setState] = useState(() => keptFor(filters)?.state ?? NOTHING);
  const job = useRef({});
  const load = useCallback(
    async (offset) => {
      const mine = (job.current = { running: true, heard: new Map(), isStale: false });
      setState((before) => ({ ...before, loading: true }));
      try {
        const page = await api.sessions({ ...filters, limit: PAGE, offset });
        if (job.current !== mine) return;
        setState((before) => {
          const { sessions, isNext } = joined(before.sessions, page.sessions, offset);
          const complete = isNext ? page.sessions.length < PAGE : before.complete;
          // What was told while the answer was on its way is newer than it.
          return { sessions: merge(sessions, [...mine.heard.values()]), complete, loading: false, error: null };
        });
      } catch (error) {
        if (job.current === mine) setState((before) => ({ ...before, loading: false, error }));
      } finally {
        mine.running = false;
        if (mine.isStale && job.current === mine) load(0);
      }
    },
    [filters],
  );
  useEffect(() => {
    setState(keptFor(filters)?.state ?? NOTHING);
    load(0);
    return () => {
      job.current = {};
    };
  }, [load]);
  useEffect(() => {
    if (state.sessions.length) kept = { filters, state, heights };
  }, [state]);
  const changed = useCallback(
    ({ session }) => {
      if (fits(session, filters)) {
        job.current.heard?.set(sessionKey(session), session);
        setState((before) => ({ ...before, sessions: merge(before.sessions, [session]) }));
      }
    },
    [filters],
  );
  // What was scrolled past stays there, and so does who reads it; what is on its way is shown first.
  const refresh = useCallback(() => {
    if (job.current.running) job.current.isStale = true;
    else load(0);
  }, [load]);
  useChanges(changed, refresh);
  return {
    ...state,
    again: () => load(state.sessions.length),
    more: () => {
      if (!job.current.running && !state.complete && !state.error) load(state.sessions.length);
    },
  };
}

/**
 * Put a page to the sessions that are here. The newest ones are put before the others, unless more
 * than a page of them is new: then nobody knows what lies between, and it begins anew.
 */
function joined(before, page, offset) {
  const keys = new Set(before.map(sessionKey));
  const isNext = offset > 0 || !page.some((session) => keys.has(sessionKey(session)));
  return { sessions: merge(offset === 0 && isNext ? [] : before, page), isNext };
}

/** Join sessions; of one that is in both, the later one counts. The newest activity comes first. */
function merge(before, found) {
  const keys = new Set(found.map(sessionKey));
  const joined = [...before.filter((session) => !keys.has(sessionKey(session))), ...found];
  return joined.sort((one, other) => (other.last_activity ?? 0) - (one.last_activity ?? 0));
}

/** Whether a session that changed belongs into a filtered list; the server's rules, once more. */
function fits(session, { tool, host, project: asked, since, until }) {
  const bare = (path) => path.replace(/[/\\]+$/, "") || path;
  const directory = bare(session.working_dir ?? "");
  const project = asked && bare(asked);
  return (
    (!tool || session.tool === tool) &&
    (!host || session.host === host) &&
    (!project || directory === project || directory.endsWith(`/${project}`) || directory.endsWith(`\\${project}`)) &&
    (!since || (session.last_activity ?? 0) >= since) &&
    (!until || (session.started_at ?? Infinity) < until)
  );
}

/** Which row the keys are at; who comes back from a session finds it chosen and in focus. */
function useSelection(rows) {
  const left = useRef(window.history.state?.place?.row ?? null);
  const [key, setKey] = useState(left.current);
  const control = useRef({}).current;
  usePlace(useCallback(() => ({ row: document.activeElement?.closest(".session-row")?.closest("[data-key]").dataset.key ?? key }), [key]));
  const comeBack = useCallback((row) => {
    if (!row || left.current === null) return;
    left.current = null;
    // It cannot be in focus before the list that is being made is in the document.
    queueMicrotask(() => document.activeElement === document.body && row.focus({ preventScroll: true }));
  }, []);
  const move = (step) => {
    const stops = rows.flatMap((row, index) => (row.session ? [index] : []));
    if (!stops.length) return;
    const at = stops.findIndex((index) => rows[index].key === key);
    const next = at < 0 ? 0 : Math.max(0, Math.min(stops.length - 1, at + step));
    left.current = null;
    setKey(rows[stops[next]].key);
    document.activeElement?.closest(".session-row")?.blur(); // else Enter would open that one
    control.show?.(stops[next], window.innerHeight / 3);
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    enter: () => {
      const row = rows.find((candidate) => candidate.key === key);
      if (!row || document.activeElement?.closest("a, button")) return false;
      go(sessionAddress(row.session));
      return true;
    },
  });
  return { key, control, left: left.current, comeBack };
}
