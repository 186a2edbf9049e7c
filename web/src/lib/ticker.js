// A beat that is kept, as pictures need it.

/** @typedef {{ now: () => number, setTimeout: (run: () => void, ms: number) => number, clearTimeout: (timer: number) => void }} TickerEnvironment */

/** Beats do not drift, and those that are missed are left out, never made up for. */
export class Ticker {
  #beat = 0;
  #timer = 0;
  #begun;
  #period;
  #run;
  #environment;

  /** @param {number} rate beats a second @param {() => void} run @param {TickerEnvironment} environment */
  constructor(rate, run, environment) {
    this.#period = 1000 / rate;
    this.#run = run;
    this.#environment = environment;
    this.#begun = environment.now();
    this.#wait();
  }

  stop() {
    this.#environment.clearTimeout(this.#timer);
  }

  #wait() {
    const passed = this.#environment.now() - this.#begun;
    this.#beat = Math.max(this.#beat, Math.floor(passed / this.#period)) + 1;
    this.#timer = this.#environment.setTimeout(() => this.#due(), this.#beat * this.#period - passed);
  }

  /** The next one is wound up first: a beat that stops the ticker stops it. */
  #due() {
    this.#wait();
    this.#run();
  }
}
