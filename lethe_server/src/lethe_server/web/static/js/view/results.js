// What a search finds, while it is typed.

import { api } from "../api.js";
import { FILTERS, sessionAddress, setParams, usePlace } from "../address.js";
import { baseName, count, exactTime, isoTime, shortTime } from "../format.js";
import { useKeys } from "../keys.js";
import { Chips, dayEnd, dayStart } from "../part/chips.js";
import { Icon } from "../part/icon.js";
import { Marked } from "../part/marks.js";
import { SaveSearch } from "../part/savedsearches.js";
import { ToolName } from "../part/sessionrow.js";
import { Empty, Failed, Loading } from "../part/states.js";
import { html, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../ui.js";

const ROLES = { user: "You", assistant: "Answer", tool: "Tool", system: "System" };

export function Results({ params }) {
  const asked = useMemo(() => queryOf(params), [JSON.stringify(params)]);
  const search = useSearch(asked);
  const outputs = params.outputs === "1";
  const byTime = params.order === "time";
  const results = search.results;
  // What somebody is about to type may not be understood yet.
  const isTyped = search.error?.code === "INVALID" && document.activeElement?.id === "search";
  const failed = isTyped ? null : search.error;
  const list = useRef(null);
  // The hit where somebody is: none, "first" for who came from the box, else its address.
  const walker = useRef(window.history.state?.place?.hit ?? null);
  usePlace(useCallback(() => ({ hit: walker.current }), []));
  useLayoutEffect(() => {
    const enter = () => move(0, true);
    document.addEventListener("lethe:results", enter);
    return () => document.removeEventListener("lethe:results", enter);
  });
  const move = (step, fromBox = false) => {
    const links = [...(list.current?.querySelectorAll("a.result") ?? [])];
    if (!links.length) {
      if (fromBox) walker.current = "first"; // of those that are on their way
      return;
    }
    const at = links.indexOf(document.activeElement);
    const next = fromBox ? 0 : Math.max(0, Math.min(links.length - 1, at + step));
    links[next].focus();
    links[next].scrollIntoView({ block: "nearest" });
    if (fromBox) walker.current = "first";
    if (next >= links.length - 5) search.more();
  };
  // A later answer puts hits into another order, and a browser forgets which one it had moved.
  useLayoutEffect(() => {
    const links = [...(list.current?.querySelectorAll("a.result") ?? [])];
    const isWalking = document.activeElement === document.body || links.includes(document.activeElement);
    if (!walker.current || !isWalking) return;
    const place = walker.current;
    const link = place === "first" ? links[0] : links.find((each) => each.href === place);
    link?.focus({ preventScroll: true });
    walker.current = place;
  }, [results]);
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    arrowdown: () => move(1),
    arrowup: () => move(-1),
  });
  return html`<div class="column">
    <h1 class="off-screen">Search</h1>
    <${Chips} names=${FILTERS} params=${params}>
      <button class="chip" aria-pressed=${outputs ? "true" : "false"} onClick=${() => setParams({ outputs: outputs ? undefined : "1" })}>
        <${Icon} name="terminal" />Tool outputs
      </button>
      <button class="chip" aria-pressed=${byTime ? "true" : "false"} onClick=${() => setParams({ order: byTime ? undefined : "time" })}>
        Newest first
      </button>
      <${SaveSearch} params=${params} />
    <//>
    <${Summary} search=${search} isTyped=${isTyped} />
    ${failed && html`<${Failed} error=${failed} again=${search.again} />`}
    ${!search.error && search.answered && results.length === 0 && html`<${Nothing} outputs=${outputs} />`}
    ${!search.error && !search.answered && html`<${Loading} />`}
    <ol
      class="results"
      ref=${list}
      aria-busy=${search.loading ? "true" : "false"}
      hidden=${results.length === 0 || Boolean(failed)}
      onFocusCapture=${(event) => (walker.current = event.target.href)}
    >
      ${results.map(
        (result, index) => html`<li key=${`${result.tool}/${result.host}/${result.session_id}/${result.turn_id}`}>
          <${Result} result=${result} again=${isSameSession(result, results[index - 1])} />
        </li>`,
      )}
    </ol>
    ${search.cursor && !search.error && html`<${End} onSeen=${search.more} />`}
  </div>`;
}

const isSameSession = (one, other) =>
  other !== undefined && one.session_id === other.session_id && one.host === other.host && one.tool === other.tool;

