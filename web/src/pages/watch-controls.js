// The player's control bar.
import { byId, inside, setAttribute, setOptions, setText, show } from "../lib/dom.js";
import { clock } from "../lib/format.js";
import { actionFor } from "../lib/shortcuts.js";
import { preferences } from "../lib/store.js";
import { isOver } from "../lib/words.js";

/** @typedef {import("../lib/player.js").Player} Player */
/** @typedef {HTMLVideoElement & { webkitEnterFullscreen?: () => void }} PhoneVideo */

const VOLUME_STEP = 0.1;
const SEEK_SECONDS = 5;
const SEEKABLE_FROM_SECONDS = 20; // a bar for less than this would only flicker
const IDLE_AFTER_MS = 3000;

export class Controls {
  #video = byId("player", HTMLVideoElement);
  #theatre = byId("theatre", HTMLElement);
  #seek = byId("seek", HTMLInputElement);
  #volume = byId("volume", HTMLInputElement);
  #quality = byId("quality", HTMLSelectElement);
  #idleTimer = 0;
  #wantsPlay = true;
  #silenced = false; // muted by the browser's rule, not by the person
  #seeking = false;
  #player;

  /** @param {Player} player */
  constructor(player) {
    this.#player = player;
    this.#video.volume = Number(preferences.get("volume") ?? 1);
    this.#video.muted = preferences.get("muted") === "true";
    this.#listenVideo();
    this.#listenControls();
    this.#wake();
  }

