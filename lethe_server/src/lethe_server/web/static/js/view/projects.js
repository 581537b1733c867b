// Projects: the directories in which work was done.

import { api } from "../api.js";
import { addressOf, setParams } from "../address.js";
import { baseName, brief, count, exactTime, isoTime, shortTime } from "../format.js";
import { ToolName } from "../part/sessionrow.js";
import { Empty, Failed, Loading, NotOffered } from "../part/states.js";
import { html, useLoaded, useState, useTitle } from "../ui.js";

const SORTS = {
  activity: (row) => row.last_activity ?? 0,
  sessions: (row) => row.sessions,
  turns: (row) => row.turns,
  tokens: (row) => row.tokens_in + row.tokens_out + row.cache_read + row.cache_write,
};
/** What makes directories of several hosts one project. */
const JOINS = { directory: "By directory", repository: "By repository", none: "Each host" };
const COLUMNS = [
  ["sessions", "Sessions", (row) => count(row.sessions)],
  ["turns", "Turns", (row) => count(row.turns), "cell-extra"],
  ["tokens", "Tokens", (row) => brief(SORTS.tokens(row))],
];

export function Projects({ address }) {
  useTitle("Projects");
  const [wanted, setWanted] = useState("");
  const join = Object.hasOwn(JOINS, address.params.join ?? "") ? address.params.join : "directory";
  const { value, error, again } = useLoaded((signal) => api.projects({ join, limit: 1000 }, signal), [join]);
  const sort = Object.hasOwn(SORTS, address.params.sort ?? "") ? address.params.sort : "activity";
  const needle = wanted.trim().toLowerCase();
  const rows = (value?.projects ?? [])
    .filter((row) => `${row.project ?? ""} ${row.repository ?? ""}`.toLowerCase().includes(needle))
    .sort((one, other) => SORTS[sort](other) - SORTS[sort](one));
  return html`<div class="column column-wide">
    <h1 class="page-title">Projects</h1>
    <div class="controls">
      <input class="field" type="search" aria-label="Find a project" placeholder="Find a project" value=${wanted} onInput=${(event) => setWanted(event.target.value)} />
      <div class="choice" role="group" aria-label="What is one project">
        ${Object.entries(JOINS).map(([key, label]) => html`<button key=${key} aria-pressed=${join === key ? "true" : "false"} onClick=${() => setParams({ join: key })}>${label}</button>`)}
      </div>
    </div>
    ${error && (error.isMissing ? html`<${NotOffered} what="projects" />` : html`<${Failed} error=${error} again=${again} />`)}
    ${!value && !error && html`<${Loading} />`}
    ${value && rows.length === 0 && html`<${Empty} icon="folder" title=${needle ? "No project is called so" : "No project yet"} />`}
    ${rows.length > 0 &&
    html`<div class="table-frame" tabindex="0" role="region" aria-label="Projects">
      <table class="numbers numbers-wide">
        <thead>
          <tr>
            <th scope="col">Project</th>
            <th scope="col" class="cell-text cell-extra">Tools</th>
            <th scope="col" class="cell-text cell-wide">Hosts</th>
            ${COLUMNS.map(([key, label, , name]) => html`<th scope="col" key=${key} class=${name} aria-sort=${sort === key ? "descending" : undefined}><${Sort} name=${key} label=${label} sort=${sort} /></th>`)}
            <th scope="col" aria-sort=${sort === "activity" ? "descending" : undefined}><${Sort} name="activity" label="Active" sort=${sort} /></th>
          </tr>
        </thead>
        <tbody>
          ${rows.map((row) => html`<${Project} key=${JSON.stringify([row.repository, row.project, row.hosts])} row=${row} />`)}
        </tbody>
      </table>
    </div>`}
  </div>`;
}

function Sort({ name, label, sort }) {
  return html`<button class="sort" aria-pressed=${sort === name ? "true" : "false"} onClick=${() => setParams({ sort: name === "activity" ? undefined : name })}>${label}</button>`;
}

function Project({ row }) {
  const name = row.project ?? row.directories[0]?.working_dir;
  return html`<tr>
    <th scope="row">
      ${name ? html`<a href=${addressOf("/", { project: name })} title=${name}>${baseName(name)}</a>` : "Without a directory"}
      <span class="cell-more">${row.repository ?? name ?? ""}</span>
    </th>
    <td class="cell-text cell-extra">${row.tools.map((tool) => html`<${ToolName} key=${tool} tool=${tool} />`)}</td>
    <td class="cell-text cell-wide">${row.hosts.join(", ")}</td>
    ${COLUMNS.map(([key, , cell, name]) => html`<td key=${key} class=${name}>${cell(row)}</td>`)}
    <td><time datetime=${isoTime(row.last_activity)} title=${exactTime(row.last_activity)}>${shortTime(row.last_activity)}</time></td>
  </tr>`;
}