/** A hit; of several in turn in one session only the first one says which. */
function Result({ result, again }) {
  return html`<a class="result" data-again=${again ? "true" : undefined} href=${sessionAddress(result, result.turn_id)}>
    <span class="result-head">
      <span class="role" data-role=${result.role}>${result.match_source === "tool_output" ? "Output" : (ROLES[result.role] ?? result.role)}</span>
      <span class="result-title">${result.title || "Untitled"}</span>
      <time class="session-row-time" datetime=${isoTime(result.timestamp)} title=${exactTime(result.timestamp)}>${shortTime(result.timestamp)}</time>
    </span>
    <span class="snippet"><${Marked} text=${result.snippet} /></span>
    <span class="meta" hidden=${again}>
      <${ToolName} tool=${result.tool} />
      <span>${baseName(result.working_dir)}</span>
      <span>${result.host}</span>
    </span>
  </a>`;
}

function Summary({ search, isTyped }) {
  const { total, ranking, results } = search;
  const found = total ? `${total.relation === "gte" ? "More than " : ""}${count(total.value)} ${total.value === 1 ? "hit" : "hits"}` : "";
  return html`<p class="summary" role="status">
    ${isTyped && `Not understood so far: ${search.error.message}`}
    ${search.answered && !search.error && results.length > 0 && html`${found}${ranking === "recent" ? ", the best of the newest first" : ""}`}
  </p>`;
}

function Nothing({ outputs }) {
  return html`<${Empty} icon="search" title="Nothing was found">
    <p>
      Fewer words find more. The last word may be a beginning; ${" "}<code>"several words"</code>
      ${" "}must stand together, <code>-word</code> must not be there.
    </p>
    ${!outputs && html`<button class="button" onClick=${() => setParams({ outputs: "1" })}>Search what tools printed, too</button>`}
  <//>`;
}

/** The end of a list: loads more when it comes near. */
function End({ onSeen }) {
  const mark = useRef(null);
  const act = useRef(onSeen);
  act.current = onSeen;
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && act.current(), {
      rootMargin: "800px",
    });
    observer.observe(mark.current);
    return () => observer.disconnect();
  }, []);
  return html`<div class="skeleton" ref=${mark}></div>`;
}

function queryOf(params) {
  return {
    q: params.q.trim() === "" ? params.q : params.q.trimStart(),
    tool: params.tool,
    host: params.host,
    project: params.project,
    role: params.role,
    since: dayStart(params.since),
    until: dayEnd(params.until),
    include_tool_outputs: params.outputs === "1" ? "true" : undefined,
    order: params.order === "time" ? "time" : undefined,
  };
}

const NOTHING = { results: [], cursor: null, total: null, ranking: "", answered: false, error: null };

/** The last answer, for who comes back to it: all pages that were loaded, and none of them anew. */
let kept = null;

/** What was answered, if this is an entry of the history that was left for something else. */
const answerFor = (asked) =>
  kept && window.history.state?.scroll !== undefined && JSON.stringify(kept.asked) === JSON.stringify(asked)
    ? kept.state
    : null;

/** Search; the answer to an earlier question never overwrites that to a later one. */
function useSearch(asked) {
  const [state, setState] = useState(() => answerFor(asked) ?? NOTHING);
  const [loading, setLoading] = useState(false);
  const controller = useRef(null);
  const run = async (cursor) => {
    controller.current?.abort();
    const mine = (controller.current = new AbortController());
    setLoading(true);
    try {
      const answer = await api.search({ ...asked, limit: 30, cursor }, mine.signal);
      if (mine.signal.aborted) return;
      performance.mark("lethe:results");
      setState((before) => ({
        results: cursor ? [...before.results, ...answer.results] : answer.results,
        cursor: answer.next_cursor,
        total: answer.total,
        ranking: answer.ranking,
        answered: true,
        error: null,
      }));
    } catch (error) {
      if (!mine.signal.aborted) setState((before) => ({ ...before, error, answered: true }));
    }
    if (controller.current === mine) setLoading(false);
  };
  useEffect(() => {
    const before = answerFor(asked);
    if (before) setState(before);
    else run();
    return () => controller.current?.abort();
  }, [asked]);
  useEffect(() => {
    if (state.answered && !state.error && !loading) kept = { asked, state };
  }, [state, loading]);
  return {
    ...state,
    loading,
    again: () => run(),
    more: () => {
      if (!loading && state.cursor) run(state.cursor);
    },
  };
}
