// Hosts: what is archived of each tool on each machine, and how late it came.

import { api } from "../api.js";
import { addressOf } from "../address.js";
import { ago, count, duration, exactTime, isoTime } from "../format.js";
import { Icon } from "../part/icon.js";
import { Completeness } from "../part/completeness.js";
import { ToolName } from "../part/sessionrow.js";
import { Empty, Failed, Loading, NotOffered } from "../part/states.js";
import { html, useLoaded, useTitle } from "../ui.js";

/** Without anything new for so long (seconds), a machine may have been forgotten. */
const QUIET = 14 * 86400;

export function Hosts() {
  useTitle("Hosts");
  const { value, error, again } = useLoaded((signal) => api.hosts(signal), []);
  const hosts = Object.entries(Object.groupBy(value?.hosts ?? [], ({ host }) => host));
  return html`<div class="column column-wide">
    <h1 class="page-title">Hosts</h1>
    ${error && (error.isMissing ? html`<${NotOffered} what="hosts" />` : html`<${Failed} error=${error} again=${again} />`)}
    ${!value && !error && html`<${Loading} />`}
    ${value && hosts.length === 0 && html`<${Empty} icon="host" title="No machine has delivered anything yet"><p><code>lethe up</code> starts a collector on this machine.</p><//>`}
    <div class="hosts">
      ${hosts.map(([host, rows]) => html`<${Host} key=${host} host=${host} rows=${rows} />`)}
    </div>
    ${hosts.length > 0 &&
    html`<p class="aside-text">
      The tables count what arrived here. What a machine still holds back or could not read is told
      by its collector; <code>lethe-collector status</code> tells it there, too.
    </p>`}
  </div>`;
}

function Host({ host, rows }) {
  const last = Math.max(...rows.map((row) => row.last_received ?? 0));
  const now = Date.now() / 1000;
  return html`<section class="card" aria-label=${host}>
    <header class="card-head">
      <h2><${Icon} name="host" /><a href=${addressOf("/", { host })}>${host}</a></h2>
      <span class="muted">heard of ${ago(last)}</span>
    </header>
    ${last > 0 && now - last > QUIET && html`<p class="notice">Nothing new has arrived for ${duration(now - last)}. Does its collector run?</p>`}
    <${Completeness} host=${host} />
    <div class="table-frame" tabindex="0" role="region" aria-label=${`Tools on ${host}`}>
      <table class="numbers">
        <thead>
          <tr><th scope="col">Tool</th><th scope="col">Sessions</th><th scope="col">Turns</th><th scope="col">Last event</th><th scope="col" class="cell-extra" title="How long the newest turn took to come here">Arrived after</th></tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) => html`<tr key=${row.tool}>
              <th scope="row"><a href=${addressOf("/", { host, tool: row.tool })}><${ToolName} tool=${row.tool} /></a></th>
              <td>${count(row.sessions)}</td>
              <td>${count(row.turns)}</td>
              <td><time datetime=${isoTime(row.last_event)} title=${exactTime(row.last_event)}>${row.last_event === null ? "–" : ago(row.last_event)}</time></td>
              <td class="cell-extra">${row.lag === null ? "–" : duration(row.lag)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}
