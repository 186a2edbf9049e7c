// The way by WebRTC beside the one by the playlist: begun, given up, and begun again.
import { FIRST_FRAME_MS, judge, WayDirect } from "./way-direct.js";

/** @typedef {import("./engine.js").Engine} Engine */
/** @typedef {import("./types.js").Broadcast} Broadcast */

/**
 * An engine that is ready before anybody sees it.
 * @typedef {Engine & { first: Promise<unknown>, show: (video: HTMLVideoElement) => void, standing: () => number }} DirectEngine
 *   `first`: until a picture has come; `standing`: milliseconds since the newest came
 */

/** `hls` is for another device, and `broadcast` the newest news of it. @typedef {{ whep: string, hls: string, broadcast: () => Broadcast | null }} What */

/**
 * @typedef {object} Outside
 * @property {(what: What) => Promise<DirectEngine>} create
 * @property {(video: HTMLVideoElement) => void} hold keeps what is shown in sight until the next picture
 * @property {{ get: () => boolean, set: (doubtful: boolean) => void }} doubt whether it did not go the last time
 * @property {() => number} now milliseconds
 * @property {(run: () => void, ms: number) => number} setTimeout
 * @property {(timer: number) => void} clearTimeout
 */

const LATE = "no picture came in time";

export class Direct {
  #outside;
  #turn = 0;
  #trying = false;
  /** @type {DirectEngine | null} of the newest attempt, which may play */
  #engine = null;
  /** @type {number | null} since when the server says that the broadcast goes on */
  #onAirSince = null;

  /** @param {Outside} outside @param {WayDirect} [way] */
  constructor(outside, way = new WayDirect()) {
    this.#outside = outside;
    this.way = way;
  }

  /** News. @param {Broadcast | null} broadcast */
  heard(broadcast) {
    const live = broadcast?.state === "live";
    if (live && this.#onAirSince === null) this.way.forget(); // what failed before may have been the publisher's fault
    this.#onAirSince = live ? (this.#onAirSince ?? this.#outside.now()) : null;
  }

  /** Whether it is time for an attempt. @param {Broadcast | null} broadcast */
  mayTry(broadcast) {
    return Boolean(broadcast?.whep && broadcast.hls) && broadcast?.state === "live" && !this.#trying && this.way.mayTry(this.#outside.now());
  }

  /** Whether it is the one that plays. @param {Engine | null} engine */
  plays(engine) {
    return engine !== null && engine === this.#engine;
  }

  /**
   * One attempt.
   * @param {() => Broadcast | null} broadcast
   * @param {HTMLVideoElement | null} video where to show it as soon as it comes; null: something else plays there
   * @returns {Promise<DirectEngine | null>} with its first picture; null: there was none in time
   */
  async open(broadcast, video) {
    const { whep, hls } = broadcast() ?? {};
    const waits = video !== null && this.#outside.doubt.get(); // where it may not get through something plays first
    if (!whep || !hls || waits || !this.mayTry(broadcast())) return null;
    const turn = ++this.#turn;
    this.#trying = true;
    try {
      const engine = await this.#outside.create({ whep, hls, broadcast });
      if (turn !== this.#turn) return drop(engine);
      this.#engine = engine;
      if (video !== null) engine.show(video);
      await this.#inTime(engine);
      if (turn !== this.#turn) return null;
      this.way.began(this.#outside.now());
      this.#trying = false;
      return engine;
    } catch (error) {
      if (turn === this.#turn) this.lost(waitOf(error));
      return null;
    }
  }

  /** In the place of what plays. @param {DirectEngine} engine @param {Engine | null} before @param {HTMLVideoElement} video */
  take(engine, before, video) {
    this.#outside.hold(video);
    before?.destroy();
    engine.show(video);
  }

  /** Nothing is wanted of it for now. */
  cancel() {
    this.#turn += 1;
    this.#trying = false;
    this.#engine?.destroy();
    this.#engine = null;
  }

  /** It failed: it is left for a while. @param {number} [wait] milliseconds that the server asks for */
  lost(wait = 0) {
    this.cancel();
    this.way.failed(this.#outside.now(), wait);
  }

  /** It played, and does no more. @param {HTMLVideoElement} video */
  fell(video) {
    this.#outside.hold(video);
    this.lost();
  }

  /** Something else is about to play there. @param {HTMLVideoElement} video */
  hold(video) {
    this.#outside.hold(video);
  }

  /** What its picture does. @param {boolean} over the broadcast is */
  judge(over) {
    const onAirMs = this.#onAirSince === null ? 0 : this.#outside.now() - this.#onAirSince;
    return judge({ standingMs: this.#engine?.standing() ?? 0, onAirMs, over });
  }

  /** @param {DirectEngine} engine */
  async #inTime({ first }) {
    const { setTimeout, clearTimeout, doubt } = this.#outside;
    let timer = 0;
    const late = new Promise((_, fail) => (timer = setTimeout(() => fail(new Error(LATE)), FIRST_FRAME_MS)));
    await Promise.race([first, late]).finally(() => clearTimeout(timer)).then(() => doubt.set(false), (error) => {
      if (error.message === LATE) doubt.set(true);
      throw error;
    });
  }
}

/** @param {DirectEngine} engine */
function drop(engine) {
  engine.first.catch(() => {});
  engine.destroy();
  return null;
}

/** @param {unknown} error @returns {number} */
function waitOf(error) {
  return error instanceof Error && "wait" in error && typeof error.wait === "number" ? error.wait : 0;
}
