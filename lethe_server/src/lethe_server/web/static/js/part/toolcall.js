// A call of a tool: one line that opens to what was asked and what came back.

import { sessionAddress } from "../address.js";
import { diffLines, isDiff, parseDiff } from "../diff.js";
import { bytes, duration } from "../format.js";
import { languageOfFile } from "../highlight.js";
import { inputText } from "../transcript.js";
import { html, useMemo } from "../ui.js";
import { Difference } from "./difference.js";
import { Icon } from "./icon.js";
import { Pictures } from "./pictures.js";
import { Code, Output, Prose } from "./prose.js";

/** Longer texts among the arguments get a block of their own. */
const SHORT = 100;
const COMMANDS = ["command", "cmd", "script"];
const PATHS = ["file_path", "path", "filePath", "filename", "notebook_path", "target_file"];
/** What the tools that edit call the text that was there, and the text in its place. */
const BEFORE = ["old_string", "oldText", "oldString", "old_str"];
const AFTER = ["new_string", "newText", "newString", "new_str"];
const MAIN = [...COMMANDS, ...PATHS, "pattern", "query", "url", "description", "prompt", "skill"];

/**
 * @param {Object} call with its input
 * @param {Array} results of it, each `{call, turn}`
 * @param {string} line what the parser made of it, in a line
 */
export function ToolCall({ call, results, line, open, toggle, session, at }) {
  const outcome = results.length ? results.map(({ call: result }) => result) : call.output != null ? [call] : [];
  const failed = outcome.some((result) => result.is_error);
  const state = failed ? "failed" : outcome.length ? "done" : "open";
  const main = shortened(mainArgument(call, line), call, session.working_dir);
  const change = useMemo(() => changeOf(call), [call]);
  const agent = results.map(({ turn }) => turn.metadata?.subagent_session_id).find((id) => typeof id === "string");
  const last = results.at(-1)?.turn.timestamp;
  const took = last && at && last > at ? duration(last - at) : "";
  return html`<div class="tool-call" data-state=${state}>
    <button class="tool-line" aria-expanded=${open ? "true" : "false"} onClick=${toggle}>
      <${Icon} name="chevron" />
      <span class="tool-call-name">${call.name || "Tool"}</span>
      <span class="tool-call-main">${main}</span>
      <span class="tool-call-end">
        ${change}
        ${failed && html`<span class="tag tag-failed">failed</span>`}
        ${state === "open" && html`<span class="tag">no result</span>`}
        ${took && html`<span>${took}</span>`}
      </span>
    </button>
    ${agent && html`<a class="agent-link" href=${sessionAddress({ ...session, session_id: agent })}><${Icon} name="branch" />Open the session of the subagent</a>`}
    ${open &&
    html`<div class="tool-body">
      <${Input} call=${call} />
      ${outcome.map((result, index) => html`<${Result} key=${index} result=${result} call=${call} />`)}
      ${results.map(({ turn }, index) => html`<${Pictures} key=${index} attachments=${turn.metadata?.attachments} />`)}
    </div>`}
  </div>`;
}

function mainArgument(call, line) {
  const patch = patchOf(call.input);
  if (patch) return patch.files.join(", ");
  const said = line.startsWith(`${call.name}: `) ? line.slice(call.name.length + 2) : "";
  if (said) return said;
  const { input } = call;
  if (input === null || typeof input !== "object") return input === null || input === undefined ? line : String(input).split("\n")[0];
  const name = MAIN.find((known) => typeof input[known] === "string");
  return name ? input[name].split("\n")[0] : "";
}

/** How many lines an edit takes out and puts in. */
function changeOf(call) {
  const lines =
    patchOf(call.input)?.lines ?? editsOf(call.input).flatMap(({ before, after }) => diffLines(before, after));
  if (!lines.length) return null;
  const added = lines.filter(({ sign }) => sign === "+").length;
  const removed = lines.filter(({ sign }) => sign === "-").length;
  return html`<span class="difference-sum"><span class="added">+${added}</span> <span class="removed">−${removed}</span></span>`;
}

/** The edits of an input, as the tools that edit write them. */
function editsOf(input) {
  if (input === null || typeof input !== "object") return [];
  const list = Array.isArray(input.edits) ? input.edits : [input];
  const told = (edit, names) => names.map((name) => edit?.[name]).find((text) => text !== undefined && text !== null);
  return list
    .map((edit) => ({ before: told(edit, BEFORE), after: told(edit, AFTER) }))
    .filter(({ before, after }) => typeof before === "string" && typeof after === "string");
}

