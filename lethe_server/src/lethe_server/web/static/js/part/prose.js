// Text as people read it: Markdown, plain text, what shells print, code. Long texts are cut, and
// shown whole when somebody asks for them.

import { hasAnsi, parseAnsi, stripAnsi } from "../ansi.js";
import { bytes, count } from "../format.js";
import { highlight } from "../highlight.js";
import { renderMarkdown } from "../markdown.js";
import { createContext, html, useContext, useLayoutEffect, useMemo, useRef, useState } from "../ui.js";
import { copyText } from "./copy.js";

/** What is looked for, in lower case. */
export const Marks = createContext([]);

/** Longer texts are not read as Markdown. */
const MOST_MARKDOWN = 150_000;
/** Lines and characters of an output that are shown at first. */
const FIRST_LINES = 60;
const FIRST_CHARACTERS = 12_000;

/** Markdown; its code can be copied. */
export function Prose({ text, lit }) {
  const box = useRef(null);
  const long = text.length > MOST_MARKDOWN;
  useLayoutEffect(() => {
    if (long) return;
    const fragment = renderMarkdown(text);
    for (const pre of fragment.querySelectorAll("pre")) addCopy(pre);
    box.current.replaceChildren(fragment);
  }, [text]);
  if (long) return html`<${Output} text=${text} />`;
  return html`<div class="prose" ref=${box} data-lit=${lit}></div>`;
}

function addCopy(pre) {
  const frame = document.createElement("div");
  frame.className = "code";
  const bar = document.createElement("div");
  bar.className = "code-bar";
  const name = document.createElement("span");
  name.textContent = pre.dataset.language ?? "";
  const button = document.createElement("button");
  button.className = "code-copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await copyText(pre.textContent);
    button.textContent = "Copied";
    setTimeout(() => {
      button.textContent = "Copy";
    }, 1600);
  });
  bar.append(name, button);
  pre.tabIndex = 0;
  pre.replaceWith(frame);
  frame.append(bar, pre);
}

/** Code in a language. */
export function Code({ text, language }) {
  const node = useRef(null);
  useLayoutEffect(() => {
    node.current.textContent = text;
    highlight(node.current, text, language);
  }, [text, language]);
  return html`<pre class="block" tabindex="0"><code ref=${node}></code></pre>`;
}

/** What a program printed, with its colours. */
export function Output({ text, plain = false }) {
  const [asked, setWhole] = useState(false);
  const marks = useContext(Marks);
  const whole = asked || holdsBeyond(text, marks);
  const { shown, lines, cut } = useMemo(() => (whole ? { shown: text, cut: false } : beginningOf(text)), [text, whole]);
  const runs = useMemo(
    () => (!plain && hasAnsi(shown) ? parseAnsi(shown) : [{ text: stripAnsi(shown), classes: "" }]),
    [shown],
  );
  return html`<div class="output">
    <pre class="block" tabindex="0">${runs.map((run, index) =>
      run.classes ? html`<span key=${index} class=${run.classes}>${run.text}</span>` : run.text,
    )}</pre>
    ${cut &&
    html`<button class="more" onClick=${() => setWhole(true)}>
      Show all (${lines > FIRST_LINES ? `${count(lines)} lines, ` : ""}${bytes(text.length)})
    </button>`}
  </div>`;
}

/** Whether something that is looked for stands in the part that is left out at first. */
function holdsBeyond(text, marks) {
  if (!marks.length || text.length > MOST_MARKDOWN) return false;
  const { cut, shown } = beginningOf(text);
  const rest = cut ? text.slice(shown.length).toLowerCase() : "";
  return marks.some((mark) => rest.includes(mark));
}

function beginningOf(text) {
  let end = -1;
  let lines = 0;
  let from = 0;
  for (;;) {
    const next = text.indexOf("\n", from);
    lines += 1;
    if (next < 0) break;
    if (lines === FIRST_LINES) end = next;
    from = next + 1;
  }
  const limit = end < 0 ? FIRST_CHARACTERS : Math.min(end, FIRST_CHARACTERS);
  const cut = text.length > limit && (end >= 0 || text.length > FIRST_CHARACTERS);
  return { shown: cut ? text.slice(0, limit) : text, lines, cut };
}
