// Watching a channel: what is on, whether it moves, and what is done when it does not.
import { backoff } from "./backoff.js";
import { Recovery } from "./recovery.js";
import { isOver, isTroubled } from "./words.js";

/** @typedef {import("./types.js").Broadcast} Broadcast */
/** @typedef {import("./engine.js").Engine} Engine */
/** @typedef {import("./engine.js").CreateEngine} CreateEngine */
/** @typedef {import("./recovery.js").Failure} Failure */
/** @typedef {"offline" | "loading" | "playing" | "interrupted" | "ended" | "error"} PlayerState */

/**
 * @typedef {object} PlayerEnvironment
 * @property {() => number} now milliseconds
 * @property {() => number} random
 * @property {(run: () => void, ms: number) => number} setTimeout
 * @property {(timer: number) => void} clearTimeout
 */

const STUCK_MS = 12_000; // the broadcast goes on and the picture does not: start anew
const OVER_MS = 8000; // the broadcast is over and the picture stands: that was it
const FRESH_MS = 2500; // the server tells of a live broadcast about once a second
const BEHIND_SECONDS = 8; // further than this behind the edge is not live any more

/**
 * What the viewer sees, from what is known. Pure, so that every case can be tested.
 * @param {object} facts
 * @param {Broadcast | null} facts.broadcast the newest of the channel
 * @param {boolean} facts.attached a playlist is loaded
 * @param {boolean} facts.moving
 * @param {boolean} facts.finished the playlist was played to its end
 * @param {boolean} facts.failed given up
 * @param {number} facts.standingMs how long it has not moved
 * @returns {PlayerState}
 */
export function derive({ broadcast, attached, moving, finished, failed, standingMs }) {
  if (failed) return "error";
  if (!attached) return "offline";
  if (finished) return "ended";
  if (moving) return "playing";
  if (isOver(broadcast) && standingMs > OVER_MS) return "ended";
  return isTroubled(broadcast) ? "interrupted" : "loading";
}

/** One player for one page. It owns one engine at a time and the one state that is shown. */
export class Player {
  /** @type {PlayerState} */
  #state = "offline";
  /** @type {Broadcast | null} */
  #broadcast = null;
  #attachedId = "";
  /** @type {Engine | null} */
  #engine = null;
  #recovery = new Recovery();
  #turn = 0;
  #timer = 0;
  #moving = false;
  #finished = false;
  #failed = false;
  #movedAt = 0;
  #newsAt = 0;
  #video;
  #createEngine;
  #onchange;
  #environment;

  /**
   * @param {HTMLVideoElement} video
   * @param {CreateEngine} createEngine
   * @param {(player: Player) => void} onchange
   * @param {PlayerEnvironment} [environment]
   */
  constructor(video, createEngine, onchange, environment = browser()) {
    this.#video = video;
    this.#createEngine = createEngine;
    this.#onchange = onchange;
    this.#environment = environment;
    this.#listen();
  }

  get state() {
    return this.#state;
  }

  get broadcast() {
    return this.#broadcast;
  }

  get engine() {
    return this.#engine;
  }

