// What is done when something that is open goes away by itself: a cable is pulled, a file is over.
import { isDevice } from "../lib/devices.js";
import { openCard } from "../lib/drawn-source.js";
import { openFile } from "../lib/file-source.js";
import { PublishError } from "../lib/publish-errors.js";
import { ScreenSource } from "../lib/screen-source.js";

/** @typedef {import("../lib/sources.js").OpenSource} OpenSource */
/** @typedef {import("../lib/sources.js").Part} Part */
/** @typedef {import("./broadcast-setup.js").Setup} Setup */

const AWAY_WORDS = "Back in a moment";
const AGAIN_MS = 5000;
const FRAME_MS = 3000;
const NOTHING = { camera: "", microphone: "" };

/**
 * The broadcast goes on. What is gone is replaced by another of its kind, and where there is none,
 * by something that stands in for it: silence for the microphone, a card for the camera until that
 * is back, and one for a screen that is shared no more until the person chooses something else.
 */
export class Standby {
  /** What a card stands in for. @type {"camera" | "screen" | null} */
  away = null;
  /** The microphone is gone, and wanted. */
  #speechless = false;
  #again = 0;
  #returning = false;
  #setup;

  /** @param {Setup} setup */
  constructor(setup) {
    this.#setup = setup;
  }

  /** It has taken the place of all before. @param {OpenSource} source */
  watch(source) {
    this.forget();
    source.onlost = () => this.#lost(source);
    source.onpart = (part) => void this.#partLost(source, part);
    source.onmuted = () => this.#setup.phase === "live" && this.#open(source) && void this.#stepIn(source, "camera", "camera_muted");
  }

  /** Nothing is missing. */
  forget() {
    clearTimeout(this.#again);
    this.away = null;
    this.#speechless = false;
  }

  /** Something was plugged in or out, or the page is in front again. */
  async plugged() {
    const { source, pickers } = this.#setup;
    const used = source?.devices ?? NOTHING;
    await this.#setup.listDevices();
    const gone = pickers.gone(used);
    if (source === null || !this.#open(source)) return;
    if (gone.camera) source.lose("camera");
    if (gone.microphone) source.lose("microphone");
    if (gone.camera || gone.microphone) return;
    if (this.#speechless && (await this.#speak(source))) this.#setup.say(null);
    await this.#return();
  }

  /** @param {OpenSource} source */
  #open(source) {
    return source === this.#setup.source;
  }

  /** What is open ends by itself. @param {OpenSource} source @returns {boolean} whether something takes its place */
  #lost(source) {
    const { phase, files } = this.#setup;
    if (!this.#open(source) || phase === "between") return false;
    if (source.player !== null) {
      if (phase !== "live" || files.queue.next === null) return false;
      void this.#nextFile(source);
      return true;
    }
    if (source instanceof ScreenSource && phase === "live") void this.#stepIn(source, "screen", "share_stopped");
    else if (source.cameras.length > 0) void this.#cameraLost(source);
    else return false;
    return true;
  }

  /** @param {OpenSource} source */
  async #nextFile(source) {
    const open = async () => {
      const player = await this.#setup.files.openNext();
      if (player === null) throw new PublishError("file_not_playable");
      return openFile(player, this.#setup.quality);
    };
    const next = await this.#setup.replace(open).catch(() => false);
    if (next === false && this.#open(source)) source.giveUp();
  }

  /** @param {OpenSource} source */
  async #cameraLost(source) {
    const setup = this.#setup;
    await setup.listDevices();
    const other = isDevice(setup.pickers.camera);
    if (setup.phase !== "live") return this.#lostBefore(source, other);
    const replaced = other && (await setup.replace(() => setup.openCamera()).catch(() => false));
    if (replaced) setup.say(new PublishError("camera_replaced"));
    else if (replaced === false && this.#open(source)) await this.#stepIn(source, "camera", "camera_lost");
  }

  /** @param {OpenSource} source @param {boolean} other there is another camera */
  async #lostBefore(source, other) {
    if (!this.#open(source)) return;
    this.#setup.endedBeforeLive(source.farewell);
    if (!other) return;
    await this.#setup.show();
    if (this.#setup.source !== null) this.#setup.say(new PublishError("camera_replaced"));
  }

  /** A card takes its place, and the microphone goes on. @param {OpenSource} source @param {"camera" | "screen"} what @param {string} why */
  async #stepIn(source, what, why) {
    const { picture, pickers, quality } = this.#setup;
    const { videoWidth: width, videoHeight: height } = picture;
    const form = width > 0 ? { width, height } : null;
    const card = () => openCard({ ...quality, microphone: pickers.microphone, form, words: AWAY_WORDS });
    const shown = await this.#setup.replace(card).catch(() => false);
    if (shown === false && this.#open(source)) source.giveUp();
    if (!shown) return;
    this.away = what;
    this.#returnLater();
    this.#setup.say(new PublishError(why));
    this.#setup.attach();
  }

  /** From the card to the camera, as soon as that gives a picture. A device that is missing is heard of when it is there. */
  async #return() {
    if (this.away !== "camera" || this.#returning || !isDevice(this.#setup.pickers.camera)) return;
    this.#returning = true;
    const back = await this.#setup.replace(() => this.#seen()).catch(() => false);
    this.#returning = false;
    if (back) this.#setup.say(null);
    else this.#returnLater();
  }

  #returnLater() {
    clearTimeout(this.#again);
    this.#again = window.setTimeout(() => void this.#return(), AGAIN_MS);
  }

  /** The camera, when it really gives pictures. */
  async #seen() {
    const source = await this.#setup.openCamera();
    const video = document.createElement("video");
    video.muted = true;
    video.srcObject = source.preview;
    const shown = new Promise((done) => video.addEventListener("loadeddata", () => done(true)));
    const waited = new Promise((done) => setTimeout(() => done(false), FRAME_MS));
    video.play().catch(() => {}); // it is closed below, then
    const seen = await Promise.race([shown, waited]);
    video.srcObject = null;
    if (seen) return source;
    source.close();
    throw new PublishError("camera_muted");
  }

  /** @param {OpenSource} source @param {Part} part */
  async #partLost(source, part) {
    if (!this.#open(source)) return;
    if (part === "voice") return this.#voiceLost(source);
    if (part === "camera") this.#setup.cameraGone();
    this.#setup.say(new PublishError(part === "camera" ? "inset_lost" : "screen_lost"));
    this.#setup.attach();
  }

  /** @param {OpenSource} source */
  async #voiceLost(source) {
    this.#setup.say(new PublishError("voice_lost"));
    this.#speechless = true;
    this.#setup.attach();
    await this.#setup.listDevices();
    if (await this.#speak(source)) this.#setup.say(new PublishError("voice_replaced"));
  }

  /** By the microphone that is chosen. @param {OpenSource} source */
  async #speak(source) {
    const { microphone } = this.#setup.pickers;
    if (!this.#open(source) || !isDevice(microphone)) return false;
    const spoken = await source.useMicrophone(microphone).then(() => true, () => false);
    this.#speechless = !spoken;
    this.#setup.attach();
    return spoken;
  }
}
