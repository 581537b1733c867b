// Stats: what was used, by day and by whatever is asked for, as a chart and as a table.

import { api } from "../api.js";
import { addressOf, setParams } from "../address.js";
import { baseName, brief, count, money, toolLabel } from "../format.js";
import { Chart } from "../part/chart.js";
import { Chips, dayEnd, dayStart, daysAgo, shiftedDay } from "../part/chips.js";
import { Empty, Failed, Loading } from "../part/states.js";
import { html, useLoaded, useTitle } from "../ui.js";

const RANGES = [
  ["7", "7 days"],
  ["30", "30 days"],
  ["90", "90 days"],
  ["365", "A year"],
  ["all", "All"],
];
const MEASURES = {
  tokens: { label: "Tokens", of: tokensOf, show: brief },
  sessions: { label: "Sessions", of: (row) => row.sessions, show: count },
  turns: { label: "Turns", of: (row) => row.turns, show: count },
  cost: { label: "Cost", of: (row) => row.cost_usd ?? 0, show: money },
  estimate: { label: "Estimate", of: (row) => row.cost_estimate_usd ?? 0, show: money },
};
const DIMENSIONS = { tool: "Tool", model: "Model", project: "Project", host: "Host" };
/** So many groups have a colour of their own; the others share one. */
const OWN_COLOURS = 7;
const OTHERS = "Others";

function tokensOf(row) {
  return row.tokens_in + row.tokens_out + row.cache_read + row.cache_write;
}

export function Stats({ address }) {
  useTitle("Stats");
  const { params } = address;
  const range = params.since || params.until ? "" : (params.range ?? "30");
  const by = Object.hasOwn(DIMENSIONS, params.by ?? "") ? params.by : "tool";
  const measure = MEASURES[params.show] ? params.show : "tokens";
  const isSinceEver = range === "all" || (params.until && !params.since);
  const asked = {
    since: isSinceEver ? undefined : dayStart(params.since ?? daysAgo(Number(range || 30) - 1)),
    until: dayEnd(params.until),
    tool: params.tool,
    host: params.host,
    project: params.project,
  };
  const inputs = [range, params.since, params.until, by, params.tool, params.host, params.project];
  const period = isSinceEver || range === "365" ? "week" : "day";
  const load = async (signal) => {
    const [series, table] = await Promise.all([
      api.stats({ ...asked, group_by: `${period},${by}` }, signal),
      api.stats({ ...asked, group_by: by }, signal),
    ]);
    return { series, table, by, period, since: asked.since, until: asked.until };
  };
  const { value, error, loading, again } = useLoaded(load, inputs);
  return html`<div class="column column-wide">
    <h1 class="page-title">Stats</h1>
    <div class="controls">
      <${Choice} label="Range" name="range" value=${range} options=${RANGES} clear=${["since", "until"]} />
      <${Choice} label="Measure" name="show" value=${measure} options=${Object.entries(MEASURES).map(([key, { label }]) => [key, label])} />
      <${Choice} label="By" name="by" value=${by} options=${Object.entries(DIMENSIONS)} />
    </div>
    <${Chips} names=${["tool", "host", "project", "since", "until"]} params=${params} />
    ${error && html`<${Failed} error=${error} again=${again} />`}
    ${!error && !value && html`<${Loading} />`}
    ${!error && value && html`<div aria-busy=${loading ? "true" : "false"}><${Figures} value=${value} measure=${measure} params=${params} /></div>`}
  </div>`;
}

/** Some buttons of which one is pressed; the choice stands in the address. */
function Choice({ label, name, value, options, clear = [] }) {
  const change = (key) => setParams({ [name]: key, ...Object.fromEntries(clear.map((other) => [other, undefined])) });
  return html`<div class="choice" role="group" aria-label=${label}>
    ${options.map(
      ([key, text]) => html`<button key=${key} aria-pressed=${key === value ? "true" : "false"} onClick=${() => change(key)}>${text}</button>`,
    )}
  </div>`;
}