  /** Close enough to the edge to be called live. */
  get atEdge() {
    const edge = this.#engine?.liveEdge() ?? null;
    if (edge === null || isOver(this.#broadcast)) return false;
    return !this.#video.paused && edge - this.#video.currentTime < BEHIND_SECONDS;
  }

  /** News of the channel's newest broadcast. @param {Broadcast | null} broadcast */
  update(broadcast) {
    this.#broadcast = broadcast;
    this.#newsAt = this.#environment.now();
    if (broadcast !== null && broadcast.id !== this.#attachedId) this.#offered(broadcast);
    this.#settle();
  }

  /** Loads the broadcast, be it live, or the recording of one that is over. The count of failures goes on. */
  load() {
    const broadcast = this.#broadcast;
    if (broadcast?.hls) this.#attach(broadcast.id, broadcast.hls);
  }

  /** Nothing is played until there is news again. */
  stop() {
    this.#detach();
    this.#settle();
  }

  retry() {
    this.#recovery.played();
    this.load();
  }

  goToEdge() {
    const edge = this.#engine?.liveEdge() ?? null;
    if (edge !== null) this.#video.currentTime = edge;
    return this.#video.play();
  }

  /** To be called about once a second: notices what no event tells. */
  tick() {
    if (this.#isStuck()) this.#fail("other");
    this.#settle();
  }

  #listen() {
    const video = this.#video;
    video.addEventListener("timeupdate", () => this.#moved());
    video.addEventListener("playing", () => this.#moved());
    video.addEventListener("waiting", () => this.#stood());
    video.addEventListener("ended", () => this.#reachedEnd());
  }

  #moved() {
    if (this.#engine === null || this.#video.readyState < 3 || this.#video.ended) return;
    this.#moving = true;
    this.#finished = false;
    this.#movedAt = this.#environment.now();
    this.#recovery.played();
    this.#settle();
  }

  #stood() {
    this.#moving = false;
    this.#settle();
  }

  #reachedEnd() {
    this.#moving = false;
    this.#finished = true;
    this.#settle();
  }

  /** Another broadcast than the one that is loaded. What is over is not started unasked. @param {Broadcast} broadcast */
  #offered(broadcast) {
    if (broadcast.hls !== null && !isOver(broadcast)) {
      this.#recovery.played();
      this.#attach(broadcast.id, broadcast.hls);
    }
  }

  /** @param {string} id @param {string} url */
  async #attach(id, url) {
    this.#detach();
    const turn = ++this.#turn;
    this.#attachedId = id;
    this.#movedAt = this.#environment.now();
    this.#settle();
    const events = {
      onqualities: () => this.#onchange(this),
      onfailure: (/** @type {Failure} */ failure) => turn === this.#turn && this.#fail(failure),
    };
    const engine = await this.#createEngine(this.#video, url, events).catch(() => null);
    if (turn !== this.#turn) return engine?.destroy();
    this.#engine = engine;
    if (engine === null) this.#fail("other");
    this.#settle();
  }

  #detach() {
    this.#turn += 1;
    this.#environment.clearTimeout(this.#timer);
    this.#engine?.destroy();
    this.#engine = null;
    this.#attachedId = "";
    this.#moving = false;
    this.#finished = false;
    this.#failed = false;
  }

  /** @param {Failure} failure */
  #fail(failure) {
    this.#moving = this.#moving && failure === "network"; // what is buffered still plays
    this.#movedAt = this.#environment.now();
    // While the server itself says that it waits, there is nothing to give up on.
    if (isTroubled(this.#broadcast)) this.#recovery.played();
    const remedy = this.#recovery.next(failure);
    const wait = failure === "media" ? 0 : backoff(this.#recovery.attempt, this.#environment.random);
    this.#environment.clearTimeout(this.#timer);
    if (remedy === "give_up") this.#giveUp();
    else this.#timer = this.#environment.setTimeout(() => this.#remedy(remedy), wait);
    this.#settle();
  }

  /** @param {"resume" | "recover" | "reload"} remedy */
  #remedy(remedy) {
    const engine = this.#engine;
    if (engine === null || remedy === "reload") return this.load();
    if (remedy === "recover") engine.recover();
    else engine.resume();
  }

  #giveUp() {
    const id = this.#attachedId;
    this.#detach();
    this.#attachedId = id; // news of the same broadcast does not start it again: Retry does
    this.#failed = true;
  }

  #isStuck() {
    if (this.#engine === null || this.#video.paused || this.#broadcast?.state !== "live") return false;
    const now = this.#environment.now();
    return now - this.#newsAt < FRESH_MS && now - this.#movedAt > STUCK_MS;
  }

  #settle() {
    this.#state = derive({
      broadcast: this.#broadcast,
      attached: this.#attachedId !== "",
      moving: this.#moving,
      finished: this.#finished,
      failed: this.#failed,
      standingMs: this.#environment.now() - this.#movedAt,
    });
    this.#onchange(this);
  }
}

/** @returns {PlayerEnvironment} */
function browser() {
  return {
    now: () => performance.now(),
    random: Math.random,
    setTimeout: (run, ms) => window.setTimeout(run, ms),
    clearTimeout: (timer) => window.clearTimeout(timer),
  };
}
