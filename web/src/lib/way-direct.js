// When to watch by WebRTC (WHEP), which is a fraction of a second behind, and when by the playlist, which gets
// through everywhere and can be gone back in.

/**
 * What the viewer asked for: "auto" by WebRTC where that goes well, "lowest" the same and more stubbornly,
 * "none" by the playlist alone.
 * @typedef {"auto" | "lowest" | "none"} Wish
 */

export const FIRST_FRAME_MS = 3000; // to wait for, before the playlist is played
const STANDS_MS = 2000; // without a new picture while the broadcast goes on
const OVER_MS = 1500; // without a new picture after the broadcast: that was it
const STEADY_MS = 60_000; // what went well for so long begins to count anew when it fails
const SPREAD = 0.25; // of a wait: whom one failure has sent away must not all come back in one instant
/** How long to leave it after the first failure, and at most. @type {Record<Wish, { first: number, most: number }>} */
const AGAIN = { auto: { first: 30_000, most: 600_000 }, lowest: { first: 5000, most: 60_000 }, none: { first: Infinity, most: Infinity } };

/** Of the delay that is remembered: "auto" until something is chosen. @param {string | null} value @returns {Wish} */
export function wishOf(value) {
  if (value === "lowest") return "lowest";
  return value === "normal" || value === "balanced" || value === "safe" ? "none" : "auto";
}

/** The menu where WebRTC is offered; the last three are what there is without it. */
export const DELAYS = [
  { value: "auto", label: "Automatic" },
  { value: "lowest", label: "Lowest: under a second" },
  { value: "normal", label: "Normal: a few seconds" },
  { value: "balanced", label: "Balanced" },
  { value: "safe", label: "Safe: for poor networks" },
];

/** Which of them is chosen. @param {string | null} value as remembered */
export function chosenDelay(value) {
  return DELAYS.some((one) => one.value === value) ? String(value) : "auto";
}

/** What is said beside the delay. @param {{ direct: boolean, way: WayDirect | null }} player */
export function delayWords({ direct, way }) {
  if (direct) return "by WebRTC";
  if (way === null || way.wish === "none") return "";
  if (way.held) return "the lowest delay is there with automatic quality only";
  return way.failing ? "WebRTC does not get through now, and is tried again" : "";
}

/** Counts how often it failed. Times are milliseconds of one clock. */
export class WayDirect {
  #wish;
  #failures = 0;
  #dueAt = -Infinity;
  #beganAt = Infinity;
  #held = false;

  #random;

  /** @param {Wish} [wish] @param {() => number} [random] from 0 to 1 */
  constructor(wish = "auto", random = Math.random) {
    this.#wish = wish;
    this.#random = random;
  }

  get wish() {
    return this.#wish;
  }

  get held() {
    return this.#held;
  }

  get failing() {
    return this.#failures > 0;
  }

  /** Another wish is tried at once. @param {Wish} wish */
  choose(wish) {
    if (wish !== this.#wish) this.forget();
    this.#wish = wish;
  }

  /** One quality is wanted, which only the playlist has; or no more. @param {boolean} held */
  hold(held) {
    this.#held = held;
  }

  /** @param {number} now */
  mayTry(now) {
    return this.#wish !== "none" && !this.#held && now >= this.#dueAt;
  }

  /** It plays. @param {number} now */
  began(now) {
    this.#beganAt = now;
  }

  /** It did not begin, or not go on. @param {number} now @param {number} [wait] that the server asks for, in ms */
  failed(now, wait = 0) {
    if (now - this.#beganAt >= STEADY_MS) this.forget();
    const { first, most } = AGAIN[this.#wish];
    const longest = Math.max(wait, Math.min(most, first * 2 ** this.#failures));
    this.#dueAt = now + longest * (1 + SPREAD * this.#random());
    this.#failures += 1;
    this.#beganAt = Infinity;
  }

  /** A new start. */
  forget() {
    this.#failures = 0;
    this.#dueAt = -Infinity;
  }
}

/**
 * What a picture that stands means. The broadcast itself may stand; and what comes back after that is given
 * as long as what stops.
 * @param {{ standingMs: number, onAirMs: number, over: boolean }} facts for how long there was no new picture,
 *   and for how long the server has said that the broadcast goes on (0: it does not)
 * @returns {"goes" | "stands" | "lost" | "over"}
 */
export function judge({ standingMs, onAirMs, over }) {
  if (over && standingMs >= OVER_MS) return "over";
  if (Math.min(standingMs, onAirMs) >= STANDS_MS) return "lost";
  return standingMs >= STANDS_MS / 2 ? "stands" : "goes";
}
