// The player's control bar: media-chrome's buttons, and what no library knows: qualities, the delay, and
// the keys of the whole page.
import { offerCast } from "../lib/casting.js";
import { byId, setAttribute, setOptions, setText, show } from "../lib/dom.js";
import { warm } from "../lib/engine.js";
import { bitrate, clock } from "../lib/format.js";
import { showFace } from "../lib/media-face.js";
import { delayOf } from "../lib/pace.js";
import { wishOf } from "../lib/shortcuts.js";
import { preferences } from "../lib/store.js";
import { chosenDelay, DELAYS, delayWords, wishOf as directWishOf } from "../lib/way-direct.js";
import { isOver } from "../lib/words.js";
import { SeekPreview } from "./player-preview.js";

/** @typedef {import("../lib/player.js").Player} Player */
/** @typedef {import("../lib/shortcuts.js").Wish} Wish */

const VOLUME_STEP = 0.1;
const SEEK_SECONDS = 5;
const FAR_SECONDS = 10;
const SEEKABLE_FROM_SECONDS = 20; // a bar for less than this would only flicker
const TOAST_MS = 8000;

export class Controls {
  #video = byId("player", HTMLVideoElement);
  #theatre = byId("theatre", HTMLElement);
  #screen = byId("screen", HTMLElement);
  #quality = byId("quality", HTMLSelectElement);
  #delay = byId("delay", HTMLSelectElement);
  #settings = byId("settings", HTMLDetailsElement);
  #wantsPlay = true;
  #silenced = false; // muted by the browser's rule, not by the person
  #refused = false; // nor does it play without sound before a click
  #delays = [...this.#delay.options].map(({ value, label }) => ({ value, label })); // where there is no WebRTC
  /** @type {string | null} */
  #chosenDelay;
  #chosen = "auto"; // quality, by its label: in another ladder it has another number
  /** @type {import("../lib/engine.js").Engine | null} */
  #known = null; // what has been told of what is wanted
  #toastTimer = 0;
  #told = 0; // of how many seconds behind live the viewer has been told
  #player;
  #onrefused;
  #faceChanged;
  #castAddress;

  /** @param {Player} player @param {() => void} onrefused or not: it was tried to play */
  constructor(player, onrefused) {
    this.#player = player;
    this.#onrefused = onrefused;
    this.#video.volume = Number(preferences.get("volume") ?? 1);
    this.#video.muted = preferences.get("muted") === "true";
    this.#chosenDelay = preferences.get("delay");
    this.#delay.value = player.pace.wanted;
    this.#faceChanged = showFace(this.#video, () => player);
    this.#castAddress = offerCast(this.#video, { onbegin: () => this.#say("Playing on the other device."), onend: () => this.#edge() });
    new SeekPreview(player);
    this.#listenVideo();
    this.#listenControls();
    this.#loadLibrary();
  }

  /** Nothing plays before a click, says the browser. */
  get refused() {
    return this.#refused;
  }

