// The last hour of the server, put together from one long answer and many short ones.

/** @typedef {import("./types.js").Column} Column */
/** @typedef {import("./types.js").Overview} Overview */

const STATES = ["starting", "live", "stalled", "backing_off", "interrupted", "ending"];

/** Seconds of which it tells. */
export const SPAN = 3600;
/** Seconds that are asked for again, so that answers overlap. */
const OVERLAP = 15;

export class Hour {
  /** By name, all of one length. @type {Map<string, Column>} */
  #columns = new Map();
  /** The number of the newest measurement; null: there is none. @type {number | null} */
  #newest = null;
  #step = 5;
  /** Unix time of measurement 0. */
  #zero = 0;
  /** When it was last told something. */
  #told = -Infinity;

  /** Seconds to ask for now. @param {number} now Unix time */
  wanted(now) {
    if (this.#newest === null) return SPAN;
    return Math.min(SPAN, Math.ceil(Math.max(0, now - this.#told)) + OVERLAP);
  }

  /** @param {Overview} answer @param {number} now Unix time */
  add(answer, now) {
    const { newest, step, seconds_ago: age } = answer;
    if (newest === null) return;
    this.#told = now;
    const lists = listsOf(answer);
    const length = lists.get("viewers")?.length ?? 0;
    const since = this.#newest === null ? Infinity : newest - this.#newest;
    if (since < 0 || since > SPAN / step) this.#columns = new Map(); // another server, or a machine that began anew
    // Both clocks are seldom quite the same: points would tremble if each answer moved them.
    const zero = now - (age ?? 0) - newest * step;
    if (this.#newest === null || since < 0 || Math.abs(zero - this.#zero) > step) this.#zero = zero;
    [this.#newest, this.#step] = [newest, step];
    const most = Math.round(SPAN / step);
    for (const [name, list] of lists) {
      const known = this.#columns.get(name) ?? [];
      this.#columns.set(name, joined(known, list, Number.isFinite(since) && since >= 0 ? since : length).slice(-most));
    }
  }

  /** Unix times of the measurements, oldest first. */
  get times() {
    const count = this.#columns.get("viewers")?.length ?? 0;
    const first = (this.#newest ?? 0) - count + 1;
    return Array.from({ length: count }, (_, place) => this.#zero + (first + place) * this.#step);
  }

  /** @param {string} name @returns {Column} */
  of(name) {
    return this.#columns.get(name) ?? [];
  }

  /** Several columns added up. @param {string[]} names @returns {Column} */
  sum(names) {
    const columns = names.map((name) => this.of(name));
    return (columns[0] ?? []).map((_, place) => total(columns.map((column) => column[place] ?? null)));
  }

  /** The newest of a column. @param {string} name */
  last(name) {
    return this.of(name).at(-1) ?? null;
  }
}

/** @param {Overview} answer @returns {Map<string, Column>} */
function listsOf(answer) {
  const { viewers, publishers, webrtc_viewers, webrtc_publishers, bandwidth_in, bandwidth_out, cpu, memory, disk, lag, restarts } = answer;
  const figures = Object.entries({ viewers, publishers, webrtc_viewers, webrtc_publishers, bandwidth_in, bandwidth_out, cpu, memory, disk, lag, restarts });
  return new Map([...figures, ...STATES.map((state) => /** @type {[string, Column]} */ ([state, answer.broadcasts[state] ?? viewers.map(() => 0)]))]);
}

/**
 * What was known, and what a list says that ends `since` measurements later; what neither knows stays empty.
 * @param {Column} known @param {Column} list @param {number} since
 */
function joined(known, list, since) {
  const kept = known.slice(0, Math.max(0, known.length + since - list.length));
  const gap = known.length === 0 ? 0 : Math.max(0, since - list.length);
  return [...kept, ...Array(gap).fill(null), ...list];
}

/** @param {Column} values */
function total(values) {
  const found = values.filter((value) => value !== null);
  return found.length === 0 ? null : found.reduce((sum, value) => sum + value, 0);
}
