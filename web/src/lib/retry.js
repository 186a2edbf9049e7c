// When the next connection is tried.
import { publisherBackoff } from "./backoff.js";

/** @typedef {{ now: () => number, random: () => number, setTimeout: (run: () => void, ms: number) => number, clearTimeout: (timer: number) => void }} RetryEnvironment */

const SETTLED_MS = 3000; // a connection that lived this long makes the next wait short again
const SPREAD = 0.2; // the share of a wait that the server asked for, that chance adds to it

export class Retry {
  #attempt = 0;
  #timer = 0;
  #dueAt = 0;
  /** The server has asked to be left alone until then. */
  #askedUntil = -Infinity;
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

  /** Whether the next one may come before its time. */
  get free() {
    return this.#environment.now() >= this.#askedUntil;
  }

  /** Seconds since there was a connection; 0 while there is one. */
  get lostSeconds() {
    return this.#lostAt === null ? 0 : (this.#environment.now() - this.#lostAt) / 1000;
  }

  /** A broadcast begins. */
  reset() {
    this.cancel();
    this.#askedUntil = -Infinity;
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

  /**
   * @param {{ ready: boolean, full: boolean, asked: number }} lost the connection that has ended;
   *   `asked`: seconds for which the server wants to be left alone
   * @param {() => void} run
   */
  after({ ready, full, asked }, run) {
    const now = this.#environment.now();
    if (ready && now - this.#openedAt > SETTLED_MS) this.#attempt = 0;
    this.#lostAt ??= now;
    const circumstances = { attempt: this.#attempt++, lostForMs: now - this.#lostAt, full };
    const spread = asked * 1000 * (1 + SPREAD * this.#environment.random());
    const wait = Math.max(spread, publisherBackoff(circumstances, this.#environment.random));
    this.#askedUntil = now + asked * 1000;
    this.in(wait, run);
  }

  /** @param {number} wait ms @param {() => void} run */
  in(wait, run) {
    const now = this.#environment.now();
    this.#lostAt ??= now;
    this.cancel();
    this.#dueAt = now + wait;
    this.#timer = this.#environment.setTimeout(run, wait);
  }

  cancel() {
    this.#environment.clearTimeout(this.#timer);
    this.#dueAt = 0;
  }
}
