// Transcript: the turns of one session as rows that can be read. A row is a turn; a result stands
// with the call that it answers, so that its own row is hidden and leads there.
//
// Turns come in pages from anywhere in the session. A row that is not here yet is `undefined`, and
// what rows say of each other (whose results, who speaks) is found out as they come.

/** What a turn is, also where its parser does not say. */
function kindOf(turn) {
  const said = turn.metadata?.kind;
  if (typeof said === "string" && said) return said;
  if (turn.role === "user") return "prompt";
  if (turn.role === "tool") return "tool_result";
  if (turn.role === "assistant") {
    return turn.tool_calls.length && !turn.content ? "tool_call" : "answer";
  }
  return "notice";
}

const PROMPTS = new Set(["prompt", "queued_prompt", "command", "shell"]);
const SPEAKERS = { user: "user", assistant: "assistant", tool: "assistant", system: "system" };

export class Transcript {
  constructor() {
    this.version = 0;
    this.clear();
  }

  /** Forget all turns. */
  clear() {
    this.rows = [];
    this.loaded = 0;
    this.places = new Map(); // turn_id -> index
    this.calls = new Map(); // id of a call -> index
    this.waiting = new Map(); // id of a call -> indexes of results whose call is not here
    this.prompts = []; // indexes, in order
    this.changes = null; // ranges of rows that changed; null for all
    this.version += 1;
  }

  /** Whether all turns are here. */
  get isComplete() {
    return this.loaded === this.rows.length;
  }

  /** Whether the last turn is here. */
  get hasEnd() {
    return this.rows.length === 0 || this.rows.at(-1) !== undefined;
  }

  /** The `seq` of the last turn, if it is here. */
  get lastSeq() {
    return this.rows.at(-1)?.turn.seq ?? -1;
  }

  /** Say how many turns the session has. */
  resize(count) {
    if (count === this.rows.length) return;
    for (let index = count; index < this.rows.length; index += 1) {
      if (this.rows[index]) return; // it has more than somebody thought
    }
    this.rows.length = count;
    this.changes = null;
    this.version += 1;
  }

  /**
   * Put turns into their places.
   *
   * @param {number} offset how many turns stand before them
   * @param {Array<Object>} turns as they follow each other
   * @returns {boolean} whether they fit; if other turns came between, nothing is put
   */
  add(offset, turns) {
    if (!turns.every((turn, place) => this.#fits(offset + place, turn))) return false;
    const end = offset + turns.length;
    if (end > this.rows.length) this.resize(end);
    turns.forEach((turn, place) => this.#put(offset + place, turn));
    for (let index = offset; index < end; index += 1) this.#join(index);
    this.#nameSpeakers(offset, end);
    this.#note(offset, end);
    this.prompts.sort((one, other) => one - other);
    this.version += 1;
    return true;
  }

  #fits(index, turn) {
    const known = this.places.get(turn.turn_id);
    const there = this.rows[index];
    return known === undefined ? there === undefined : known === index;
  }

  #put(index, turn) {
    const kind = kindOf(turn);
    const before = this.rows[index];
    if (before) {
      Object.assign(before, { turn, kind });
      return;
    }
    this.rows[index] = { turn, kind, results: [], hidden: false, target: index, head: false };
    this.places.set(turn.turn_id, index);
    this.loaded += 1;
    if (PROMPTS.has(kind)) this.prompts.push(index);
  }

  /** Put results to their calls, and a call to results that were here before it. */
  #join(index) {
    const row = this.rows[index];
    const { turn } = row;
    let joined = turn.tool_calls.length > 0;
    for (const call of turn.tool_calls) {
      const owner = turn.role === "tool" ? this.rows[this.calls.get(call.id)] : undefined;
      if (owner) {
        const other = owner.results.findIndex((result) => result.turn.turn_id === turn.turn_id);
        owner.results.splice(other < 0 ? owner.results.length : other, other < 0 ? 0 : 1, { call, turn });
        row.target = owner.target;
        this.#note(owner.target, owner.target + 1);
        continue;
      }
      joined = false;
      if (!call.id) continue;
      if (turn.role !== "tool") this.#expect(call.id, index);
      else this.waiting.set(call.id, [...(this.waiting.get(call.id) ?? []), index]);
    }
    row.hidden = row.kind === "usage" || (row.kind === "tool_result" && joined && !turn.content);
  }

  #expect(call, index) {
    this.calls.set(call, index);
    const results = this.waiting.get(call);
    if (!results) return;
    this.waiting.delete(call);
    for (const result of results) {
      this.#join(result);
      this.#note(result, result + 1);
    }
  }

  /** Find where somebody else begins to speak; also behind the new rows, up to who speaks there. */
  #nameSpeakers(from, end) {
    let before = from - 1;
    while (this.rows[before] && !this.#speakerOf(before)) before -= 1;
    let speaker = this.rows[before] ? this.#speakerOf(before) : "";
    for (let index = from; this.rows[index]; index += 1) {
      const next = this.#speakerOf(index);
      if (!next) continue;
      const row = this.rows[index];
      row.head = next !== speaker || PROMPTS.has(row.kind);
      speaker = next;
      if (index >= end) {
        this.#note(index, index + 1);
        break;
      }
    }
  }

  #speakerOf(index) {
    const { hidden, turn } = this.rows[index];
    const speaker = SPEAKERS[turn.role] ?? "system";
    return hidden || speaker === "system" ? "" : speaker;
  }

  #note(from, end) {
    this.changes?.push([from, end]);
  }

  /** The ranges `[from, end]` of rows that changed since this was asked; `null` for all. */
  takeChanges() {
    const { changes } = this;
    this.changes = [];
    return changes;
  }

  /** The row that shows a turn, or -1. */
  find(turnId) {
    const index = this.places.get(turnId);
    return index === undefined ? -1 : this.rows[index].target;
  }

  /**
   * Rows that are not here, nearest to the first of some.
   *
   * @returns {[number, number]|null} the whole gap around that row, from and end
   */
  gap(from, end) {
    let index = Math.max(0, from);
    const last = Math.min(end, this.rows.length);
    while (index < last && this.rows[index]) index += 1;
    if (index >= last) return null;
    let begin = index;
    while (begin > 0 && !this.rows[begin - 1]) begin -= 1;
    while (index < this.rows.length && !this.rows[index]) index += 1;
    return [begin, index];
  }

  /** The text of a row as somebody would look for it: content, arguments and outputs. */
  textOf(index) {
    const row = this.rows[index];
    if (!row || row.hidden) return "";
    const parts = [row.turn.content];
    for (const call of row.turn.tool_calls) {
      parts.push(call.name, inputText(call.input), call.output ?? "");
    }
    for (const { call } of row.results) parts.push(call.output ?? "");
    return parts.join("\n");
  }

  /** The prompt before a row, or behind it: where `k` and `j` lead. Only what is here is known. */
  promptFrom(index, step) {
    if (step > 0) return this.prompts.find((prompt) => prompt > index) ?? -1;
    return this.prompts.findLast((prompt) => prompt < index) ?? -1;
  }

  /** The first row from here on, or back from here, that is not here; -1 if all are. */
  gapFrom(index, step) {
    let at = index;
    while (this.rows[at]) at += step;
    return at >= 0 && at < this.rows.length ? at : -1;
  }
}

/** All texts within an argument. */
export function inputText(input) {
  if (input === null || input === undefined) return "";
  if (typeof input !== "object") return String(input);
  return Object.values(input).map(inputText).join("\n");
}