  render() {
    const { state } = this.#player;
    const on = state === "playing" || state === "loading" || state === "interrupted";
    const video = this.#video;
    show(byId("controls", HTMLElement), on);
    show(byId("unmute", HTMLElement), on && this.#silenced && video.muted);
    show(byId("big-play", HTMLElement), state === "playing" && video.paused);
    this.#renderPlay();
    this.#renderSound();
    this.#renderQuality();
    this.#renderPosition();
  }

  #listenVideo() {
    const video = this.#video;
    video.addEventListener("loadedmetadata", () => this.#start());
    for (const name of ["play", "pause", "volumechange", "timeupdate", "durationchange"]) {
      video.addEventListener(name, () => this.render());
    }
    video.addEventListener("click", () => this.#clicked());
    video.addEventListener("dblclick", () => this.#fullscreen());
  }

  #listenControls() {
    /** @type {[string, () => void][]} */
    const clicks = [["play", () => this.#toggle()], ["big-play", () => this.#toggle()], ["mute", () => this.#mute()], ["unmute", () => this.#mute()],
      ["edge", () => this.#edge()], ["fullscreen", () => this.#fullscreen()], ["help", () => this.#help()]];
    for (const [id, run] of clicks) byId(id, HTMLButtonElement).addEventListener("click", run);
    this.#volume.addEventListener("input", () => this.#setVolume(Number(this.#volume.value)));
    this.#quality.addEventListener("change", () => this.#player.engine?.choose(this.#quality.value));
    this.#seek.addEventListener("input", () => this.#seekTo(Number(this.#seek.value)));
    this.#seek.addEventListener("change", () => (this.#seeking = false));
    for (const name of ["pointermove", "pointerdown", "focusin"]) this.#theatre.addEventListener(name, () => this.#wake());
    document.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("fullscreenchange", () => this.#renderFullscreen());
  }

  /** Browsers may allow no sound before the first click: then it starts without, and says so. */
  async #start() {
    if (!this.#wantsPlay || (await this.#tryToPlay())) return;
    this.#silenced = !this.#video.muted;
    this.#video.muted = true;
    await this.#tryToPlay();
    this.render();
  }

  #tryToPlay() {
    return this.#video.play().then(() => true, () => false);
  }

  #clicked() {
    if (matchMedia("(hover: none)").matches) return; // a tap shows the controls
    this.#toggle();
  }

  #toggle() {
    this.#wantsPlay = this.#video.paused;
    if (this.#wantsPlay) this.#tryToPlay();
    else this.#video.pause();
  }

  #mute() {
    this.#video.muted = !this.#video.muted;
    this.#silenced = false;
    if (!this.#video.muted && this.#video.volume === 0) this.#video.volume = 0.5;
    this.#remember();
  }

  /** @param {number} volume */
  #setVolume(volume) {
    this.#video.volume = Math.min(1, Math.max(0, volume));
    this.#video.muted = this.#video.volume === 0;
    this.#silenced = false;
    this.#remember();
  }

  #remember() {
    preferences.set("volume", String(this.#video.volume || 0.5));
    preferences.set("muted", String(this.#video.muted));
  }

  #edge() {
    this.#wantsPlay = true;
    this.#player.goToEdge().catch(() => {}); // the browser's rule on sound: the play button shows
  }

  /** @param {number} seconds */
  #seekTo(seconds) {
    this.#seeking = true;
    this.#video.currentTime = seconds;
    this.render();
  }

  #fullscreen() {
    const video = /** @type {PhoneVideo} */ (this.#video);
    if (document.fullscreenElement) return document.exitFullscreen();
    if (this.#theatre.requestFullscreen) return this.#theatre.requestFullscreen().catch(() => {}); // refused
    video.webkitEnterFullscreen?.();
  }

  #help() {
    byId("shortcuts", HTMLDialogElement).showModal();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const target = /** @type {Element | null} */ (event.target);
    if (document.querySelector("dialog[open]")) return;
    const action = actionFor({ ...pick(event), target });
    if (action === null) return;
    event.preventDefault();
    this.#wake();
    this.#act(action);
  }

  /** @param {import("../lib/shortcuts.js").Action} action */
  #act(action) {
    const video = this.#video;
    /** @type {Record<import("../lib/shortcuts.js").Action, () => void>} */
    const actions = {
      toggle: () => this.#toggle(),
      mute: () => this.#mute(),
      fullscreen: () => this.#fullscreen(),
      louder: () => this.#setVolume(video.volume + VOLUME_STEP),
      softer: () => this.#setVolume(video.volume - VOLUME_STEP),
      back: () => (video.currentTime -= SEEK_SECONDS),
      on: () => (video.currentTime += SEEK_SECONDS),
      edge: () => this.#edge(),
      help: () => this.#help(),
    };
    actions[action]();
  }

  /** The controls hide while nobody moves, and only while the picture does. */
  #wake() {
    this.#theatre.classList.remove("idle");
    clearTimeout(this.#idleTimer);
    this.#idleTimer = window.setTimeout(() => this.#theatre.classList.toggle("idle", !this.#video.paused), IDLE_AFTER_MS);
  }

  #renderPlay() {
    const { paused } = this.#video;
    setButton("play", paused ? "Play" : "Pause", paused ? "play" : "pause");
    if (paused) this.#theatre.classList.remove("idle");
  }

  #renderSound() {
    const { muted, volume } = this.#video;
    setButton("mute", "Mute", muted ? "muted" : "volume");
    setAttribute(byId("mute", HTMLElement), "aria-pressed", String(muted));
    const shown = String(muted ? 0 : volume);
    if (this.#volume.value !== shown) this.#volume.value = shown;
  }

  #renderFullscreen() {
    const on = document.fullscreenElement !== null;
    setButton("fullscreen", on ? "Leave full screen" : "Full screen", on ? "fullscreen-exit" : "fullscreen");
  }

  #renderQuality() {
    const engine = this.#player.engine;
    const qualities = engine?.qualities() ?? [];
    const automatic = engine?.automatic() ?? "";
    show(this.#quality, qualities.length > 0);
    setOptions(this.#quality, [{ value: "auto", label: automatic ? `Auto (${automatic})` : "Auto" }, ...qualities]);
  }

  #renderPosition() {
    const { seekable, currentTime } = this.#video;
    const over = isOver(this.#player.broadcast);
    const start = seekable.length > 0 ? seekable.start(0) : 0;
    const end = this.#endOf(seekable, over);
    show(this.#seek, over || end - start > SEEKABLE_FROM_SECONDS);
    show(byId("edge", HTMLElement), !over);
    show(byId("position", HTMLElement), over);
    byId("edge", HTMLElement).classList.toggle("on", this.#player.atEdge);
    setText(byId("position", HTMLElement), `${clock(currentTime - start)} / ${clock(end - start)}`);
    setAttribute(this.#seek, "min", start.toFixed(1));
    setAttribute(this.#seek, "max", end.toFixed(1));
    setAttribute(this.#seek, "aria-valuetext", positionWords(currentTime, start, end, over));
    if (!this.#seeking) this.#seek.value = String(currentTime);
  }

  /** While live, the bar ends where one watches live, not at what cannot be played yet. @param {TimeRanges} seekable @param {boolean} over */
  #endOf(seekable, over) {
    const edge = over ? null : (this.#player.engine?.liveEdge() ?? null);
    return edge ?? (seekable.length > 0 ? seekable.end(seekable.length - 1) : 0);
  }
}

/** @param {number} now @param {number} start @param {number} end @param {boolean} over */
function positionWords(now, start, end, over) {
  if (over) return `${clock(now - start)} of ${clock(end - start)}`;
  return end - now < 3 ? "Live" : `${clock(end - now)} behind live`;
}

/** @param {string} id @param {string} label @param {string} icon */
function setButton(id, label, icon) {
  const button = byId(id, HTMLElement);
  setAttribute(button, "aria-label", label);
  setAttribute(inside(button, "use", SVGUseElement), "href", `/assets/icons.svg#${icon}`);
}

/** @param {KeyboardEvent} event */
function pick({ key, ctrlKey, altKey, metaKey }) {
  return { key, ctrlKey, altKey, metaKey };
}
