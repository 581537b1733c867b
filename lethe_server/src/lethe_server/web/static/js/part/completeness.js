// What the collector of a machine says: whether all that lies there is archived, and what is not.

import { api } from "../api.js";
import { ago, bytes, plural } from "../format.js";
import { html, useLoaded } from "../ui.js";
import { Icon } from "./icon.js";

/** A report that is older (seconds) says nothing of now. */
const OLD = 86400;

export function Completeness({ host }) {
  const { value, error, loading } = useLoaded((signal) => api.completeness(host, signal), [host]);
  if (loading && !value) return null;
  if (error) {
    return html`<p class="muted completeness">
      ${error.isMissing ? "Its collector has not said yet what is on its disk." : "What its collector says cannot be had now."}
    </p>`;
  }
  const old = value.age > OLD;
  const tools = Object.values(value.report.tools);
  const sum = (name) => tools.reduce((total, tool) => total + (tool[name] ?? 0), 0);
  const bad = [
    value.lost_bytes && `${bytes(value.lost_bytes)} were lost before they were read`,
    value.lost_turns && `${plural(value.lost_turns, "turn")} lost with a database of the server, at most`,
    value.refused && `${plural(value.refused, "event")} refused for good`,
    sum("failing") && `${plural(sum("failing"), "file")} cannot be read`,
  ].filter(Boolean);
  const late = [
    sum("lagging") && `${plural(sum("lagging"), "file")} not read to the end (${bytes(value.at_risk_bytes)})`,
    value.waiting_events && `${plural(value.waiting_events, "event")} waiting to be delivered`,
  ].filter(Boolean);
  const state = bad.length ? "bad" : late.length || old ? "late" : "good";
  const said = [...bad, ...late];
  return html`<div class="completeness" data-state=${state}>
    <p>
      <${Icon} name=${state === "good" ? "check" : "alert"} />
      ${said.length ? said.join("; ") : `All is archived, of ${plural(sum("files"), "file")}`}
      <span class="muted">(its collector, ${ago(value.reported_at)})</span>
    </p>
    ${value.report.open?.length > 0 &&
    html`<details>
      <summary>${plural(value.report.open.length, "file")} with something open</summary>
      <ul>
        ${value.report.open.map(
          (source, index) => html`<li key=${index}><code>${source.path}</code> <span class="muted">${source.why}</span></li>`,
        )}
      </ul>
    </details>`}
  </div>`;
}
