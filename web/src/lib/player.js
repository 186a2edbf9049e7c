// Watching a channel: what is on, whether it moves, how far behind live it is, and what is done when it does not move.
import { backoff } from "./backoff.js";
import { Unsupported } from "./engine.js";
import { Ladder } from "./ladder.js";
import { Pace } from "./pace.js";
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
  #ladder = new Ladder();
  #pace;
  /** @type {Failure | null} why it does not play, while it does not */
  #failure = null;
  #turn = 0;
  #timer = 0;
  #moving = false;
  #finished = false;
  #failed = false;
  #followsLive = true; // until the viewer goes elsewhere
  #paused = false; // after it had played
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
   * @param {Pace} [pace]
   * @param {PlayerEnvironment} [environment]
   */
  constructor(video, createEngine, onchange, pace = new Pace(), environment = browser()) {
    this.#video = video;
    this.#pace = pace;
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

  get pace() {
    return this.#pace;
  }

  /** What is in the way; null: nothing. */
  get failure() {
    return this.#failure;
  }

  /** Whether there is a live edge to watch at. */
  get live() {
    return (this.#engine?.liveEdge() ?? null) !== null && !isOver(this.#broadcast);
  }

  /** Seconds behind the newest that can be had; null: there is nothing live. */
  get behind() {
    return this.live ? (this.#engine?.behind() ?? null) : null;
  }

  /** Where one can go to. */
  get window() {
    return this.#engine?.window() ?? null;
  }

  /** Close enough to the edge to be called live. */
  get atEdge() {
    const behind = this.behind;
    return behind !== null && !this.#video.paused && this.#pace.isLive(behind);
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
    this.#failure = null;
    this.load();
  }

  /** The server, or the way to it, is there again: what was given up for want of it begins anew. */
  revive() {
    if (this.#failed && (this.#failure === "network" || this.#failure === "missing")) this.retry();
  }

  goToEdge() {
    const edge = this.#engine?.liveEdge() ?? null;
    this.#followsLive = true;
    if (edge !== null) this.#video.currentTime = edge;
    return this.#video.play();
  }

  /** To another moment, as far as there is one. @param {number} position */
  seek(position) {
    const { start, end } = this.window ?? { start: position, end: position };
    this.#video.currentTime = Math.min(end, Math.max(start, position));
    this.#seeFollowing();
  }

  /** How far behind live the viewer likes to be. @param {import("./pace.js").Delay} delay */
  chooseDelay(delay) {
    this.#pace.choose(delay);
    this.#engine?.keepBehind(this.#pace.target);
    const edge = this.#engine?.liveEdge() ?? null;
    if (this.#followsLive && edge !== null) this.#video.currentTime = edge;
    this.#onchange(this);
  }

  /** To be called about once a second: notices what no event tells. */
  tick() {
    if (this.#isStuck()) this.#fail("other");
    else if (this.#hasGrown()) this.load();
    this.#keepPace();
    this.#settle();
  }

  #listen() {
    const video = this.#video;
    video.addEventListener("timeupdate", () => this.#moved());
    video.addEventListener("playing", () => this.#moved());
    video.addEventListener("waiting", () => this.#stood());
    video.addEventListener("ended", () => this.#reachedEnd());
    video.addEventListener("pause", () => (this.#paused = this.#moving));
    video.addEventListener("play", () => this.#wentOn());
  }

  /** Not at the start, where it may be at 0 for a moment. */
  #wentOn() {
    if (this.#paused) this.#seeFollowing();
    this.#paused = false;
  }

  /** Whoever has gone back, or has paused for long, stays there. */
  #seeFollowing() {
    const behind = this.behind;
    if (behind !== null) this.#followsLive = this.#pace.isLive(behind);
  }

  /** Not for who has gone back: that would take them to live. */
  #hasGrown() {
    if (this.#engine === null || !this.#moving || !this.#followsLive || !this.#isOnTheAir()) return false;
    const labels = this.#engine.qualities().map(({ label }) => label);
    return this.#ladder.grown({ renditions: this.#broadcast?.renditions ?? [], labels, now: this.#environment.now() });
  }

  #keepPace() {
    const video = this.#video;
    if (this.#engine !== null && this.#pace.cutInto(this.#engine.segment())) this.#engine.keepBehind(this.#pace.target);
    const behind = this.behind;
    if (behind === null || video.paused || !this.#followsLive) return setRate(video, 1);
    setRate(video, this.#pace.rate({ behind, buffered: bufferedAhead(video), rate: video.playbackRate }));
  }

  #moved() {
    if (this.#engine === null || this.#video.readyState < 3 || this.#video.ended) return;
    this.#moving = true;
    this.#finished = false;
    this.#failure = null;
    this.#movedAt = this.#environment.now();
    this.#recovery.played();
    this.#settle();
  }

  /** What stands because the broadcast or the connection does is no reason to watch from further back. */
  #stood() {
    const starved = this.#moving && this.live && !this.#video.seeking && this.#failure === null;
    this.#moving = false;
    if (starved && this.#isOnTheAir() && this.#pace.stalled(this.#environment.now())) {
      this.#engine?.keepBehind(this.#pace.target);
    }
    this.#settle();
  }

  /** By what the server says, and it says so just now. */
  #isOnTheAir() {
    return this.#broadcast?.state === "live" && this.#environment.now() - this.#newsAt < FRESH_MS;
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
      this.#ladder = new Ladder();
      this.#failure = null;
      this.#attach(broadcast.id, broadcast.hls);
    }
  }

  /** @param {string} id @param {string} url */
  async #attach(id, url) {
    this.#detach();
    const turn = ++this.#turn;
    this.#attachedId = id;
    this.#movedAt = this.#environment.now();
    this.#followsLive = true;
    this.#paused = false;
    this.#settle();
    const events = {
      onqualities: () => this.#onchange(this),
      onfailure: (/** @type {Failure} */ failure) => turn === this.#turn && this.#fail(failure),
    };
    const engine = await this.#createEngine(this.#video, url, events).catch(failureOf);
    if (turn !== this.#turn) return typeof engine === "string" ? undefined : engine.destroy();
    if (typeof engine === "string") return this.#fail(engine);
    this.#engine = engine;
    engine.keepBehind(this.#pace.target);
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
    setRate(this.#video, 1);
  }

  /** @param {Failure} failure */
  #fail(failure) {
    this.#moving = this.#moving && failure !== "media" && failure !== "other"; // what is buffered still plays
    this.#failure = failure;
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
    if (this.#engine === null || this.#video.paused || !this.#isOnTheAir()) return false;
    return this.#environment.now() - this.#movedAt > STUCK_MS;
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

/** The library did not come, or there is nothing that plays. @param {unknown} error @returns {Failure} */
function failureOf(error) {
  return error instanceof Unsupported ? "unsupported" : "network";
}

/** @param {HTMLVideoElement} video @param {number} rate */
function setRate(video, rate) {
  if (video.playbackRate !== rate) video.playbackRate = rate;
}

/** Seconds. @param {HTMLVideoElement} video */
function bufferedAhead({ buffered, currentTime }) {
  for (let range = 0; range < buffered.length; range++) {
    if (buffered.start(range) <= currentTime && currentTime <= buffered.end(range)) return buffered.end(range) - currentTime;
  }
  return 0;
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
