// Markdown out of transcripts, made harmless in two steps.
//
// 1. Markdown becomes HTML with what it marks up alone: HTML within it is text, pictures are text,
//    links lead to http, https or mail, or are text.
// 2. The sanitiser takes out whatever is not on the list below. It finds nothing to do, and would
//    be what holds if the first step made a mistake.

import "../vendor/dompurify/purify.min.js";
import { Marked } from "../vendor/marked/marked.esm.js";
import { highlight } from "./highlight.js";

const { DOMPurify } = globalThis;

const ALLOWED = {
  ALLOWED_TAGS: [
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li",
    "ol", "p", "pre", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
  ],
  ALLOWED_ATTR: ["align", "class", "href", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};
const SAFE_LINK = /^(?:https?:\/\/|mailto:)/i;
const LANGUAGE = /^[A-Za-z0-9+#._-]{1,24}$/;

const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text) => String(text).replace(/[&<>"']/g, (sign) => escapes[sign]);

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escaped(text),
    // Entities are not decoded: what was written is what is read.
    text({ text, tokens }) {
      return tokens ? this.parser.parseInline(tokens) : escaped(text);
    },
    image: ({ raw }) => escaped(raw),
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
    link({ href, tokens, raw }) {
      const inner = this.parser.parseInline(tokens);
      return SAFE_LINK.test(href) ? `<a href="${escaped(href)}">${inner}</a>` : escaped(raw);
    },
    code({ text, lang }) {
      const name = (lang ?? "").trim().split(/[\s,{]/)[0];
      const named = LANGUAGE.test(name) ? ` class="language-${escaped(name)}"` : "";
      return `<pre><code${named}>${escaped(text)}</code></pre>\n`;
    },
  },
});

/** A line that begins with so many marks of quotes and lists stands in none. */
const DEEP = /^(?:[ \t]*(?:>|(?:[*+-]|\d{1,9}[.)])[ \t])){100}/m;
/** The parser takes the square of a gap; of a word, its length times its marks of emphasis or of addresses. */
const LONG_GAP = 2000;
const LONG_WORD = 5_000_000;

/** Whether nobody wrote a text to be read, and to parse it would take long or fail. */
const isOdd = (text) =>
  DEEP.test(text) ||
  text.split(/\S+/).some((gap) => gap.length > LONG_GAP) ||
  text.split(/\s+/).some((word) => word.length * word.split(/[*_.+-]/).length > LONG_WORD);

function parsed(text) {
  const plain = () => `<pre><code>${escaped(text)}</code></pre>`;
  if (isOdd(text)) return plain();
  try {
    return marked.parse(text);
  } catch {
    return plain(); // what is too deep for the parser must not take the session with it
  }
}

/**
 * Make nodes of Markdown.
 *
 * @param {string} text
 * @returns {DocumentFragment} code in it is coloured as soon as its language is there
 */
export function renderMarkdown(text) {
  const fragment = DOMPurify.sanitize(parsed(text), ALLOWED);
  for (const link of fragment.querySelectorAll("a[href]")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
  for (const table of fragment.querySelectorAll("table")) {
    const frame = document.createElement("div");
    frame.className = "table-frame";
    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", "Table");
    table.replaceWith(frame);
    frame.append(table);
  }
  for (const code of fragment.querySelectorAll("pre > code")) {
    const language = /language-(\S+)/.exec(code.className)?.[1] ?? "";
    code.parentElement.dataset.language = language;
    highlight(code, code.textContent, language);
  }
  return fragment;
}

/**
 * Replace what a node holds by HTML of the highlighter.
 *
 * @param {Element} node
 * @param {string} markup spans with classes
 */
export function fillWithMarkup(node, markup) {
  node.replaceChildren(DOMPurify.sanitize(markup, { ...ALLOWED, ALLOWED_TAGS: ["span"] }));
}
