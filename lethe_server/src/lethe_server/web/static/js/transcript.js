// Transcript: the turns of one session as rows that can be read. A row is a turn; a result stands
// with the call that it answers, so that its own row is hidden and leads there.

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
    this.rows = [];
    this.places = new Map(); // turn_id -> index
    this.calls = new Map(); // id of a call -> index
    this.prompts = [];
    this.version = 0;
    this.lastSeq = -1;
    this.speaker = "";
  }

  /** Add turns behind all others, or put them in the place of what they replace. */
  add(turns) {
    for (const turn of turns) {
      const place = this.places.get(turn.turn_id);
      if (place === undefined) this.#append(turn);
      else this.#replace(place, turn);
    }
    this.version += 1;
  }

  #append(turn) {
    const index = this.rows.length;
    const row = { turn, kind: kindOf(turn), results: [], hidden: false, target: index, head: false };
    this.rows.push(row);
    this.places.set(turn.turn_id, index);
    this.lastSeq = Math.max(this.lastSeq, turn.seq);
    this.#join(row, index);
    if (row.hidden) return;
    const speaker = SPEAKERS[turn.role] ?? "system";
    row.head = speaker !== "system" && (speaker !== this.speaker || PROMPTS.has(row.kind));
    if (speaker !== "system") this.speaker = speaker;
    if (PROMPTS.has(row.kind)) this.prompts.push(index);
  }

  #join(row, index) {
    const { turn } = row;
    if (row.kind === "usage") row.hidden = true;
    let joined = turn.tool_calls.length > 0;
    for (const call of turn.tool_calls) {
      const isResult = turn.role === "tool" || (call.output ?? null) !== null;
      const place = call.id ? this.calls.get(call.id) : undefined;
      if (turn.role === "tool" && isResult && place !== undefined) {
        const owner = this.rows[place];
        const before = owner.results.findIndex((other) => other.turn.turn_id === turn.turn_id);
        if (before < 0) owner.results.push({ call, turn });
        else owner.results[before] = { call, turn };
        row.target = place;
      } else {
        joined = false;
        if (call.id && turn.role !== "tool") this.calls.set(call.id, index);
      }
    }
    if (row.kind === "tool_result" && joined && !turn.content) row.hidden = true;
  }

  #replace(index, turn) {
    const row = this.rows[index];
    row.turn = turn;
    row.kind = kindOf(turn);
    this.#join(row, index);
  }

  /** The row that shows a turn, or -1. */
  find(turnId) {
    const index = this.places.get(turnId);
    return index === undefined ? -1 : this.rows[index].target;
  }

  /** The text of a row as somebody would look for it: content, arguments and outputs. */
  textOf(index) {
    const row = this.rows[index];
    if (row.hidden) return "";
    const parts = [row.turn.content];
    for (const call of row.turn.tool_calls) {
      parts.push(call.name, inputText(call.input), call.output ?? "");
    }
    for (const { call } of row.results) parts.push(call.output ?? "");
    return parts.join("\n");
  }

  /** The prompt at or before a row, or behind it: where `k` and `j` lead. */
  promptFrom(index, step) {
    if (step > 0) return this.prompts.find((prompt) => prompt > index) ?? -1;
    return this.prompts.findLast((prompt) => prompt < index) ?? -1;
  }
}

/** All texts within an argument. */
export function inputText(input) {
  if (input === null || input === undefined) return "";
  if (typeof input !== "object") return String(input);
  return Object.values(input).map(inputText).join("\n");
}