function Figures({ value, measure, params }) {
  const { totals } = value.table;
  const { of, show, label } = MEASURES[measure];
  if (!totals.turns) {
    const all = () => setParams({ range: "all", since: undefined, until: undefined });
    return html`<${Empty} icon="chart" title="Nothing in this time">
      ${(params.range !== "all" || params.until) && html`<button class="button" onClick=${all}>Show all time</button>`}
    <//>`;
  }
  const groups = [...value.table.groups].sort((one, other) => of(other) - of(one));
  const names = groups.map((group) => group[value.by]);
  const shown = names.slice(0, names.length > OWN_COLOURS + 1 ? OWN_COLOURS : OWN_COLOURS + 1);
  const labels = [...shown.map((name) => labelOf(value.by, name)), ...(names.length > shown.length ? [OTHERS] : [])];
  const address = (changes) => addressOf("/", { ...filtersOf(params, value), ...changes });
  const columns = columnsOf(value, shown, of, labels.length, address);
  return html`
    <dl class="figures">
      <div><dt>Sessions</dt><dd>${count(totals.sessions)}</dd></div>
      <div><dt>Turns</dt><dd>${count(totals.turns)}</dd></div>
      <div title=${count(totals.tokens_in)}><dt>Tokens in</dt><dd>${brief(totals.tokens_in)}</dd></div>
      <div title=${count(totals.cache_read)}><dt>Cache reads</dt><dd>${brief(totals.cache_read)}</dd></div>
      <div title=${count(totals.cache_write)}><dt>Cache writes</dt><dd>${brief(totals.cache_write)}</dd></div>
      <div title=${count(totals.tokens_out)}><dt>Tokens out</dt><dd>${brief(totals.tokens_out)}</dd></div>
      <div title="As far as the tools report it"><dt>Cost, as reported</dt><dd>${money(totals.cost_usd)}</dd></div>
      <div title="What the same tokens would cost by a list of prices, reported or not"><dt>Cost, estimated</dt><dd>${money(totals.cost_estimate_usd)}</dd></div>
    </dl>
    <${Chart} title=${`${label} by ${value.period} and ${DIMENSIONS[value.by].toLowerCase()}`} labels=${labels} columns=${columns} show=${show} />
    <${Table} groups=${groups} by=${value.by} shown=${shown} address=${address} />
  `;
}

const labelOf = (by, name) =>
  name === null ? "unknown" : by === "tool" ? toolLabel(name) : by === "project" ? baseName(name) : name;

/** The filters of the view as those of the list of sessions. */
function filtersOf(params, { since }) {
  const day = (seconds) => (seconds ? new Date(seconds * 1000).toLocaleDateString("sv") : undefined);
  return { tool: params.tool, host: params.host, project: params.project, since: params.since ?? day(since), until: params.until };
}

/** One column a day or week, also for those in which nothing was done. */
function columnsOf({ series, by, period, since, until }, shown, of, height, address) {
  const found = new Map();
  for (const group of series.groups) {
    const key = group[period];
    if (!key) continue;
    if (!found.has(key)) found.set(key, new Array(height).fill(0));
    const place = shown.indexOf(group[by]);
    found.get(key)[place < 0 ? height - 1 : place] += of(group);
  }
  const keys = [...found.keys()].sort();
  if (!keys.length) return [];
  const step = period === "week" ? 7 : 1;
  const date = period === "day" && since ? new Date(since * 1000) : new Date(`${keys[0]}T12:00`);
  date.setHours(12);
  const last = new Date(`${keys.at(-1)}T12:00`);
  const lastAsked = new Date(Math.min(Date.now(), until ? (until - 1) * 1000 : Infinity));
  const end = period === "day" ? new Date(Math.max(last, lastAsked.setHours(12, 0, 0, 0))) : last;
  const columns = [];
  for (; date <= end; date.setDate(date.getDate() + step)) {
    const key = date.toLocaleDateString("sv");
    columns.push({
      key,
      values: found.get(key) ?? new Array(height).fill(0),
      address: address({ since: key, until: shiftedDay(key, step - 1) }),
    });
  }
  return columns;
}

const COLUMNS = [
  ["Sessions", (row) => count(row.sessions)],
  ["Turns", (row) => count(row.turns)],
  ["In", (row) => brief(row.tokens_in)],
  ["Cache reads", (row) => brief(row.cache_read)],
  ["Cache writes", (row) => brief(row.cache_write)],
  ["Out", (row) => brief(row.tokens_out)],
  ["Cost", (row) => money(row.cost_usd)],
  ["Estimate", (row) => money(row.cost_estimate_usd)],
];

function Table({ groups, by, shown, address }) {
  return html`<div class="table-frame" tabindex="0" role="region" aria-label="Numbers">
    <table class="numbers">
      <thead>
        <tr><th scope="col">${DIMENSIONS[by]}</th>${COLUMNS.map(([label]) => html`<th scope="col" key=${label}>${label}</th>`)}</tr>
      </thead>
      <tbody>
        ${groups.map((group) => {
          const name = group[by];
          const place = shown.indexOf(name);
          return html`<tr key=${String(name)}>
            <th scope="row">
              <span class="tool-dot" data-hue=${place < 0 ? 7 : place} aria-hidden="true"></span>${" "}
              ${name === null || by === "model" ? labelOf(by, name) : html`<a href=${address({ [by]: name })} title=${name}>${labelOf(by, name)}</a>`}
            </th>
            ${COLUMNS.map(([label, cell]) => html`<td key=${label}>${cell(group)}</td>`)}
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}
