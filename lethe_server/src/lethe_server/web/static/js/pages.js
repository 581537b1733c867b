// Pages of one session: which of its turns are here, and the requests for those that are looked at.
//
// * The first request brings what is seen first: the beginning, or the surroundings of the turn
//   that a link names.
// * A session that is not long is then loaded whole, so that it can be searched while one types. Of
//   a long one only what is scrolled to is loaded.
// * One request is under way at a time. What is wanted now comes before what was wanted earlier.

import { api } from "./api.js";
import { Transcript } from "./transcript.js";

/** Turns of a page that somebody waits for, and of one that nobody does. */
const NEAR = 200;
const FAR = 1000;
/** Sessions of so many turns are loaded whole. */
const WHOLE = 4000;
/** So many rows around those that are drawn are wanted, too. */
const AROUND = 100;
/** While something is on its way, it is given up for something else no more often (milliseconds). */
const PAUSE = 70;
/** The prompts of a long session are asked for so many at a time, and so often at most. */
const HEADINGS = 1000;
const MOST_HEADINGS = 30;
/** A server that is busy is asked so often, after so long (milliseconds) and then later. */
const MOST_TRIES = 5;
const AGAIN = 500;
const BUSY = 503;
/** A prompt is looked for in so many pages. */
const MOST_PAGES = 40;

export class Pages {
  #key;
  #tell;
  #job = null;
  #timer = 0;
  #wanted = null;
  #drawn = [0, 0];
  #seen = [0, 0];
  #stale = null; // the `seq` from which on turns are other than those that are here
  #missed = null; // the same, of what was told before anything was here
  #closed = false;

  /**
   * @param {{tool, host, session_id}} key of the session
   * @param {() => void} tell is called when something is here or failed
   */
  constructor(key, tell) {
    this.#key = key;
    this.#tell = tell;
    this.transcript = new Transcript();
    this.session = null;
    this.error = null;
    this.headings = []; // prompts of a long session, most of which are not here
    this.added = 0; // turns that came to the end since the session was opened
  }

  /** Whether all turns are here. */
  get isComplete() {
    return this.session !== null && this.transcript.isComplete;
  }

  /** Load what is seen first: a turn if one is named and is there, else the beginning. */
  async open(turnId) {
    this.#wanted = turnId;
    if (turnId !== null) await this.seek(turnId);
    if (this.session === null) await this.#load({ turns: NEAR }, { isAwaited: true });
    if (!this.session) return;
    performance.mark("lethe:session");
    if (this.#missed !== null) this.#mark(Math.min(this.#missed, this.#end));
    if (this.session.turns > WHOLE) this.#readHeadings();
  }

  /** Ask for nothing any more. */
  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#job?.abort();
  }

