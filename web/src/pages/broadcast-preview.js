// The screen of the broadcast page: what is on air, or would be.
import { byId, setText, show } from "../lib/dom.js";
import { reshaped } from "../lib/layout.js";

/** @typedef {import("../lib/sources.js").OpenSource} OpenSource */
/** @typedef {import("../lib/air.js").Kind} Kind */

/** @type {Record<Kind, { words: string, button: string }>} */
const PLACEHOLDERS = {
  camera: { words: "The camera is off. Nobody sees you before you go live.", button: "Turn on camera" },
  screen: { words: "Share the whole screen, a window or a tab.", button: "Choose what to share" },
  file: { words: "Videos from this device play here, one after the other, and go live.", button: "Choose files" },
  test: { words: "Colour bars, a clock and a tone: to try everything without a camera.", button: "Show the test picture" },
};

const SETTLED_MS = 400; // a window that is drawn out changes with every step

export class Preview {
  #live = byId("preview", HTMLVideoElement);
  /** The shape of what is shown, since it is shown. @type {import("../lib/layout.js").Size | null} */
  #shape = null;
  #settling = 0;
  /** The player of a file, in its place. @type {HTMLVideoElement | null} */
  #player = null;

  /** @param {() => void} turned what is shown has another shape */
  constructor(turned) {
    this.#live.addEventListener("resize", () => {
      clearTimeout(this.#settling);
      if (this.#shape === null) return this.#resized(turned); // as it was when it began to be recorded
      this.#settling = window.setTimeout(() => this.#resized(turned), SETTLED_MS);
    });
  }

  /** The element that shows the picture. */
  get picture() {
    return this.#player ?? this.#live;
  }

  /**
   * @param {Kind} kind
   * @param {OpenSource | null} source what is open
   * @param {HTMLVideoElement | null} loaded a file that could be opened next
   * @param {boolean} inviting something can be opened now
   */
  render(kind, source, loaded, inviting) {
    const player = source === null ? loaded : source.player;
    const soundOnly = player === null ? source !== null && !source.hasVideo : player.videoWidth === 0;
    this.#place(player);
    this.#fill(source !== null && source.player === null && source.hasVideo ? source : null);
    show(byId("placeholder", HTMLElement), soundOnly || (source ?? player) === null);
    setText(byId("placeholder-words", HTMLElement), soundOnly ? "Sound only: viewers hear it and see no picture." : inviting ? PLACEHOLDERS[kind].words : "");
    setText(byId("open-preview", HTMLElement), PLACEHOLDERS[kind].button);
    show(byId("open-preview", HTMLElement), inviting && !soundOnly);
    show(byId("sound", HTMLElement), source !== null);
    byId("placeholder-icon", SVGUseElement).setAttribute("href", `/assets/icons.svg#${soundOnly ? "mic" : kind}`);
  }

  /** @param {HTMLVideoElement | null} player */
  #place(player) {
    show(this.#live, player === null);
    if (player === this.#player) return;
    this.#player?.remove();
    this.#player = player;
    if (player !== null) this.#live.after(player);
  }

  /** @param {OpenSource | null} source */
  #fill(source) {
    const track = source?.stream.getVideoTracks()[0];
    const shown = /** @type {MediaStream | null} */ (this.#live.srcObject)?.getVideoTracks()[0];
    if (track === shown) return;
    this.#shape = null;
    this.#live.srcObject = source?.preview ?? null;
    if (source !== null) this.#live.play().catch(() => {}); // the next choice came in between
  }

  /** @param {() => void} turned */
  #resized(turned) {
    const { videoWidth: width, videoHeight: height } = this.#live;
    if (width === 0) return;
    const before = this.#shape;
    this.#shape = { width, height };
    if (before !== null && reshaped(before, this.#shape)) turned();
  }
}
