// What happens on the server, as it happens.
import { backoff } from "./backoff.js";
import { withToken } from "./watch-links.js";
import { isOver } from "./words.js";

/** @typedef {import("./types.js").Broadcast} Broadcast */
/** @typedef {"connecting" | "open" | "lost"} FeedState */
/** @typedef {{ EventSource: typeof EventSource, setTimeout: (run: () => void, ms: number) => unknown }} FeedEnvironment */

const CLOSED = 2; // EventSource.CLOSED: the browser has given up and will not try again

/**
 * One connection to the server's events. It keeps the broadcasts that it was told of, the ones
 * that ended meanwhile included, and calls `onchange` after each news.
 */
export class EventFeed {
  /** @type {FeedState} */
  #state = "connecting";
  /** @type {Map<string, Broadcast>} */
  #broadcasts = new Map();
  /** @type {EventSource | null} */
  #source = null;
  #attempt = 0;
  #url;
  #onchange;
  #environment;

  /**
   * @param {{ channel?: string, token?: string, onchange: (feed: EventFeed, fresh: boolean) => void }} options
   *   `token`, where the channel is private; `fresh` is true when the news was a whole snapshot
   * @param {FeedEnvironment} [environment]
   */
  constructor({ channel, token = "", onchange }, environment = browser()) {
    const filter = channel === undefined ? "" : `?channel=${encodeURIComponent(channel)}`;
    this.#url = withToken(`/api/v1/events${filter}`, token); // an EventSource sends no header
    this.#onchange = onchange;
    this.#environment = environment;
    this.#open();
  }

  get state() {
    return this.#state;
  }

  /** Newest first. */
  get broadcasts() {
    const all = [...this.#broadcasts.values()];
    return all.sort((a, b) => b.started_at.localeCompare(a.started_at));
  }

  close() {
    this.#source?.close();
    this.#source = null;
  }

  #open() {
    const source = new this.#environment.EventSource(this.#url);
    this.#source = source;
    source.addEventListener("snapshot", (event) => this.#snapshot(event));
    source.addEventListener("broadcast", (event) => this.#one(event));
    source.addEventListener("error", () => this.#lost(source));
  }

  /** @param {MessageEvent} event */
  #snapshot(event) {
    this.#attempt = 0;
    this.#broadcasts = merge(this.#broadcasts, JSON.parse(event.data).broadcasts);
    this.#to("open", true);
  }

  /** @param {MessageEvent} event */
  #one(event) {
    const broadcast = /** @type {Broadcast} */ (JSON.parse(event.data));
    this.#broadcasts.set(broadcast.id, broadcast);
    this.#to("open", false);
  }

  /** The browser reconnects by itself, but not after an HTTP error: that is left to us. */
  #lost(/** @type {EventSource} */ source) {
    if (source !== this.#source) return;
    this.#to("lost", false);
    if (source.readyState !== CLOSED) return;
    const delay = backoff(this.#attempt++);
    this.#environment.setTimeout(() => this.#source === source && this.#open(), delay);
  }

  /** @param {FeedState} state @param {boolean} fresh */
  #to(state, fresh) {
    this.#state = state;
    this.#onchange(this, fresh);
  }
}

/**
 * A snapshot names what is open. What we knew as open and it does not name has ended while we
 * were away: it is forgotten; what we saw ending is kept.
 * @param {Map<string, Broadcast>} known
 * @param {Broadcast[]} snapshot
 */
export function merge(known, snapshot) {
  const over = [...known].filter(([, broadcast]) => isOver(broadcast));
  return new Map([...over, ...snapshot.map((b) => /** @type {const} */ ([b.id, b]))]);
}

/** @returns {FeedEnvironment} */
function browser() {
  return { EventSource, setTimeout: (run, ms) => setTimeout(run, ms) };
}