  /** Try again what failed. */
  again = () => {
    if (this.session === null) this.open(this.#wanted);
    else this.#go();
  };

  /** Say which rows are drawn; what of them is missing is loaded. */
  need(first, last) {
    this.#drawn = [first, last + 1];
    this.#seen = [first - AROUND, last + AROUND + 1];
    if (this.session === null || this.isComplete || this.#timer) return;
    this.#timer = setTimeout(() => this.#go(), this.#job ? PAUSE : 0);
  }

  /** Return the row of a turn, which is loaded if need be; -1 if there is none. */
  async seek(turnId) {
    const found = this.transcript.find(turnId);
    if (found >= 0 || this.isComplete) return found;
    await this.#load({ around: turnId, turns: NEAR }, { isAwaited: true });
    return this.transcript.find(turnId);
  }

  /** Find words in all turns, also in those that are not here; a server that is busy is asked again. */
  async find(params, signal) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await api.find(this.#key, params, signal);
      } catch (error) {
        if (error.status !== BUSY || tries === MOST_TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, tries * AGAIN));
      }
    }
  }

  /** Return the next prompt in a direction; pages are loaded until there is one. */
  async prompt(index, step) {
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      const found = this.transcript.promptFrom(index, step);
      const gap = this.transcript.gapFrom(index, step);
      if (gap < 0 || (found >= 0 && Math.abs(found - index) < Math.abs(gap - index))) return found;
      const [begin] = this.transcript.gap(gap, gap + 1);
      const offset = step > 0 ? gap : Math.max(begin, gap - NEAR + 1);
      if (!(await this.#load({ offset, turns: NEAR }, { isAwaited: true }))) return -1;
    }
    return -1;
  }

  /** Hear that a session changed. */
  changed = ({ session, turns }) => {
    const key = this.#key;
    const isThis = session.tool === key.tool && session.host === key.host && session.session_id === key.session_id;
    if (!isThis) return;
    const from = turns.length ? turns[0].seq : Infinity;
    // The answer that is on its way may be older.
    if (this.session === null) this.#missed = Math.min(this.#missed ?? Infinity, from);
    else this.#update(session, from, turns);
  };

  /** Look at the session again, since changes may have been missed. */
  refresh = () => {
    if (this.session === null) this.#missed ??= Infinity;
    else this.#mark(this.#end);
  };

  /** The `seq` from which on nothing is here; where the end is not, it is not known. */
  get #end() {
    return this.transcript.hasEnd ? this.transcript.lastSeq + 1 : Infinity;
  }

  #update(session, from, turns) {
    const { transcript } = this;
    this.session = { ...session, resume_command: this.session.resume_command };
    if (transcript.hasEnd) {
      this.#mark(Math.min(from, transcript.lastSeq + 1));
      return;
    }
    // The end is not here, so that new turns are but a greater number; changed ones are read again.
    this.#count(session.turns);
    const changed = turns.filter((turn) => transcript.find(turn.turn_id) >= 0);
    if (changed.length) this.#mark(changed[0].seq);
    this.#tell();
  }

  #mark(seq) {
    this.#stale = Math.min(this.#stale ?? Infinity, seq);
    if (this.#job === null) this.#go();
  }

  #count(turns) {
    const before = this.transcript.rows.length;
    this.transcript.resize(turns);
    this.added += Math.max(0, this.transcript.rows.length - before);
  }

  /** Ask for the prompts of all of the session; without them, those that are here are listed. */
  async #readHeadings() {
    const found = [];
    let after;
    for (let page = 0; page < MOST_HEADINGS && after !== null; page += 1) {
      await idle();
      if (this.#closed) return;
      const answer = await this.find({ q: "role:user", limit: HEADINGS, after }).catch(() => null);
      for (const { turn_id: id, seq, snippet: text, timestamp } of answer?.hits ?? []) {
        found.push({ id, seq, text, timestamp });
      }
      after = answer?.next ?? null;
    }
    if (this.#closed) return;
    this.headings = found;
    this.#tell();
  }

  /** Load the next page that is wanted, if one is. */
  #go() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#closed || this.#job?.isAwaited) return;
    const { transcript } = this;
    const seen = transcript.gap(...this.#drawn) ?? transcript.gap(...this.#seen);
    if (seen) {
      const begin = Math.max(seen[0], this.#seen[0]);
      const end = Math.min(seen[1], this.#seen[1]);
      const { offset, turns } = this.#job ?? {};
      if (offset < end && offset + turns > begin) return; // it is on its way
      const middle = Math.round((begin + end - NEAR) / 2);
      this.#load({ offset: Math.max(seen[0], Math.min(middle, seen[1] - NEAR)), turns: NEAR });
    } else if (this.#job === null && this.#stale !== null) {
      const seq = this.#stale;
      this.#stale = null;
      const behind = seq === Infinity ? { offset: transcript.rows.length } : seq > 0 ? { after: seq - 1 } : {};
      this.#load({ ...behind, turns: FAR }, { isNews: true, stale: seq });
    } else if (this.#job === null && transcript.rows.length <= WHOLE) {
      const rest = transcript.gap(this.#seen[0], Infinity) ?? transcript.gap(0, Infinity);
      if (rest) this.#load({ offset: rest[0], turns: Math.min(FAR, rest[1] - rest[0]) });
    }
  }

  /** Load one page; return whether it brought something. */
  async #load(params, { isNews = false, isAwaited = false, stale = null } = {}) {
    this.#job?.abort();
    const { offset, turns } = params;
    const mine = Object.assign(new AbortController(), { offset, turns, isAwaited });
    this.#job = mine;
    let brought = false;
    try {
      const page = await api.session(this.#key, params, mine.signal);
      if (mine.signal.aborted) return false;
      brought = this.#take(page, params, isNews);
    } catch (error) {
      if (isNews) this.#stale = Math.min(this.#stale ?? Infinity, stale);
      if (mine.signal.aborted) return false;
      if (!(error.status === 404 && params.around !== undefined)) this.error = error;
    }
    if (this.#job === mine) this.#job = null;
    this.#tell();
    if (brought) idle().then(() => this.#job ?? this.#go());
    return brought;
  }

  #take(page, { offset }, isNews) {
    const { transcript } = this;
    const { session, turns, next } = page;
    const before = transcript.rows.length;
    const { hasEnd } = transcript;
    this.error = null;
    this.session = { ...session, resume_command: page.resume_command };
    if (!transcript.add(page.offset, turns)) {
      // Turns came in between: what was here stands elsewhere now.
      transcript.clear();
      transcript.add(page.offset, turns);
    }
    const end = turns.length ? page.offset + turns.length : (offset ?? transcript.rows.length);
    transcript.resize(next === null ? end : Math.max(session.turns, end));
    if (isNews) {
      this.added += Math.max(0, transcript.rows.length - before);
      if (next !== null && hasEnd) this.#stale = next + 1;
    }
    return turns.length > 0;
  }
}

/** Let the browser draw and listen before going on. */
const idle = () =>
  new Promise((resolve) => {
    if (window.requestIdleCallback) window.requestIdleCallback(resolve, { timeout: 100 });
    else setTimeout(resolve, 16);
  });
