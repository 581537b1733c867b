// What shells print, with its colours: ANSI escape sequences become runs of text with classes.
// Cursor movement, titles and other commands are taken out; a carriage return begins the line anew.

// The sequences of ECMA-48: CSI (colours among them), OSC and the short ones.
const SEQUENCE =
  /\u001b(?:\[([0-?]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[PX^_][^\u001b]*(?:\u001b\\)?|[ -/]*[0-~])/g;

const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f]/g;

/** Numbers of colours that have no hue, and how little of one counts as none. */
const WHITE = 7;
const GREY = 8;
const GREYISH = 32;

/** Whether a text holds any sequence. */
export const hasAnsi = (text) => text.includes("\u001b[");

/** Take all sequences out. */
export const stripAnsi = (text) => overwritten(text.replace(SEQUENCE, "")).replace(CONTROLS, "");

/** A line that was written over itself (a progress bar) shows what stood there last. */
const overwritten = (text) => (text.includes("\r") ? text.split("\n").map(lastWritten).join("\n") : text);

// By hand: a pattern tries each beginning of a line, which takes minutes where one is long.
function lastWritten(line, index, lines) {
  let end = line.length;
  if (index < lines.length - 1) while (line[end - 1] === "\r") end -= 1;
  return line.slice(line.lastIndexOf("\r", end - 2) + 1, end);
}

/**
 * Split a text into runs.
 *
 * @param {string} text
 * @returns {Array<{text: string, classes: string}>}
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

function drawn({ bold, dim, italic, underline, inverse, fore, back }) {
  const classes = [];
  if (bold) classes.push("ansi-bold");
  if (dim) classes.push("ansi-dim");
  if (italic) classes.push("ansi-italic");
  if (underline) classes.push("ansi-underline");
  const [text, ground] = inverse ? [back, fore ?? WHITE] : [fore, back];
  if (text !== undefined) classes.push(`ansi-${text}`);
  if (ground !== undefined) classes.push(`ansi-on-${ground}`);
  return { classes: classes.join(" ") };
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
    else if (code === 7) style.inverse = true;
    else if (code === 22) style.bold = style.dim = undefined;
    else if (code === 23) style.italic = undefined;
    else if (code === 24) style.underline = undefined;
    else if (code === 27) style.inverse = undefined;
    else if (code >= 30 && code <= 37) style.fore = code - 30;
    else if (code >= 90 && code <= 97) style.fore = code - 82;
    else if (code === 39) style.fore = undefined;
    else if (code >= 40 && code <= 47) style.back = code - 40;
    else if (code >= 100 && code <= 107) style.back = code - 92;
    else if (code === 49) style.back = undefined;
    else if (code === 38) index += setExtended(style, "fore", codes.slice(index + 1));
    else if (code === 48) index += setExtended(style, "back", codes.slice(index + 1));
  }
  return style;
}

/** Set a colour of 256 or of 16 million; returns how many codes it took. */
function setExtended(style, name, [mode, ...rest]) {
  if (mode === 5) {
    style[name] = ofTable(rest[0]) ?? style[name];
    return 2;
  }
  if (mode === 2) {
    style[name] = nearest(rest.slice(0, 3));
    return 4;
  }
  return 0;
}

/** One of the 16 colours for one of the 256: they themselves, a cube of colours, a row of greys. */
function ofTable(number) {
  if (!(number >= 0 && number <= 255)) return undefined;
  if (number < 16) return number;
  if (number >= 232) return nearest(new Array(3).fill(8 + (number - 232) * 10));
  const steps = [0, 95, 135, 175, 215, 255];
  const place = number - 16;
  return nearest([Math.floor(place / 36), Math.floor(place / 6) % 6, place % 6].map((part) => steps[part]));
}

/**
 * The one of the 16 colours that a colour is a shade of. The shade itself was chosen for the ground
 * of a terminal, which is not the ground of this page.
 */
function nearest(parts) {
  const most = Math.max(...parts);
  const least = Math.min(...parts);
  if (most - least < GREYISH) return most < 160 ? GREY : WHITE;
  // The names of the colours are sums: 1 for red, 2 for green, 4 for blue.
  return parts.reduce((sum, part, place) => sum + (part > (most + least) / 2 ? 1 << place : 0), 0);
}
