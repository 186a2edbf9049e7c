// A screen with a camera in its corner.
import { DrawnPicture } from "./drawn.js";
import { canvasSize, fit, inset } from "./layout.js";

/** @typedef {import("./layout.js").Look} Look */
/** @typedef {import("./layout.js").Place} Place */
/** @typedef {import("./layout.js").Size} Size */

const FIRST_FRAME_MS = 1000;
const ROUND = 0.06; // of the inset's shorter side

/** Plays a track where nobody sees it, so that its newest frame can be drawn. */
class Layer {
  #video = document.createElement("video");

  /** @param {MediaStreamTrack} track @param {() => void} [resized] */
  constructor(track, resized = () => {}) {
    this.#video.addEventListener("resize", resized);
    this.#video.muted = true;
    this.#video.playsInline = true;
    this.#video.srcObject = new MediaStream([track]);
    this.#video.play().catch(() => {}); // closed before it played
  }

  /** None before the first frame. @returns {Size | null} */
  get size() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    return width > 0 ? { width, height } : null;
  }

  /** @param {CanvasRenderingContext2D} context @param {Place} place */
  draw(context, { x, y, width, height }) {
    context.drawImage(this.#video, x, y, width, height);
  }

  /** Its first frame, for which nobody waits long: what is shared may stand still. */
  shown() {
    return Promise.race([
      new Promise((done) => this.#video.addEventListener("loadeddata", done, { once: true })),
      new Promise((done) => setTimeout(done, FIRST_FRAME_MS)),
    ]);
  }

  close() {
    this.#video.srcObject = null;
  }
}

/** Either of the two may be missing: the other one has the whole picture then. */
export class Composite {
  /** @type {Look} */
  look;
  /** @type {Layer | null} */
  #screen;
  /** @type {Layer | null} */
  #camera;
  #picture;
  #height;

  /**
   * @param {MediaStreamTrack} screen @param {MediaStreamTrack} camera
   * @param {{ look: Look, height: number, frameRate: number }} options
   */
  constructor(screen, camera, { look, height, frameRate }) {
    this.look = look;
    this.#height = height;
    this.#screen = new Layer(screen, () => this.resize(this.#height));
    this.#camera = new Layer(camera);
    const { width = 0, height: tall = 0 } = screen.getSettings();
    this.#picture = new DrawnPicture(canvasSize({ width, height: tall }, height), frameRate, (context) => this.#draw(context));
  }

  get track() {
    return this.#picture.track;
  }

  /** The size of what is shared is known for certain when it is there. */
  async opened() {
    await this.#screen?.shown();
    this.resize(this.#height);
  }

  /** It has the shape of what is shared. @param {number} height of the short side */
  resize(height) {
    this.#height = height;
    this.#picture.resize(canvasSize(this.#screen?.size ?? this.#picture.size, height));
  }

  /** Another one, in the place of the one before. @param {MediaStreamTrack} camera */
  showCamera(camera) {
    this.dropCamera();
    this.#camera = new Layer(camera);
  }

  /** Sharing was stopped. */
  dropScreen() {
    this.#screen?.close();
    this.#screen = null;
  }

  /** It was unplugged. */
  dropCamera() {
    this.#camera?.close();
    this.#camera = null;
  }

  close() {
    this.#picture.close();
    this.dropScreen();
    this.dropCamera();
  }

  /** @param {CanvasRenderingContext2D} context */
  #draw(context) {
    const box = { width: context.canvas.width, height: context.canvas.height };
    context.fillStyle = "#000";
    context.fillRect(0, 0, box.width, box.height);
    const camera = this.#camera?.size ?? null;
    const screen = this.#screen?.size ?? null;
    if (screen !== null) this.#screen?.draw(context, fit(screen, box));
    if (camera === null) return;
    if (this.#screen === null) return this.#camera?.draw(context, fit(camera, box));
    this.#drawInset(context, inset(camera, box, this.look));
  }

  /** @param {CanvasRenderingContext2D} context @param {Place} place */
  #drawInset(context, place) {
    context.save();
    context.beginPath();
    context.roundRect(place.x, place.y, place.width, place.height, Math.min(place.width, place.height) * ROUND);
    context.clip();
    this.#camera?.draw(context, place);
    context.restore();
  }
}
