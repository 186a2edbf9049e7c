// The last two minutes of a broadcast, a sample each second, in a ring that never grows.
import { Pace } from "./pace.js";

/** @typedef {import("./types.js").Column} Column */

/**
 * What is measured at one moment. Bytes are totals, from which rates are made here.
 * @typedef {object} Sample
 * @property {number} sent bytes that have left this browser
 * @property {number} safe bytes that stand in the playlist
 * @property {number} unsafe seconds that are recorded and do not stand there
 * @property {number | null} lag seconds from the camera to the playlist, as of the newest acknowledgement
 * @property {number | null} [lost] the share of what was sent that did not arrive at first; null: nothing gets lost
 * @property {number | null} latency seconds that wait on the server
 * @property {number | null} speed of the encoder; 1 is real time
 * @property {number | null} viewers null: nobody counts them
 */

/** Of a picture when the recorder hands it over, at the mean: see FACTS.md. */
const RECORDER_SECONDS = 0.2;
/** Seconds that are shown. */
export const SPAN = 120;
/** What is acknowledged comes a segment or two at a time: a rate over less would jump. */
const RATE_SAMPLES = 5;
/** Seconds that a segment more or less makes of what waits on the server. */
const SAW_SECONDS = 1;
const GROWTH_SECONDS = 0.3;

/** A fixed number of samples: the newest takes the place of the oldest. */
export class LastMinutes {
  /** @type {(Sample & { at: number } | undefined)[]} */
  #ring = new Array(SPAN + RATE_SAMPLES);
  #count = 0;

  clear() {
    this.#count = 0;
  }

  /** @param {number} at Unix time, later than all before @param {Sample} sample */
  add(at, sample) {
    this.#ring[this.#count % this.#ring.length] = { at, ...sample };
    this.#count += 1;
  }

  /** Oldest first. */
  get #samples() {
    const { length } = this.#ring;
    const held = Math.min(length, this.#count);
    return Array.from({ length: held }, (_, place) => /** @type {Sample & { at: number }} */ (this.#ring[(this.#count - held + place) % length]));
  }

  /** Unix times. */
  get times() {
    return this.#samples.map(({ at }) => at).slice(-SPAN);
  }

  /** @param {"unsafe" | "lost" | "speed" | "viewers"} name @returns {Column} */
  of(name) {
    return this.#samples.map((sample) => sample[name] ?? null).slice(-SPAN);
  }

  /** Bits per second over the last samples; the first has none. @param {"sent" | "safe"} name @returns {Column} */
  rate(name) {
    const samples = this.#samples;
    const rates = samples.map((now, place) => {
      const then = samples[Math.max(0, place - RATE_SAMPLES)];
      return then === undefined || then === now ? null : Math.max(0, ((now[name] - then[name]) * 8) / (now.at - then.at));
    });
    return rates.slice(-SPAN);
  }

  /** Whether what waits on the server has become more, and becomes more still. */
  get growing() {
    const last = this.#samples.slice(-2 * RATE_SAMPLES).map(({ latency }) => latency ?? 0);
    const [before, now] = [last.slice(0, RATE_SAMPLES), last.slice(RATE_SAMPLES)];
    if (now.length < RATE_SAMPLES) return false;
    const newest = now.at(-1) ?? 0;
    return mean(now) > mean(before) + GROWTH_SECONDS && newest > Math.max(...last) - SAW_SECONDS;
  }

  /**
   * Seconds by which viewers are behind the camera; null: not known yet.
   *
   * From the camera to the playlist: the recorder keeps a picture for a moment; then the server's
   * acknowledgements say how much media stands there (`media_time`), and this page knows when that was recorded. From the playlist to the eye: our player
   * stays so far behind the newest segment (pace.js); others, hls.js by itself among them, a little more.
   * @param {number} segment seconds that one takes; 0: not known
   */
  behind(segment) {
    const lags = this.#samples.slice(-RATE_SAMPLES).map(({ lag }) => lag).filter((lag) => lag !== null);
    if (lags.length === 0) return null;
    const pace = new Pace();
    pace.cutInto(segment);
    return mean(lags) + RECORDER_SECONDS + pace.target;
  }
}

/** @param {number[]} values */
function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
