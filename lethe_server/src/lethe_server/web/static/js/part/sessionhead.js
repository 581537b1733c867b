// The head of a session: what it is, where it comes from and what can be done with it.

import { api } from "../api.js";
import { addressOf, sessionAddress } from "../address.js";
import { baseName, brief, count, dayLabel, duration, exactTime, isoTime, money, plural, time } from "../format.js";
import { html, useLayoutEffect, useLoaded, useNow, useRef } from "../ui.js";
import { Copy } from "./copy.js";
import { Icon } from "./icon.js";
import { useMenu } from "./menu.js";
import { Related } from "./related.js";
import { Running, ToolName, isRunning } from "./sessionrow.js";

const FORMATS = [
  ["md", "Markdown"],
  ["html", "HTML"],
  ["json", "JSON"],
  ["jsonl", "JSON lines"],
];

export function SessionHead({ session, all, toggle, onFind }) {
  const now = useNow();
  const lasted = session.last_activity - session.started_at;
  return html`<header class="session-head">
    <${Parent} session=${session} />
    <h1>${session.title || "Untitled"}</h1>
    <p class="meta">
      ${isRunning(session, now) && html`<${Running} />`}
      <${ToolName} tool=${session.tool} />
      ${session.working_dir &&
      html`<a href=${addressOf("/", { project: session.working_dir })} title=${session.working_dir}>${baseName(session.working_dir)}</a>`}
      ${session.git_branch && html`<span class="branch"><${Icon} name="branch" />${session.git_branch}</span>`}
      <a href=${addressOf("/", { host: session.host })}>${session.host}</a>
      <time datetime=${isoTime(session.started_at)} title=${exactTime(session.started_at)}>${dayLabel(session.started_at)}, ${time(session.started_at)}</time>
      ${lasted > 0 && html`<span>${duration(lasted)}</span>`}
      ${session.models.map((model) => html`<span key=${model}>${model}</span>`)}
    </p>
    <dl class="figures">
      <${Figure} name="Prompts" value=${count(session.prompts)} />
      <${Figure} name="Turns" value=${count(session.turns)} />
      <${Figure} name="Tool calls" value=${count(session.tool_calls)} />
      <${Figure} name="Tokens in" value=${brief(session.tokens_in)} title=${count(session.tokens_in)} />
      <${Figure} name="Cached" value=${brief(session.cache_read + session.cache_write)} title=${`${count(session.cache_read)} read, ${count(session.cache_write)} written`} />
      <${Figure} name="Tokens out" value=${brief(session.tokens_out)} title=${count(session.tokens_out)} />
      ${session.cost_usd !== null && html`<${Figure} name="Cost" value=${money(session.cost_usd)} />`}
    </dl>
    <div class="actions">
      ${session.resume_command &&
      html`<span class="resume"><code>${session.resume_command}</code><${Copy} quiet text=${() => session.resume_command} label="Copy the command that resumes this session" /></span>`}
      <button class="button" onClick=${onFind} title="Find in this session (f)"><${Icon} name="search" />Find</button>
      <button class="button" aria-pressed=${all.tools ? "true" : "false"} onClick=${() => toggle("tools")} title="Open or close all tool calls (o)"><${Icon} name="terminal" />Tools</button>
      <button class="button" aria-pressed=${all.thinking ? "true" : "false"} onClick=${() => toggle("thinking")} title="Open or close thinking (t)"><${Icon} name="think" />Thinking</button>
      <${Export} session=${session} />
    </div>
    <${Related} session=${session} />
    ${session.unmapped > 0 && html`<p class="notice">${plural(session.unmapped, "part")} of the transcript could not be mapped and ${session.unmapped === 1 ? "is" : "are"} shown as written.</p>`}
  </header>`;
}

const RELATIONS = { subagent: "Subagent of", fork: "Forked from", continuation: "Continues" };

function Parent({ session }) {
  const id = session.parent_session_id;
  const parent = { ...session, session_id: id };
  const isMissing = useRef(false);
  const { value, error } = useLoaded(
    (signal) => (id ? api.session(parent, { turns: 1 }, signal) : Promise.resolve(null)),
    [id, isMissing.current ? session.turns : 0], // it may come after its first subagents
  );
  isMissing.current = Boolean(error?.isMissing);
  if (!id) return null;
  return html`<p class="parent">
    <${Icon} name="up" />
    ${RELATIONS[session.relation] ?? "Comes from"}${" "}
    ${error?.isMissing
      ? `${id}, which is not archived`
      : html`<a href=${sessionAddress(parent)}>${value?.session?.title || id}</a>`}
  </p>`;
}

function Figure({ name, value, title }) {
  return html`<div title=${title}><dt>${name}</dt><dd>${value}</dd></div>`;
}

function Export({ session }) {
  const { open, setOpen, box, leave } = useMenu();
  useLayoutEffect(() => {
    if (open) box.current.querySelector(".menu a").focus();
  }, [open]);
  return html`<span class="chip-box" ref=${box} onKeyDown=${leave}>
    <button class="button" aria-haspopup="true" aria-expanded=${open ? "true" : "false"} onClick=${() => setOpen(!open)}>
      <${Icon} name="download" />Export
    </button>
    ${open &&
    html`<div class="menu" role="group" aria-label="Formats">
      ${FORMATS.map(
        ([format, label]) => html`<a key=${format} href=${api.exportPath(session, format)} download onClick=${() => setOpen(false)}>${label}</a>`,
      )}
    </div>`}
  </span>`;
}
