// Which bitrate the way to the server bears: lower when it falls behind, and up again after a calm time.
import { UploadWatch } from "./flow.js";
import { AUDIO_BITRATE, LOWEST_BITRATE } from "./presets.js";

/** Behind by no more than this is the usual way of things. */
const CALM_SECONDS = 3;
const PATIENCE_MS = 30_000; // of calm before the first climb
const MOST_PATIENCE_MS = 900_000;
const HELD_MS = 300_000; // so long a climb is on trial: a little too much takes minutes to show
const STEP = 0.6; // up as down
const ALIKE = 0.9;
const LARGEST_STEP = 0.35;

const WAITING_SECONDS = 5; // behind by that much, the way is full, and what is acknowledged is what it bears
const WINDOW_MS = 10_000; // acknowledgements come a segment at a time
const FRESH_MS = 120_000; // afterwards the way may be another one
const HEADROOM = 1.3;

/**
 * What is acknowledged tells how much the way bears, but only while something waits: else it is
 * what was recorded. So a climb is a trial. The one that fails makes the next one wait twice as long.
 */
export class Upload {
  wanted;
  bitrate;
  #watch = new UploadWatch();
  /** The least that a climb has failed at, and how long the next one there waits. @type {{ bitrate: number, patience: number } | null} */
  #failed = null;
  /** @type {number | null} */
  #calmSince = null;
  /** The climb that is on trial. @type {{ at: number, from: number } | null} */
  #climb = null;
  /** @type {{ at: number, bytes: number }[]} */
  #acks = [];
  /** @type {number | null} */
  #waitingSince = null;
  /** What the way bore, in bits per second. @type {{ at: number, rate: number } | null} */
  #measured = null;

  /** @param {number} wanted of the video, in bits per second */
  constructor(wanted) {
    this.wanted = wanted;
    this.bitrate = wanted;
  }

  get slow() {
    return this.#watch.slow;
  }

  get lowered() {
    return this.bitrate < this.wanted;
  }

  /** The last that it was seen to bear; null: nobody knows. */
  get measured() {
    return this.#measured?.rate ?? null;
  }

  /** @param {number} now ms @param {number} bytes that stand in the playlist now, and did not */
  acked(now, bytes) {
    this.#acks.push({ at: now, bytes });
    while (this.#acks[0] !== undefined && this.#acks[0].at < now - WINDOW_MS) this.#acks.shift();
  }

  /** @param {number} now ms @param {number} behind seconds that the server has not received */
  note(now, behind) {
    this.#watch.note(now, behind);
    this.#measure(now, behind);
    if (behind > CALM_SECONDS) this.#calmSince = null;
    else this.#calmSince ??= now;
    this.#judge(now);
  }

  /** Another bitrate, when it is time for one. @param {number} now ms @returns {number | null} */
  next(now) {
    const next = this.#watch.lower(now) ? this.#lower() : this.#mayClimb(now) ? this.#up(now) : this.bitrate;
    if (next === this.bitrate) return null;
    this.bitrate = next;
    this.#calmSince = null;
    return next;
  }

  /** The connection is another one: what is known of the way is not. */
  reset() {
    this.#watch.reset();
    this.#calmSince = null;
    this.#waitingSince = null;
    this.#measured = null;
    this.#acks = [];
  }

  /** The climb has held, when it was calm ever since. @param {number} now */
  #judge(now) {
    const climb = this.#climb;
    if (climb === null || this.#calmSince === null) return;
    if (now - climb.at < HELD_MS || this.#calmSince - climb.at > PATIENCE_MS) return;
    this.#climb = null;
    if (this.#hasFailed(this.bitrate)) this.#failed = null;
  }

  /** Whether a climb to as much has failed before. @param {number} bitrate */
  #hasFailed(bitrate) {
    return this.#failed !== null && bitrate > this.#failed.bitrate * ALIKE;
  }

  /** After a climb back to where it held; else by a step, and by a larger one when it is known that one is not enough. */
  #lower() {
    const { bitrate } = this;
    const failed = this.#climb;
    this.#climb = null;
    if (failed !== null) {
      const before = this.#hasFailed(bitrate) ? this.#failed : null;
      this.#failed = { bitrate: Math.min(bitrate, before?.bitrate ?? Infinity), patience: Math.min(MOST_PATIENCE_MS, 2 * (before?.patience ?? PATIENCE_MS)) };
      return failed.from;
    }
    const borne = this.#measured === null ? Infinity : this.#measured.rate / HEADROOM - AUDIO_BITRATE;
    const by = Math.min(STEP, Math.max(LARGEST_STEP, borne / bitrate));
    return Math.min(bitrate, Math.max(LOWEST_BITRATE, Math.round(bitrate * by)));
  }

  /** @param {number} now */
  #mayClimb(now) {
    const patience = this.#hasFailed(this.#above) ? this.#failed?.patience ?? 0 : PATIENCE_MS;
    if (!this.lowered || this.#calmSince === null || now - this.#calmSince < patience) return false;
    const known = this.#measured !== null && now - this.#measured.at < FRESH_MS ? this.#measured.rate : Infinity;
    return (this.#above + AUDIO_BITRATE) * HEADROOM <= known;
  }

  get #above() {
    return Math.min(this.wanted, Math.round(this.bitrate / STEP));
  }

  /** @param {number} now */
  #up(now) {
    this.#climb = { at: now, from: this.bitrate };
    return this.#above;
  }

  /** @param {number} now @param {number} behind */
  #measure(now, behind) {
    if (behind < WAITING_SECONDS) this.#waitingSince = null;
    else this.#waitingSince ??= now;
    if (this.#waitingSince === null || now - this.#waitingSince < WINDOW_MS) return;
    const bytes = this.#acks.filter(({ at }) => at > now - WINDOW_MS).reduce((sum, ack) => sum + ack.bytes, 0);
    if (bytes > 0) this.#measured = { at: now, rate: (bytes * 8) / (WINDOW_MS / 1000) };
  }
}
