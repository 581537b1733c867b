// One session in a list.

import { sessionAddress } from "../address.js";
import { baseName, brief, duration, exactTime, hue, isoTime, plural, time, toolLabel } from "../format.js";
import { html } from "../ui.js";

/** Seconds since its last turn within which a session counts as running. */
const RUNNING_SECONDS = 120;

export const sessionKey = ({ tool, host, session_id: id }) => `${tool}/${host}/${id}`;

export const isRunning = (session, now) =>
  Boolean(session.last_activity) && now - session.last_activity < RUNNING_SECONDS;

/** What a session is to the one that it comes from. */
export const RELATIONS = { subagent: "Subagent", fork: "Fork", continuation: "Continuation" };

export function SessionRow({ session, running, selected, anchor }) {
  const title = session.title || "Untitled";
  const preview = isCut(title, session.preview) ? "" : session.preview;
  const lasted = session.last_activity - session.started_at;
  const tokens = session.tokens_in + session.tokens_out + session.cache_read + session.cache_write;
  return html`<a
    class="session-row"
    ref=${anchor}
    href=${sessionAddress(session)}
    data-selected=${selected ? "true" : undefined}
  >
    <span class="session-row-title">${running && html`<${Running} />`}${title}</span>
    <time class="session-row-time" datetime=${isoTime(session.last_activity)} title=${exactTime(session.last_activity)}
      >${time(session.last_activity)}</time
    >
    ${preview && html`<span class="session-row-preview">${preview}</span>`}
    <span class="meta">
      <${ToolName} tool=${session.tool} />
      <span>${baseName(session.working_dir)}</span>
      <span>${session.host}</span>
      ${session.relation && html`<span class="tag">${RELATIONS[session.relation]}</span>`}
      <span>${plural(session.prompts, "prompt")}</span>
      <span>${plural(session.turns, "turn")}</span>
      ${lasted > 60 && html`<span>${duration(lasted)}</span>`}
      ${tokens > 0 && html`<span>${brief(tokens)} tokens</span>`}
    </span>
  </a>`;
}

/** Whether a title is the prompt itself, or as much of it as there was room for. */
const isCut = (title, preview) => !preview || preview === title || (title.endsWith("…") && preview.startsWith(title.slice(0, -1)));

export function Running() {
  return html`<span class="running"><span class="running-dot" aria-hidden="true"></span>running</span>`;
}

/** The name of a tool with its colour. */
export function ToolName({ tool }) {
  return html`<span class="tool-name"><span class="tool-dot" data-hue=${hue(tool)} aria-hidden="true"></span>${toolLabel(tool)}</span>`;
}
