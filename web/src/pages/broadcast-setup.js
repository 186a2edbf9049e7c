// The right side of the broadcast page: what is to be broadcast, before going live and while live.
import { choices } from "../lib/devices.js";
import { byId, setOptions, show } from "../lib/dom.js";
import { PublishError } from "../lib/publish-errors.js";
import { qualityOf } from "../lib/recording.js";
import { loadFile, openCamera, openFile, openScreen, unloadFile } from "../lib/sources.js";
import { preferences } from "../lib/store.js";
import { Preview } from "./broadcast-preview.js";

/** @typedef {import("../lib/sources.js").OpenSource} OpenSource */
/** @typedef {import("./broadcast-preview.js").Kind} Kind */
/** @typedef {{ kind: Kind, camera: string, microphone: string, quality: string }} Choice */

/**
 * @typedef {object} SetupListener
 * @property {(problem: PublishError | null) => void} problem
 * @property {(source: OpenSource, bitrate: number) => boolean} switched while live: another source, or the same one
 *   at another bitrate; false when nothing is live any more; throws when it cannot be recorded
 */

/**
 * Keeps the source that is open, and hands it over when the person goes live. While live, another
 * choice opens the new source first; only when it is there does it take the old one's place.
 */
export class Setup {
  /** @type {OpenSource | null} */
  #source = null;
  /** The file that was chosen last, when it can be played. @type {HTMLVideoElement | null} */
  #player = null;
  /** What is on air; null before and after. @type {Choice | null} */
  #onAir = null;
  /** Nobody is live, or about to be. */
  #idle = true;
  #turn = 0;
  #muted = false;
  #preview = new Preview();
  #camera = byId("camera", HTMLSelectElement);
  #mic = byId("mic", HTMLSelectElement);
  #file = byId("file", HTMLInputElement);
  #quality = byId("quality", HTMLSelectElement);
  #listener;

  /** @param {SetupListener} listener */
  constructor(listener) {
    this.#listener = listener;
    this.#recallQuality();
    this.#listen();
    this.#showKind();
  }

  /** @returns {Kind} */
  get kind() {
    const checked = document.querySelector('input[name="source"]:checked');
    return /** @type {Kind} */ (/** @type {HTMLInputElement} */ (checked).value);
  }

  get source() {
    return this.#source;
  }

  /** The element that shows the picture. */
  get picture() {
    return this.#preview.picture;
  }

