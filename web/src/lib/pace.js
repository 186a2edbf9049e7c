// How far behind live one watches, and how fast one comes back to there.

/** @typedef {"low" | "balanced" | "safe"} Delay */

/**
 * Seconds behind the newest segment, where one takes a second.
 * @type {Record<Delay, number>}
 */
const SECONDS = { low: 2, balanced: 4, safe: 10 };
const SEGMENTS = 2; // one is made, one is looked for: with less, even the best of networks runs dry
const STEP = 2; // seconds further back after playing has stuttered
const MOST = 16;
const STALLS = 2; // one may be anybody's hiccup
const WITHIN_MS = 45_000;

const FASTER = 1.03; // nobody hears it
const BEGIN = 0.5; // seconds too far behind from which on one hurries
const END = 0.1;
const BUFFERED = 0.8; // seconds: with less, hurrying would only run into the next stall
const LIVE_WITHIN = 4; // seconds beyond the wanted ones that still count as live

/** @param {string | null} value as remembered @returns {Delay} */
export function delayOf(value) {
  return value === "balanced" || value === "safe" ? value : "low";
}

/** What is wanted, and what the network allows. */
export class Pace {
  #wanted;
  #more = 0;
  #segment = 0;
  /** @type {number[]} */
  #stalls = [];

  /** @param {Delay} [wanted] */
  constructor(wanted = "low") {
    this.#wanted = wanted;
  }

  get wanted() {
    return this.#wanted;
  }

  /** Seconds behind the newest segment at which one watches live. */
  get target() {
    return Math.max(SECONDS[this.#wanted], SEGMENTS * this.#segment, Math.min(MOST, SECONDS[this.#wanted] + this.#more));
  }

  /** Whether that is more than was asked for, because playing stuttered. */
  get movedBack() {
    return this.#more > 0;
  }

  /** @param {Delay} wanted */
  choose(wanted) {
    this.#wanted = wanted;
    this.#more = 0;
    this.#stalls = [];
  }

  /** What one segment takes, at most. @param {number} seconds 0: not known @returns {boolean} whether one watches from elsewhere now */
  cutInto(seconds) {
    const before = this.target;
    this.#segment = seconds;
    return this.target !== before;
  }

  /** The picture stood for want of media. @param {number} now milliseconds @returns {boolean} whether one watches from further back now */
  stalled(now) {
    this.#stalls = [...this.#stalls.filter((at) => now - at < WITHIN_MS), now];
    if (this.#stalls.length < STALLS) return false;
    const before = this.target;
    this.#stalls = [];
    this.#more += STEP;
    return this.target > before;
  }

  /** Whether somebody so far behind still watches live. @param {number} behind seconds */
  isLive(behind) {
    return behind < this.target + LIVE_WITHIN;
  }

  /**
   * How fast to play for somebody who wants to be live.
   * @param {{ behind: number, buffered: number, rate: number }} now seconds behind live, seconds that are loaded, the rate so far
   */
  rate({ behind, buffered, rate }) {
    const most = this.target + (rate > 1 ? END : BEGIN);
    return behind > most && buffered > BUFFERED ? FASTER : 1;
  }
}
