// A picture that this page draws, as a track.
import { Ticker } from "./ticker.js";
import { Timers } from "./timers.js";

/** @typedef {import("./layout.js").Size} Size */
/** @typedef {(context: CanvasRenderingContext2D) => void} Draw */

/** One worker keeps the time of all of them. @type {Timers | null} */
let timers = null;

/**
 * A worker's clock drives it: `requestAnimationFrame` stops in a hidden tab, and a recorder whose
 * picture stops gives nothing at all. It is opaque, since one with alpha is recorded in another,
 * dearer way.
 *
 * It is used only where a picture has to be put together. Measured with the fake camera at 720p30
 * in H.264: recorded directly 0.29 of a core, through a canvas 0.62, with a second camera in a
 * corner 0.90. Switching from one camera to another on the air takes one frame either way (a new
 * recorder gave its first frame 11 to 38 ms after the old one's last; the canvas 33 ms): so a
 * canvas that is always there, for the sake of switching, would cost half of all and gain nothing.
 */
export class DrawnPicture {
  #canvas = document.createElement("canvas");
  #context;
  #ticker;
  /** @type {MediaStreamTrack} */
  track;

  /** @param {Size} size @param {number} frameRate @param {Draw} draw */
  constructor(size, frameRate, draw) {
    this.resize(size);
    this.#context = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext("2d", { alpha: false }));
    this.track = /** @type {MediaStreamTrack} */ (this.#canvas.captureStream().getVideoTracks()[0]);
    timers ??= new Timers();
    const { setTimeout, clearTimeout } = timers;
    const beat = () => draw(this.#context);
    this.#ticker = new Ticker(frameRate, beat, { now: () => performance.now(), setTimeout, clearTimeout });
    beat();
  }

  /** @returns {Size} */
  get size() {
    const { width, height } = this.#canvas;
    return { width, height };
  }

  /** @param {Size} size */
  resize({ width, height }) {
    if (this.#canvas.width === width && this.#canvas.height === height) return;
    [this.#canvas.width, this.#canvas.height] = [width, height];
  }

  close() {
    this.#ticker.stop();
    this.track.stop();
  }
}