  render() {
    const { state } = this.#player;
    const on = state === "playing" || state === "loading" || state === "interrupted";
    const video = this.#video;
    show(byId("controls", HTMLElement), on);
    show(byId("unmute", HTMLElement), on && this.#silenced && video.muted && !video.paused);
    show(byId("big-play", HTMLElement), on && video.paused && (state === "playing" || this.#refused));
    this.#faceChanged();
    this.#renderQuality();
    this.#renderPosition();
    this.#renderDelay();
  }

  /** Without its buttons there are still the browser's own. */
  async #loadLibrary() {
    await warm()?.catch(() => {}); // first what makes the picture
    try {
      await import("/assets/vendor/media-chrome.mjs");
      // with all that stands over the picture; as an attribute nobody reads it (4.19.4)
      Object.assign(this.#screen, { fullscreenElement: this.#theatre });
    } catch {
      this.#video.controls = true;
    }
  }

  #listenVideo() {
    const video = this.#video;
    video.addEventListener("loadedmetadata", () => this.#start());
    video.addEventListener("volumechange", () => this.#remember());
    video.addEventListener("play", () => (this.#refused = false));
    for (const name of ["play", "pause", "volumechange", "seeked", "durationchange"]) {
      video.addEventListener(name, () => this.render());
    }
    this.#screen.addEventListener("dblclick", ({ target }) => target === this.#screen && this.#fullscreen());
  }

  #listenControls() {
    const ask = (/** @type {string} */ name, /** @type {(event: CustomEvent) => void} */ run) => {
      this.#theatre.addEventListener(name, (event) => {
        event.stopImmediatePropagation(); // the player knows better than the library where live is
        run(/** @type {CustomEvent} */ (event));
      }, true);
    };
    this.#theatre.addEventListener("mediaplayrequest", () => (this.#wantsPlay = true), true);
    this.#theatre.addEventListener("mediapauserequest", () => (this.#wantsPlay = false), true);
    ask("mediaseektoliverequest", () => this.#edge());
    ask("mediaseekrequest", ({ detail }) => this.#player.seek(detail));
    byId("big-play", HTMLButtonElement).addEventListener("click", () => this.#toggle());
    byId("unmute", HTMLButtonElement).addEventListener("click", () => this.#mute());
    byId("help", HTMLButtonElement).addEventListener("click", () => this.#help());
    this.#quality.addEventListener("change", () => this.#choose());
    this.#delay.addEventListener("change", () => this.#chooseDelay());
    this.#settings.addEventListener("toggle", () => this.#settingsToggled());
    document.addEventListener("click", ({ target }) => target instanceof Node && !this.#settings.contains(target) && (this.#settings.open = false));
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Browsers may allow no sound before the first click: then it starts without, and says so. */
  async #start() {
    if (!this.#wantsPlay || (await this.#tryToPlay())) return;
    this.#silenced = !this.#video.muted;
    this.#video.muted = true;
    this.#refused = !(await this.#tryToPlay());
    this.#onrefused();
  }

  #tryToPlay() {
    return this.#video.play().then(() => true, () => false);
  }

  #toggle() {
    this.#wantsPlay = this.#video.paused;
    if (this.#wantsPlay) this.#tryToPlay();
    else this.#video.pause();
  }

  #mute() {
    this.#video.muted = !this.#video.muted;
    if (!this.#video.muted && this.#video.volume === 0) this.#video.volume = 0.5;
  }

  /** @param {number} volume */
  #setVolume(volume) {
    this.#video.volume = Math.min(1, Math.max(0, volume));
    this.#video.muted = this.#video.volume === 0;
  }

  #remember() {
    const { muted, volume } = this.#video;
    if (!muted) this.#silenced = false;
    if (this.#silenced) return; // that was the browser's wish
    preferences.set("volume", String(volume || 0.5));
    preferences.set("muted", String(muted));
  }

  #choose() {
    const { label } = this.#quality.selectedOptions[0] ?? { label: "auto" };
    this.#chosen = this.#quality.value === "auto" ? "auto" : label;
    this.#player.chooseQuality(this.#quality.value);
  }

  #chooseDelay() {
    this.#chosenDelay = this.#delay.value;
    preferences.set("delay", this.#chosenDelay);
    this.#player.chooseDelay(delayOf(this.#chosenDelay), directWishOf(this.#chosenDelay));
  }

  #edge() {
    this.#wantsPlay = true;
    this.#player.goToEdge().catch(() => {}); // the browser's rule on sound: the play button shows
  }

  /** While it is open the controls stay. */
  #settingsToggled() {
    byId("controls", HTMLElement).toggleAttribute("noautohide", this.#settings.open);
    this.render();
  }

  #fullscreen() {
    this.#screen.dispatchEvent(new CustomEvent(document.fullscreenElement === null ? "mediaenterfullscreenrequest" : "mediaexitfullscreenrequest"));
  }

  #pictureInPicture() {
    this.#screen.dispatchEvent(new CustomEvent(document.pictureInPictureElement === null ? "mediaenterpiprequest" : "mediaexitpiprequest"));
  }

  #help() {
    this.#settings.open = false;
    byId("shortcuts", HTMLDialogElement).showModal();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && this.#settings.open) return this.#closeSettings();
    const target = /** @type {Element | null} */ (event.composedPath()[0] ?? null);
    const host = /** @type {Element | null} */ (event.target);
    const { key, ctrlKey, altKey, metaKey } = event;
    const inPlayer = document.fullscreenElement !== null || (host !== null && this.#theatre.contains(host));
    const pressed = { key, ctrlKey, altKey, metaKey, inPlayer };
    const wish = wishOf({ ...pressed, target }) && wishOf({ ...pressed, target: host });
    if (wish === null) return;
    event.preventDefault();
    this.#screen.dispatchEvent(new PointerEvent("pointermove", { pointerType: "mouse" })); // it shows the controls
    this.#act(wish);
  }

  #closeSettings() {
    this.#settings.open = false;
    this.#settings.querySelector("summary")?.focus();
  }

  /** @param {Wish} wish */
  #act({ action, tenth = 0 }) {
    const video = this.#video;
    const player = this.#player;
    /** @type {Record<Wish["action"], () => void>} */
    const actions = {
      toggle: () => this.#toggle(),
      mute: () => this.#mute(),
      fullscreen: () => this.#fullscreen(),
      pip: () => this.#pictureInPicture(),
      louder: () => this.#setVolume(video.volume + VOLUME_STEP),
      softer: () => this.#setVolume(video.volume - VOLUME_STEP),
      back: () => player.seek(video.currentTime - SEEK_SECONDS),
      on: () => player.seek(video.currentTime + SEEK_SECONDS),
      farBack: () => player.seek(video.currentTime - FAR_SECONDS),
      farOn: () => player.seek(video.currentTime + FAR_SECONDS),
      start: () => this.#toTenth(0),
      tenth: () => this.#toTenth(tenth),
      edge: () => (player.live ? this.#edge() : player.seek(Infinity)),
      help: () => this.#help(),
    };
    actions[action]();
  }

  /** @param {number} tenth */
  #toTenth(tenth) {
    const { start, end } = this.#player.window ?? { start: 0, end: 0 };
    this.#player.seek(start + ((end - start) * tenth) / 10);
  }

  #renderQuality() {
    const engine = this.#player.engine;
    const qualities = engine?.qualities() ?? [];
    const automatic = engine?.automatic() ?? "";
    show(byId("quality-choice", HTMLElement), qualities.length > 0);
    const chosen = qualities.find(({ label }) => label === this.#chosen)?.value ?? "auto";
    setOptions(this.#quality, [{ value: "auto", label: automatic ? `Auto (${automatic})` : "Auto" }, ...qualities], chosen);
    if (engine === null || engine === this.#known || qualities.length === 0) return;
    this.#known = engine; // a new one begins with all of them
    if (chosen !== "auto") engine.choose(chosen);
    if (engine.address() !== "") this.#castAddress(new URL(engine.address(), location.href).href);
  }

  #renderPosition() {
    const { live, window } = this.#player;
    const { currentTime } = this.#video;
    const { start, end } = window ?? { start: 0, end: 0 };
    const over = isOver(this.#player.broadcast);
    show(byId("seek", HTMLElement), over || end - start > SEEKABLE_FROM_SECONDS);
    show(byId("edge", HTMLElement), !over);
    const stands = live || !over;
    const distance = stands ? this.#distance() : "";
    setText(byId("position", HTMLElement), stands ? distance : `${clock(currentTime - start)} / ${clock(end - start)}`);
    show(byId("behind-live", HTMLElement), distance !== "");
    requestAnimationFrame(() => this.#nameSeek(currentTime, start, end));
  }

  /** In the library's own words a live stream would be at "125 seconds of 130". @param {number} now @param {number} start @param {number} end */
  #nameSeek(now, start, end) {
    const range = /** @type {HTMLElement & { range?: HTMLElement }} */ (byId("seek", HTMLElement)).range;
    if (!this.#player.live) range?.setAttribute("aria-valuetext", `${clock(now - start)} of ${clock(end - start)}`);
    else range?.setAttribute("aria-valuetext", this.#player.atEdge ? "Live" : `${clock(end - now)} behind live`);
  }

  /** From live; "" where nothing is. */
  #distance() {
    const { behind } = this.#player;
    if (behind === null) return "";
    return behind < 60 ? `${behind.toFixed(1)} s` : clock(behind);
  }

  #renderDelay() {
    const { pace, live, direct } = this.#player;
    this.#theatre.dataset.delay = String(pace.target);
    setAttribute(this.#theatre, "data-way", direct ? "webrtc" : "playlist");
    this.#renderDelays();
    if (pace.movedBack && !direct && pace.target !== this.#told) this.#say(`Playing stuttered: now ${pace.target} s behind live.`);
    this.#told = pace.target;
    show(byId("delay-choice", HTMLElement), live);
    if (!this.#settings.open) return;
    const distance = this.#distance();
    const words = distance === "" ? "" : `${distance} behind live`;
    const more = pace.movedBack && !direct ? "further back than chosen, because playing stuttered" : delayWords(this.#player);
    setText(byId("behind", HTMLElement), [words, more].filter(Boolean).join("; "));
    setText(byId("facts", HTMLElement), this.#facts());
  }

  /** Another menu where WebRTC is offered. A broadcast that waits offers nothing, and changes nothing. */
  #renderDelays() {
    const { way, broadcast, pace } = this.#player;
    if (way !== null) setOptions(this.#delay, DELAYS, chosenDelay(this.#chosenDelay));
    else if (this.#delay.options.length !== this.#delays.length && broadcast?.state === "live") setOptions(this.#delay, this.#delays, pace.wanted);
  }

  #facts() {
    const { videoWidth, videoHeight, playbackRate } = this.#video;
    const { droppedVideoFrames = 0 } = this.#video.getVideoPlaybackQuality?.() ?? {};
    const facts = [videoWidth > 0 ? `${videoWidth} × ${videoHeight}` : "", this.#speedWords(), droppedVideoFrames > 0 ? `${droppedVideoFrames} ${droppedVideoFrames === 1 ? "picture" : "pictures"} too late` : ""];
    return [...facts, playbackRate > 1 ? `catching up at ${playbackRate}×` : ""].filter(Boolean).join(" · ");
  }

  #speedWords() {
    const measured = Number(preferences.get("bandwidth") ?? 0);
    return measured > 0 ? `connection ${bitrate(measured)}` : "";
  }

  /** @param {string} words */
  #say(words) {
    const toast = byId("toast", HTMLElement);
    setText(toast, words);
    clearTimeout(this.#toastTimer);
    this.#toastTimer = window.setTimeout(() => setText(toast, ""), TOAST_MS);
  }
}
