// One light with one sentence, and the last two minutes of what they are made of.
import { byId, setAttribute, setText, show } from "../lib/dom.js";
import { health } from "../lib/health.js";
import { LastMinutes } from "../lib/last-minutes.js";

/** @typedef {import("../lib/publisher.js").Publisher} Publisher */

const SAMPLE_MS = 1000;
/** What is over sooner need not be said. */
const SAID_AFTER_MS = 1200;
const RUNNING = new Set(["live", "reconnecting", "stopping"]);

export class StudioLight {
  minutes = new LastMinutes();
  #publisher;
  #counting;
  #said = "";
  #saying = 0;
  #sampledAt = 0;
  #onsample;

  /** @param {Publisher} publisher @param {() => boolean} counting down to going live @param {(minutes: LastMinutes) => void} onsample another second is there */
  constructor(publisher, counting, onsample) {
    this.#publisher = publisher;
    this.#counting = counting;
    this.#onsample = onsample;
  }

  /** A new broadcast. */
  begin() {
    this.minutes.clear();
  }

  render() {
    const { state, message, status, statistics } = this.#publisher;
    const { light, words, said } = (this.#publisher.health ?? health)({ state, message, status, statistics, behind: this.minutes.behind(statistics.segmentSeconds), growing: this.minutes.growing, counting: this.#counting() });
    const line = byId("status", HTMLElement);
    setAttribute(line, "data-state", state);
    setText(line, words);
    setAttribute(byId("health", HTMLElement), "data-light", light);
    setAttribute(byId("light", SVGUseElement), "href", `/assets/icons.svg#light-${light}`);
    const viewers = status?.viewers ?? null;
    show(byId("watching", HTMLElement), viewers !== null && viewers > 0 && state === "live");
    setText(byId("viewers", HTMLElement), String(viewers ?? ""));
    this.#say(said);
  }

  /** Once a second, while there is something to measure. @param {number} now Unix time */
  sample(now) {
    const { state, status, statistics } = this.#publisher;
    if (!RUNNING.has(state) || (now - this.#sampledAt) * 1000 < SAMPLE_MS * 0.9) return;
    this.#sampledAt = now;
    const { sentBytes, safeBytes, unsafeSeconds, network } = statistics;
    const { lag } = network ?? { lag: statistics.lagSeconds };
    this.minutes.add(now, { sent: sentBytes, safe: safeBytes, unsafe: unsafeSeconds, lag, lost: network?.lost ?? null, latency: status?.latency ?? null, speed: status?.speed ?? null, viewers: status?.viewers ?? null });
    this.#onsample(this.minutes);
  }

  /** @param {string} words */
  #say(words) {
    if (words === this.#said) return;
    this.#said = words;
    clearTimeout(this.#saying);
    this.#saying = window.setTimeout(() => setText(byId("said", HTMLElement), words), SAID_AFTER_MS);
  }
}
