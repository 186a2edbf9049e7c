// Which small picture to fetch when a pointer wanders over the time line: the newest wish only, and none twice.

const STEP_MS = 2000; // one picture for so much of the stream: a keyframe's distance
const KEPT = 60;

/** @template T @typedef {{ grab: (date: number) => Promise<T | null> }} Source */

/** @template T */
export class Previews {
  /** @type {Map<number, T>} the one that was shown last comes last */
  #kept = new Map();
  /** @type {number | null} */
  #wanted = null;
  #busy = false;
  #source;
  #show;

  /** @param {Source<T>} source @param {(picture: T | null) => void} show null: there is none yet */
  constructor(source, show) {
    this.#source = source;
    this.#show = show;
  }

  /** @param {number} date milliseconds since 1970 */
  want(date) {
    const key = Math.floor(date / STEP_MS);
    if (key === this.#wanted) return;
    this.#wanted = key;
    const kept = this.#kept.get(key) ?? null;
    if (kept !== null) this.#keep(key, kept);
    this.#show(kept);
    if (kept === null) this.#fetch();
  }

  /** The pointer has gone. */
  leave() {
    this.#wanted = null;
  }

  async #fetch() {
    if (this.#busy) return;
    this.#busy = true;
    /** @type {number | null} what could not be had is not asked for again at once */
    let failed = null;
    while (this.#wanted !== null && this.#wanted !== failed && !this.#kept.has(this.#wanted)) {
      /** @type {number} */
      const key = this.#wanted;
      const picture = await this.#source.grab(key * STEP_MS + STEP_MS / 2);
      if (picture !== null) this.#keep(key, picture);
      failed = picture === null ? key : null;
      if (key === this.#wanted) this.#show(picture);
    }
    this.#busy = false;
  }

  /** @param {number} key @param {T} picture */
  #keep(key, picture) {
    this.#kept.delete(key);
    this.#kept.set(key, picture);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) return;
      this.#kept.delete(oldest);
    }
  }
}
