// A file as a source. It plays in an element of its own, which is what is captured: it goes as fast as it is watched.
import { DrawnPicture } from "./drawn.js";
import { canvasSize, shortSide } from "./layout.js";
import { AudioMixer } from "./mixer.js";
import { PublishError } from "./publish-errors.js";
import { OpenSource } from "./sources.js";

/** @typedef {import("./capture-devices.js").Shape} Shape */
/** @typedef {HTMLVideoElement & { captureStream?: () => MediaStream, mozCaptureStream?: () => MediaStream }} CapturableVideo */

class FileSource extends OpenSource {
  #picture;
  #size;

  /** @param {AudioMixer} mixer @param {MediaStreamTrack[]} tracks @param {HTMLVideoElement} player @param {{ shape: Shape, picture: DrawnPicture | null }} options */
  constructor(mixer, tracks, player, { shape, picture }) {
    super(mixer, { tracks, shape, farewell: "The file is over." });
    this.player = player;
    this.drawn = picture !== null;
    this.#picture = picture;
    this.#size = sizeOf(player);
    player.onended = () => this.finished();
  }

  /** @override @param {Shape} shape @protected */
  async apply({ height }) {
    this.#picture?.resize(canvasSize(this.#size, height));
  }

  /** @override */
  async release() {
    await super.release();
    if (!this.player?.ended) await this.player?.play(); // it would begin again
  }

  /** @override */
  close() {
    if (this.player !== null) this.player.onended = null;
    this.player?.pause();
    super.close();
    this.#picture?.close();
    unloadFile(this.player);
  }
}

/**
 * One that is larger than what is wanted is drawn smaller: a film in 4K costs nine times as much to record as one in 720p.
 * @param {CapturableVideo} player in which the file is loaded, see `loadFile`; it is the source's from now on @param {Shape} shape
 */
export async function openFile(player, shape) {
  const capture = player.captureStream ?? player.mozCaptureStream;
  if (capture === undefined) {
    unloadFile(player);
    throw new PublishError("file_not_capturable");
  }
  player.currentTime = 0;
  const stream = capture.call(player);
  const mixer = new AudioMixer();
  await mixer.resume();
  const picture = shortSide(sizeOf(player)) > shape.height ? drawn(player, shape) : null;
  const tracks = picture === null ? stream.getTracks() : [picture.track, ...stream.getAudioTracks()];
  return new FileSource(mixer, tracks, player, { shape, picture });
}

/** @param {HTMLVideoElement} player @param {Shape} shape */
function drawn(player, { height, frameRate }) {
  return new DrawnPicture(canvasSize(sizeOf(player), height), frameRate, (context) => context.drawImage(player, 0, 0, context.canvas.width, context.canvas.height));
}

/** @param {HTMLVideoElement} player */
function sizeOf({ videoWidth: width, videoHeight: height }) {
  return { width, height };
}

/**
 * Loads a file into a player of its own, to its first frame: another one may be on air.
 * @param {File} file
 * @returns {Promise<HTMLVideoElement>}
 */
export function loadFile(file) {
  const player = document.createElement("video");
  player.muted = true;
  player.playsInline = true;
  player.preload = "auto";
  player.setAttribute("aria-label", "The file that is broadcast");
  player.src = URL.createObjectURL(file);
  return new Promise((loaded, failed) => {
    player.onloadeddata = () => loaded(player);
    player.onerror = () => (URL.revokeObjectURL(player.src), failed(new PublishError("file_not_playable")));
  });
}

/** It is not wanted any more. @param {HTMLVideoElement | null} player */
export function unloadFile(player) {
  if (player === null) return;
  URL.revokeObjectURL(player.src);
  player.onerror = null;
  player.removeAttribute("src");
  player.remove();
}
