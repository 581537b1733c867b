// Differences between two texts, line by line, and texts that are differences already.

/** Beyond so many cells of the table the middle is shown as all taken out, all put in. */
const MOST_CELLS = 4_000_000;

const linesOf = (text) => (text === "" ? [] : String(text).replace(/\n$/, "").split("\n"));

/**
 * Compare two texts.
 *
 * @returns {Array<{sign: " "|"+"|"-", text: string}>}
 */
export function diffLines(before, after) {
  const old = linesOf(before);
  const fresh = linesOf(after);
  let head = 0;
  while (head < old.length && head < fresh.length && old[head] === fresh[head]) head += 1;
  let tail = 0;
  while (
    tail < old.length - head &&
    tail < fresh.length - head &&
    old[old.length - 1 - tail] === fresh[fresh.length - 1 - tail]
  ) {
    tail += 1;
  }
  const same = (text) => ({ sign: " ", text });
  return [
    ...old.slice(0, head).map(same),
    ...middle(old.slice(head, old.length - tail), fresh.slice(head, fresh.length - tail)),
    ...old.slice(old.length - tail).map(same),
  ];
}

function middle(old, fresh) {
  const removed = (text) => ({ sign: "-", text });
  const added = (text) => ({ sign: "+", text });
  const width = fresh.length + 1;
  if ((old.length + 1) * width > MOST_CELLS) return [...old.map(removed), ...fresh.map(added)];
  // Lengths of the longest common subsequences of what is left, from each pair of lines on.
  const table = new Uint32Array((old.length + 1) * width);
  for (let row = old.length - 1; row >= 0; row -= 1) {
    for (let column = fresh.length - 1; column >= 0; column -= 1) {
      table[row * width + column] =
        old[row] === fresh[column]
          ? table[(row + 1) * width + column + 1] + 1
          : Math.max(table[(row + 1) * width + column], table[row * width + column + 1]);
    }
  }
  const lines = [];
  let row = 0;
  let column = 0;
  while (row < old.length && column < fresh.length) {
    if (old[row] === fresh[column]) {
      lines.push({ sign: " ", text: old[row] });
      row += 1;
      column += 1;
    } else if (table[(row + 1) * width + column] >= table[row * width + column + 1]) {
      lines.push(removed(old[row]));
      row += 1;
    } else {
      lines.push(added(fresh[column]));
      column += 1;
    }
  }
  return [...lines, ...old.slice(row).map(removed), ...fresh.slice(column).map(added)];
}

/** Whether a text is a unified diff, or the patch format of Codex. */
export const isDiff = (text) =>
  /^(?:diff --git |--- \S.*\n\+\+\+ |\*\*\* Begin Patch|@@ -\d)/m.test(text.slice(0, 4000));

const HEAD = /^(?:diff |index |--- |\+\+\+ |new file|deleted file|rename |similarity )/;
const CODEX = /^\*\*\* (?:Begin Patch|(?:Add|Update|Delete) File)/;
const HUNK = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/;

/**
 * Split a diff into its lines.
 *
 * A comment of SQL that is taken out (`--- why`) looks like the head of a file. Which of both it is
 * say the numbers of lines that a hunk announces. Codex announces none and has no such heads.
 */
export function parseDiff(text) {
  const left = { old: 0, fresh: 0 }; // lines of the hunk that are to come
  let isOfCodex = false;
  const lines = linesOf(text);
  return lines.map((line, place) => {
    if (line.startsWith("*** ")) {
      isOfCodex ||= CODEX.test(line);
      if (isOfCodex) left.old = left.fresh = Infinity;
      return { sign: "#", text: line };
    }
    if (line.startsWith("@@")) {
      const [, old = 1, fresh = 1] = HUNK.exec(line) ?? (isOfCodex ? [line, Infinity, Infinity] : [line, 0, 0]);
      Object.assign(left, { old: Number(old), fresh: Number(fresh) });
      return { sign: "@", text: line };
    }
    // Numbers that are written by hand may be too great.
    if (!isOfCodex && /^--- /.test(line) && /^\+\+\+ /.test(lines[place + 1] ?? "") && /^@@/.test(lines[place + 2] ?? "")) {
      left.old = left.fresh = 0;
    }
    const isWithin = !line.startsWith("diff ") && (left.old > 0 || left.fresh > 0);
    if (!isWithin && HEAD.test(line)) {
      left.old = left.fresh = 0;
      return { sign: "#", text: line };
    }
    const sign = line.startsWith("+") || line.startsWith("-") ? line[0] : " ";
    const isRemark = line.startsWith("\\"); // that the file ends without a newline
    if (!isRemark && sign !== "+") left.old -= 1;
    if (!isRemark && sign !== "-") left.fresh -= 1;
    return { sign, text: sign === " " ? line.replace(/^ /, "") : line.slice(1) };
  });
}
