// For how long one has been live.

export class LiveClock {
  /** @type {number | null} */
  #since = null;
  #seconds = 0;
  #environment;

  /** @param {{ now: () => number }} environment */
  constructor(environment) {
    this.#environment = environment;
  }

  get seconds() {
    return this.#since === null ? this.#seconds : (this.#environment.now() - this.#since) / 1000;
  }

  /** It goes on where it goes already. */
  start() {
    this.#since ??= this.#environment.now();
  }

  stop() {
    this.#seconds = this.seconds;
    this.#since = null;
  }

  reset() {
    this.#since = null;
    this.#seconds = 0;
  }
}
