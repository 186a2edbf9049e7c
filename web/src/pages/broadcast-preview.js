// The screen of the broadcast page: what is on air, or would be.
import { byId, setText, show } from "../lib/dom.js";

/** @typedef {import("../lib/sources.js").OpenSource} OpenSource */
/** @typedef {"camera" | "screen" | "file"} Kind */

/** @type {Record<Kind, { words: string, button: string }>} */
const PLACEHOLDERS = {
  camera: { words: "The camera is off. Nobody sees you before you go live.", button: "Turn on camera" },
  screen: { words: "Share the whole screen, a window or a tab.", button: "Choose what to share" },
  file: { words: "A video from this device plays here and goes live.", button: "Choose a file" },
};

export class Preview {
  #live = byId("preview", HTMLVideoElement);
  /** The player of a file, in its place. @type {HTMLVideoElement | null} */
  #player = null;

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
    this.#live.srcObject = source?.preview ?? null;
    if (source !== null) this.#live.play().catch(() => {}); // the next choice came in between
  }
}