/** Paths within the directory of the session without it, so that their ends are seen; not of commands. */
function shortened(main, { input }, directory) {
  const isCommand = COMMANDS.some((name) => input?.[name] !== undefined);
  return directory && !isCommand ? main.replaceAll(`${directory}/`, "") : main;
}

/** The patch of an input, in the form that Codex made common: its text, its lines, its files. */
function patchOf(input) {
  const texts = typeof input === "string" ? [["", input]] : Object.entries(input ?? {});
  const found = texts.find(([, text]) => typeof text === "string" && /^\s*\*\*\* Begin Patch$/m.test(text.slice(0, 200)));
  if (!found) return null;
  const [name, text] = found;
  const files = [...text.matchAll(/^\*\*\* (?:Add|Update|Delete) File: (.+)$/gm)].map(([, path]) => path);
  return { name, files, lines: parseDiff(text) };
}

function Input({ call }) {
  const { input } = call;
  if (input === null || input === undefined) return null;
  if (typeof input !== "object") {
    const text = String(input);
    if (isDiff(text)) return html`<${Difference} lines=${parseDiff(text)} path="" />`;
    return html`<${Output} text=${text} plain />`;
  }
  if (Array.isArray(input)) return html`<${Code} text=${JSON.stringify(input, null, 2)} language="json" />`;
  const path = PATHS.map((name) => input[name]).find((value) => typeof value === "string") ?? "";
  const edits = editsOf(input);
  const shown = new Set(edits.length ? [...PATHS, "edits", ...BEFORE, ...AFTER] : []);
  const patch = patchOf(input);
  if (patch) shown.add(patch.name);
  const command = patch ? undefined : COMMANDS.find((name) => typeof input[name] === "string" || Array.isArray(input[name]));
  if (command) shown.add(command);
  const written = !edits.length && path && typeof input.content === "string";
  if (written) {
    shown.add("content");
    PATHS.forEach((name) => shown.add(name));
  }
  const rest = Object.entries(input).filter(([name]) => !shown.has(name));
  return html`
    ${patch && html`<${Difference} lines=${patch.lines} path=${patch.files.join(", ")} />`}
    ${command && html`<${Code} text=${[input[command]].flat().join(" ")} language="bash" />`}
    ${edits.map(({ before, after }, index) => html`<${Difference} key=${index} lines=${diffLines(before, after)} path=${path} />`)}
    ${written && html`<div class="file"><div class="file-name">${path}</div><${Code} text=${input.content} language=${languageOfFile(path)} /></div>`}
    ${rest.length > 0 && html`<${Arguments} entries=${rest} />`}
  `;
}

function Arguments({ entries }) {
  return html`<dl class="arguments">
    ${entries.map(([name, value]) => {
      const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
      const long = text.length > SHORT || text.includes("\n");
      return html`<div key=${name} data-long=${long ? "true" : undefined}>
        <dt>${name}</dt>
        <dd>
          ${!long
            ? html`<code>${text}</code>`
            : typeof value !== "string"
              ? html`<${Code} text=${text} language="json" />`
              : isDiff(text)
                ? html`<${Difference} lines=${parseDiff(text)} path="" />`
                : name === "prompt" || name === "plan" || name === "description"
                  ? html`<${Prose} text=${text} />`
                  : html`<${Output} text=${text} plain />`}
        </dd>
      </div>`;
    })}
  </dl>`;
}

function Result({ result, call }) {
  const text = result.output ?? "";
  const language = languageOfFile(inputText(call.input?.file_path ?? ""));
  const isRead = /^(Read|read|read_file|view)$/.test(call.name) && language && !/^\s*\d+[→\t]/.test(text);
  return html`<div class="tool-result" data-failed=${result.is_error ? "true" : undefined}>
    ${text === "" && html`<p class="muted">No output</p>`}
    ${text !== "" && isDiff(text) && html`<${Difference} lines=${parseDiff(text)} path="" />`}
    ${text !== "" && !isDiff(text) && (isRead && text.length < 20_000 ? html`<${Code} text=${text} language=${language} />` : html`<${Output} text=${text} />`)}
    ${result.truncated_bytes > 0 && html`<p class="muted">${bytes(result.truncated_bytes)} more were cut off before they were archived.</p>`}
  </div>`;
}
