// When the next connection is tried.
import { publisherBackoff } from "./backoff.js";

/** @typedef {{ now: () => number, random: () => number, setTimeout: (run: () => void, ms: number) => number, clearTimeout: (timer: number) => void }} RetryEnvironment */

const SETTLED_MS = 3000; // a connection that lived this long makes the next wait short again

export class Retry {
  #attempt = 0;
  #timer = 0;
  #dueAt = 0;
  #openedAt = 0;
  /** @type {number | null} */
  #lostAt = null;
  #environment;

  /** @param {RetryEnvironment} environment */
  constructor(environment) {
    this.#environment = environment;
  }

  /** Seconds until the next one. */
  get seconds() {
    return Math.max(0, (this.#dueAt - this.#environment.now()) / 1000);
  }

  /** A broadcast begins. */
  reset() {
    this.cancel();
    this.#attempt = 0;
    this.#lostAt = null;
  }

  /** A connection is opened now: there is nothing to wait for. */
  opening() {
    this.cancel();
    this.#openedAt = this.#environment.now();
  }

  /** The server has taken us. */
  ready() {
    this.#lostAt = null;
  }

  /** @param {{ ready: boolean, full: boolean }} lost the connection that has ended @param {() => void} run */
  after({ ready, full }, run) {
    const now = this.#environment.now();
    if (ready && now - this.#openedAt > SETTLED_MS) this.#attempt = 0;
    this.#lostAt ??= now;
    const circumstances = { attempt: this.#attempt++, lostForMs: now - this.#lostAt, full };
    const wait = publisherBackoff(circumstances, this.#environment.random);
    this.cancel();
    this.#dueAt = now + wait;
    this.#timer = this.#environment.setTimeout(run, wait);
  }

  cancel() {
    this.#environment.clearTimeout(this.#timer);
    this.#dueAt = 0;
  }
}
