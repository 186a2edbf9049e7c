// Three, two, one: time to look into the camera, or to think better of it.

export const COUNT_FROM = 3;
const STEP_MS = 1000;

/** @typedef {{ setTimeout: (run: () => void, ms: number) => number, clearTimeout: (timer: number) => void }} Clock */

/** One at a time. */
export class Countdown {
  /** What is left; 0: nobody counts. */
  left = 0;
  #timer = 0;
  /** @type {(counted: boolean) => void} */
  #done = () => {};
  #onchange;
  #clock;

  /** @param {() => void} onchange @param {Clock} clock */
  constructor(onchange, clock) {
    this.#onchange = onchange;
    this.#clock = clock;
  }

  /** @param {number} [from] @returns {Promise<boolean>} whether it came to its end */
  run(from = COUNT_FROM) {
    this.cancel();
    return new Promise((done) => {
      this.#done = done;
      this.#show(from);
    });
  }

  cancel() {
    this.#clock.clearTimeout(this.#timer);
    this.#end(false);
  }

  /** @param {number} left */
  #show(left) {
    if (left === 0) return this.#end(true);
    this.left = left;
    this.#onchange();
    this.#timer = this.#clock.setTimeout(() => this.#show(left - 1), STEP_MS);
  }

  /** @param {boolean} counted */
  #end(counted) {
    if (this.left === 0) return;
    this.left = 0;
    this.#onchange();
    this.#done(counted);
  }
}