  get bitrate() {
    return qualityOf(this.#quality.value).bitrate;
  }

  /** The source that is previewed, or else a fresh one. @returns {Promise<OpenSource>} */
  async open() {
    if (this.#source === null || this.#source.over) await this.#openFresh();
    if (this.#source === null) throw new PublishError("source_ended"); // cancelled meanwhile
    return this.#source;
  }

  /**
   * Before, everything can be chosen; while live, everything but the title; in between, nothing.
   * @param {"before" | "between" | "live"} phase
   */
  enter(phase) {
    byId("choices", HTMLFieldSetElement).disabled = phase === "between";
    byId("title", HTMLInputElement).disabled = phase !== "before";
    this.#idle = phase === "before";
    if (phase !== "live") this.#onAir = null;
    else this.#onAir ??= this.#choice;
    this.#render();
  }

  /** The publisher has closed the source: the preview shows how to open one. */
  release() {
    this.#turn += 1;
    this.#source = null;
    this.#showKind();
  }

  /** @param {boolean} muted */
  mute(muted) {
    this.#muted = muted;
    this.#source?.mixer.mute(muted);
  }

  /** A camera that was allowed before is shown at once; others wait for a click. */
  async previewIfAllowed() {
    const name = /** @type {PermissionName} */ ("camera");
    const permission = await navigator.permissions?.query({ name }).catch(() => null);
    if (permission?.state === "granted" && this.kind === "camera" && this.#source === null) this.#show();
  }

  #listen() {
    for (const radio of document.querySelectorAll('input[name="source"]')) {
      radio.addEventListener("change", () => this.#kindChosen());
    }
    this.#camera.addEventListener("change", () => this.#chosen("camera", this.#camera, () => this.#kindOpened("camera")));
    this.#mic.addEventListener("change", () => this.#chosen("microphone", this.#mic, (source) => this.#other(source.useMicrophone(this.#mic.value))));
    this.#quality.addEventListener("change", () => this.#chosen("quality", this.#quality, (source) => this.#qualityChosen(source)));
    this.#file.addEventListener("change", () => this.#fileChosen());
    byId("open-preview", HTMLButtonElement).addEventListener("click", () => this.#openClicked());
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#listDevices());
  }

  /**
   * @param {string} name @param {HTMLSelectElement} select
   * @param {(source: OpenSource) => void} apply to the source that is open
   */
  #chosen(name, select, apply) {
    preferences.set(name, select.value);
    this.#listener.problem(null);
    if (this.#source !== null) apply(this.#source);
  }

  #recallQuality() {
    const last = preferences.get("quality");
    if (last !== null && this.#quality.querySelector(`[value="${CSS.escape(last)}"]`)) this.#quality.value = last;
  }

  #kindChosen() {
    this.#listener.problem(null);
    this.#showKind();
    if (this.#onAir !== null) return this.#kindChosenLive(this.#onAir.kind);
    this.#close();
    if (this.kind === "camera") this.previewIfAllowed();
  }

  /** Back to what is on air: nothing to do. A file has to be chosen first. @param {Kind} onAir */
  #kindChosenLive(onAir) {
    this.#turn += 1;
    if (this.kind !== onAir && (this.kind !== "file" || this.#player !== null)) this.#kindOpened(this.kind);
  }

  /** @param {Kind} kind of which a source is to be opened: again, or instead of another */
  #kindOpened(kind) {
    if (this.kind !== kind) return;
    if (this.#onAir !== null) return this.#switch(() => this.#openKind());
    this.#close();
    this.#show();
  }

  /** @param {OpenSource} source */
  #qualityChosen(source) {
    const { height, bitrate } = qualityOf(this.#quality.value);
    const resized = source.resize(height);
    this.#other(this.#onAir === null ? resized : resized.then(() => void this.#listener.switched(source, bitrate)));
  }

  /** Something about the source that is open is made another. @param {Promise<void>} change */
  async #other(change) {
    try {
      await change;
      if (this.#onAir !== null) this.#onAir = { ...this.#onAir, microphone: this.#mic.value, quality: this.#quality.value };
    } catch (error) {
      this.#goBack(error);
    }
    this.#listDevices();
  }

  #openClicked() {
    if (this.kind === "file") return this.#file.click();
    this.#show();
  }

  async #fileChosen() {
    this.#listener.problem(null);
    const old = this.#player;
    try {
      this.#player = await loadFile(this.#file.files?.[0] ?? null);
    } catch (error) {
      this.#player = null;
      this.#listener.problem(PublishError.from(error));
    }
    if (old !== this.#source?.player) unloadFile(old);
    if (this.#onAir !== null && this.#player !== null) return this.#switch(() => this.#openKind());
    this.#render();
  }

  /** Opens the source for its preview; what goes wrong is said, and nothing else happens. */
  async #show() {
    try {
      await this.#openFresh();
      this.#listener.problem(null);
    } catch (error) {
      this.#listener.problem(PublishError.from(error));
    }
  }

  async #openFresh() {
    const turn = ++this.#turn;
    const source = await this.#openKind();
    if (turn !== this.#turn) return source.close(); // something else was chosen meanwhile
    this.#source?.close();
    source.onended = (why) => this.#endedBeforeLive(why);
    this.#take(source);
  }

  /** While live. The old source goes on until the new one is there. @param {() => Promise<OpenSource>} open */
  async #switch(open) {
    const turn = ++this.#turn;
    /** @type {OpenSource | null} */
    let source = null;
    try {
      source = await open();
      source.mixer.mute(this.#muted);
      const wanted = turn === this.#turn && this.#onAir !== null;
      if (!wanted || !this.#listener.switched(source, this.bitrate)) return source.close();
      this.#onAir = this.#choice;
      this.#take(source);
    } catch (error) {
      source?.close();
      if (turn === this.#turn) this.#goBack(error);
    }
  }

  /** @param {OpenSource} source */
  #take(source) {
    this.#source = source;
    source.mixer.mute(this.#muted);
    this.#render();
    this.#listDevices();
  }

  /** The old source is still on air, and the controls say so again. @param {unknown} error */
  #goBack(error) {
    const problem = PublishError.from(error);
    if (this.#onAir === null) return this.#listener.problem(problem);
    const { kind, camera, microphone, quality } = this.#onAir;
    /** @type {HTMLInputElement | null} */
    const radio = document.querySelector(`input[name="source"][value="${kind}"]`);
    if (radio !== null) radio.checked = true;
    [this.#camera.value, this.#mic.value, this.#quality.value] = [camera, microphone, quality];
    this.#showKind();
    this.#listener.problem(new PublishError("not_switched", problem.message));
  }

  /** @returns {Choice} */
  get #choice() {
    return { kind: this.kind, camera: this.#camera.value, microphone: this.#mic.value, quality: this.#quality.value };
  }

  /** @returns {Promise<OpenSource>} */
  async #openKind() {
    const { height } = qualityOf(this.#quality.value);
    const microphone = this.#mic.value;
    if (this.kind === "camera") return openCamera({ camera: this.#camera.value, microphone, height });
    if (this.kind === "screen") return openScreen({ microphone, height });
    if (this.#player === null) throw new PublishError(this.#file.files?.length ? "file_not_playable" : "no_file");
    return openFile(this.#player);
  }

  /** @param {string} why */
  #endedBeforeLive(why) {
    this.#listener.problem(new PublishError("source_ended", why));
    this.#close();
  }

  #close() {
    this.#turn += 1;
    this.#source?.close();
    this.#source = null;
    this.#render();
  }

  #showKind() {
    show(byId("camera-field", HTMLElement), this.kind === "camera");
    show(byId("mic-field", HTMLElement), this.kind !== "file");
    show(byId("file-field", HTMLElement), this.kind === "file");
    this.#listDevices();
    this.#render();
  }

  #render() {
    this.#preview.render(this.kind, this.#source, this.kind === "file" ? this.#player : null, this.#idle);
  }

  /** Names come with the permission, so the list is made again after each opening. */
  async #listDevices() {
    const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => null)) ?? [];
    const cameras = choices(devices, "videoinput", { fallback: "Camera", none: "No camera, sound only", missing: "No camera found" });
    const microphones = choices(devices, "audioinput", { fallback: "Microphone", none: "No microphone", missing: "No microphone found" });
    setOptions(this.#camera, cameras, this.#inUse("video", this.#camera, "camera"));
    setOptions(this.#mic, microphones, this.#inUse("audio", this.#mic, "microphone"));
  }

  /**
   * The device that is open, or the one chosen here, or the one chosen last time.
   * @param {"video" | "audio"} kind
   * @param {HTMLSelectElement} select
   * @param {string} preference
   */
  #inUse(kind, select, preference) {
    const open = this.kind === "camera" ? this.#source?.captured.find((track) => track.kind === kind) : undefined;
    return open?.getSettings().deviceId || select.value || (preferences.get(preference) ?? "");
  }
}
