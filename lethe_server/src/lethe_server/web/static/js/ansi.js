// What shells print, with its colours: ANSI escape sequences become runs of text with classes.
// Cursor movement, titles and other commands are taken out; a carriage return begins the line anew.

// The sequences of ECMA-48: CSI (colours among them), OSC and the short ones.
const SEQUENCE =
  // eslint-disable-next-line no-control-regex
  /\u001b(?:\[([0-?]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[PX^_][^\u001b]*(?:\u001b\\)?|[ -/]*[0-~])/g;

// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f]/g;

/** Whether a text holds any sequence. */
export const hasAnsi = (text) => text.includes("\u001b[");

/** Take all sequences out. */
export const stripAnsi = (text) => overwritten(text.replace(SEQUENCE, "")).replace(CONTROLS, "");

/** A line that was written over itself (a progress bar) shows what stood there last. */
const overwritten = (text) =>
  text.includes("\r") ? text.replace(/\r+\n/g, "\n").replace(/[^\n]*\r(?=[^\n])/g, "") : text;

/**
 * Split a text into runs.
 *
 * @param {string} text
 * @returns {Array<{text: string, classes: string, color: string|null}>}
 */
export function parseAnsi(text) {
  const runs = [];
  let style = {};
  let from = 0;
  const source = overwritten(text);
  const push = (piece) => {
    const clean = piece.replace(CONTROLS, "");
    if (clean) runs.push({ text: clean, ...drawn(style) });
  };
  for (const match of source.matchAll(SEQUENCE)) {
    push(source.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[2] === "m") style = apply(style, match[1]);
  }
  push(source.slice(from).replace(/\u001b/g, ""));
  return runs;
}

function drawn({ bold, dim, italic, underline, fore, back, color }) {
  const classes = [];
  if (bold) classes.push("ansi-bold");
  if (dim) classes.push("ansi-dim");
  if (italic) classes.push("ansi-italic");
  if (underline) classes.push("ansi-underline");
  if (fore !== undefined) classes.push(`ansi-${fore}`);
  if (back !== undefined) classes.push(`ansi-on-${back}`);
  return { classes: classes.join(" "), color: color ?? null };
}

function apply(before, parameters) {
  const style = { ...before };
  const codes = parameters.split(/[;:]/).map((code) => Number(code) || 0);
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index];
    if (code === 0) {
      for (const name of Object.keys(style)) delete style[name];
    } else if (code === 1) style.bold = true;
    else if (code === 2) style.dim = true;
    else if (code === 3) style.italic = true;
    else if (code === 4) style.underline = true;
    else if (code === 22) style.bold = style.dim = undefined;
    else if (code === 23) style.italic = undefined;
    else if (code === 24) style.underline = undefined;
    else if (code >= 30 && code <= 37) setFore(style, code - 30);
    else if (code >= 90 && code <= 97) setFore(style, code - 82);
    else if (code === 39) setFore(style, undefined);
    else if (code >= 40 && code <= 47) style.back = code - 40;
    else if (code >= 100 && code <= 107) style.back = code - 92;
    else if (code === 49) style.back = undefined;
    else if (code === 38 || code === 48) index += extended(style, code, codes.slice(index + 1));
  }
  return style;
}

function setFore(style, fore) {
  style.fore = fore;
  style.color = undefined;
}

/** A colour of 256 or of 16 million; returns how many codes it took. */
function extended(style, code, [mode, ...rest]) {
  if (mode === 5) {
    if (code === 38) setExtended(style, rest[0]);
    return 2;
  }
  if (mode === 2) {
    if (code === 38) style.color = `rgb(${rest.slice(0, 3).map((part) => Math.min(255, part | 0)).join(" ")})`;
    return 4;
  }
  return 0;
}

function setExtended(style, number) {
  if (!(number >= 0 && number <= 255)) return;
  if (number < 16) {
    setFore(style, number);
  } else if (number >= 232) {
    const level = 8 + (number - 232) * 10;
    style.color = `rgb(${level} ${level} ${level})`;
  } else {
    const steps = [0, 95, 135, 175, 215, 255];
    const place = number - 16;
    style.color = `rgb(${steps[Math.floor(place / 36)]} ${steps[Math.floor(place / 6) % 6]} ${steps[place % 6]})`;
  }
}
