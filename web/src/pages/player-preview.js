// A small picture of the moment at which the pointer is on the time line.
import { byId, setText, show } from "../lib/dom.js";
import { clock } from "../lib/format.js";
import { pointedAt } from "../lib/media-face.js";
import { Previews } from "../lib/previews.js";

/** @typedef {import("../lib/player.js").Player} Player */
/** @typedef {import("../lib/engine.js").Engine} Engine */

const IDLE_MS = 30_000; // after which the second player is not kept for another look

export class SeekPreview {
  #canvas = byId("preview", HTMLCanvasElement);
  /** @type {Engine | null} of which the pictures are */
  #engine = null;
  /** @type {import("../lib/engine.js").Pictures | null} */
  #pictures = null;
  /** @type {Previews<ImageBitmap> | null} */
  #previews = null;
  #idleTimer = 0;
  #player;

  /** @param {Player} player */
  constructor(player) {
    this.#player = player;
    byId("theatre", HTMLElement).addEventListener("mediapreviewrequest", (event) => this.#pointed(/** @type {CustomEvent} */ (event)), true);
  }

  /** @param {CustomEvent<number | null>} event */
  #pointed({ detail }) {
    const { window: there, live, engine } = this.#player;
    clearTimeout(this.#idleTimer);
    this.#idleTimer = window.setTimeout(() => this.#pictures?.destroy(), IDLE_MS);
    if (detail === null || there === null) return this.#previews?.leave();
    if (engine !== this.#engine) this.#begin(engine);
    const position = pointedAt(detail, there);
    setText(byId("preview-words", HTMLElement), live ? `−${clock(there.end - position)}` : clock(position - there.start));
    const date = engine?.dateAt(position) ?? null;
    if (date !== null) this.#previews?.want(date);
  }

  /** @param {Engine | null} engine */
  #begin(engine) {
    this.#pictures?.destroy();
    this.#engine = engine;
    this.#pictures = engine?.pictures() ?? null;
    this.#previews = this.#pictures && new Previews(this.#pictures, (picture) => this.#show(picture));
  }

  /** The last one stays until the next is there: less flickers. @param {ImageBitmap | null} picture */
  #show(picture) {
    const canvas = this.#canvas;
    if (picture === null) return;
    canvas.width = picture.width;
    canvas.height = picture.height;
    canvas.getContext("2d")?.drawImage(picture, 0, 0);
    show(canvas, true);
  }
}
