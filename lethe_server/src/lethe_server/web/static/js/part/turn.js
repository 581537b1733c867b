// One turn of a transcript, drawn by what it is.

import { sessionAddress } from "../address.js";
import { brief, bytes, exactTime, isoTime, time } from "../format.js";
import { html } from "../ui.js";
import { Copy } from "./copy.js";
import { Icon } from "./icon.js";
import { Pictures } from "./pictures.js";
import { Output, Prose } from "./prose.js";
import { ToolCall } from "./toolcall.js";

const SPEAKERS = { prompt: "You", queued_prompt: "You, while it worked", command: "Command", shell: "Shell" };
const FOLDED = {
  context: "Context",
  compact_summary: "Summary of what was compacted",
  thinking: "Thinking",
  unmapped: "Not mapped",
};
const REMOVED = { reverted: "undone", deleted: "deleted by its tool" };

const isOfTool = (kind) => kind === "tool_call" || kind === "tool_result";

/** Whether turns of a kind open and close. */
export const isFolding = (kind) => isOfTool(kind) || Object.hasOwn(FOLDED, kind);

/** About how high a row is going to be (pixels). */
export function estimateRow(row) {
  if (row.hidden) return 0;
  if (row.kind === "tool_call") return 40;
  if (Object.hasOwn(FOLDED, row.kind)) return 40;
  const head = row.head ? 44 : 8;
  return head + Math.min(2400, 28 + Math.ceil(row.turn.content.length / 84) * 25);
}

/** @param {Object} context what holds for all turns: the session, what is open */
export function Turn({ row, lit, context }) {
  const { turn, kind } = row;
  const { opened, redraw } = context;
  const open = opened.get(turn.turn_id) ?? (isOfTool(kind) ? context.all.tools : kind === "thinking" ? context.all.thinking : false);
  const toggle = () => {
    opened.set(turn.turn_id, !open);
    redraw();
  };
  return html`<article
    class="turn"
    data-kind=${kind}
    data-role=${turn.role}
    data-head=${row.head ? "true" : undefined}
    data-lit=${lit ? "true" : undefined}
    data-removed=${turn.removed || undefined}
    data-turn=${turn.turn_id}
    aria-label=${`${speakerOf(row)} ${time(turn.timestamp)}${turn.removed ? ", taken back" : ""}`}
  >
    ${row.head && html`<${TurnHead} row=${row} context=${context} />`}
    <${Body} row=${row} open=${open} toggle=${toggle} context=${context} />
    ${!row.head && html`<${Permalink} turn=${turn} context=${context} />`}
  </article>`;
}

function speakerOf({ kind, turn }) {
  if (Object.hasOwn(SPEAKERS, kind)) return SPEAKERS[kind];
  if (turn.role === "assistant" || turn.role === "tool") return turn.model || "Assistant";
  return turn.role === "user" ? "You" : "System";
}

function TurnHead({ row, context }) {
  const { turn } = row;
  const { usage } = turn;
  return html`<header class="turn-head">
    <span class="speaker">${speakerOf(row)}</span>
    <time datetime=${isoTime(turn.timestamp)} title=${exactTime(turn.timestamp)}>${time(turn.timestamp)}</time>
    ${turn.removed && html`<span class="turn-removed">${REMOVED[turn.removed] ?? turn.removed}</span>`}
    ${usage && html`<span class="turn-tokens" title="Tokens of this reply">${brief(usage.output)} tokens</span>`}
    <${Permalink} turn=${turn} context=${context} />
  </header>`;
}

function Permalink({ turn, context }) {
  const address = () => window.location.origin + sessionAddress(context.session, turn.turn_id);
  return html`<span class="permalink">
    <${Copy} quiet icon="link" text=${address} label="Copy the link to this turn" />
    ${turn.content && html`<${Copy} quiet text=${() => turn.content} label="Copy the text" />`}
  </span>`;
}

function Body({ row, open, toggle, context }) {
  const { turn, kind } = row;
  const pictures = html`<${Pictures} attachments=${turn.metadata?.attachments} />`;
  const calls = turn.tool_calls.map(
    (call, place) => html`<${ToolCall}
      key=${place}
      call=${call}
      line=${kind === "tool_call" ? turn.content : ""}
      results=${row.results.filter((result) => result.call.id === call.id)}
      open=${open}
      toggle=${toggle}
      session=${context.session}
      at=${turn.timestamp}
    />`,
  );
  if (kind === "tool_call") return calls;
  if (kind === "compact_boundary") {
    return html`<p class="divider"><span>${turn.content || "The conversation was compacted here"}</span></p>`;
  }
  if (kind === "interrupt") return html`<p class="divider divider-quiet"><span>${turn.content || "Interrupted"}</span></p>`;
  if (kind === "api_error") return html`<p class="notice notice-failed"><${Icon} name="alert" />${turn.content}</p>`;
  if (Object.hasOwn(FOLDED, kind)) {
    return html`<${Folded} row=${row} open=${open} toggle=${toggle} />${pictures}`;
  }
  if (kind === "shell") return html`<pre class="block shell" tabindex="0">${turn.content}</pre>`;
  if (kind === "command") return html`<p class="command">${turn.content}</p>${pictures}`;
  if (kind === "shell_output" || kind === "command_output") return html`<${Output} text=${turn.content} />`;
  if (turn.role === "system") return html`<div class="aside"><${Output} text=${turn.content} /></div>`;
  return html`${turn.content && html`<${Prose} text=${turn.content} />`}${pictures}${calls}`;
}

function Folded({ row, open, toggle }) {
  const { turn, kind } = row;
  const text = kind === "unmapped" ? String(turn.metadata?.unmapped?.raw ?? "") : turn.content;
  const first = text.trim().split("\n")[0].slice(0, 160);
  const reason = kind === "unmapped" ? String(turn.metadata?.unmapped?.reason ?? "") : "";
  return html`<div class="folded" data-kind=${kind}>
    <button class="tool-line" aria-expanded=${open ? "true" : "false"} onClick=${toggle}>
      <${Icon} name="chevron" />
      <span class="tool-call-name">${FOLDED[kind]}</span>
      <span class="tool-call-main">${open ? "" : reason || first}</span>
      <span class="tool-call-end">${text.length > 400 ? bytes(text.length) : ""}</span>
    </button>
    ${open &&
    html`<div class="folded-body">
      ${kind === "unmapped" || kind === "context" ? html`<${Output} text=${text} plain />` : html`<${Prose} text=${text} />`}
    </div>`}
  </div>`;
}
