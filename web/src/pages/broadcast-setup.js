// The right side of the broadcast page: what is to be broadcast, and its preview.
import { choices } from "../lib/devices.js";
import { byId, setOptions, setText, show } from "../lib/dom.js";
import { PublishError } from "../lib/publish-errors.js";
import { qualityOf } from "../lib/recording.js";
import { loadFile, openCamera, openFile, openScreen } from "../lib/sources.js";
import { preferences } from "../lib/store.js";

/** @typedef {import("../lib/sources.js").OpenSource} OpenSource */
/** @typedef {"camera" | "screen" | "file"} Kind */

/** @type {Record<Kind, { words: string, button: string }>} */
const PLACEHOLDERS = {
  camera: { words: "The camera is off. Nobody sees you before you go live.", button: "Turn on camera" },
  screen: { words: "Share the whole screen, a window or a tab.", button: "Choose what to share" },
  file: { words: "A video from this device plays here and goes live.", button: "Choose a file" },
};

/**
 * Keeps the source that is previewed, and hands it over when the person goes live.
 */
export class Setup {
  /** @type {OpenSource | null} */
  #source = null;
  #fileReady = false;
  #turn = 0;
  #camera = byId("camera", HTMLSelectElement);
  #mic = byId("mic", HTMLSelectElement);
  #file = byId("file", HTMLInputElement);
  #quality = byId("quality", HTMLSelectElement);
  #preview = byId("preview", HTMLVideoElement);
  #onproblem;

  /** @param {(problem: PublishError | null) => void} onproblem */
  constructor(onproblem) {
    this.#onproblem = onproblem;
    this.#recallQuality();
    this.#listen();
    this.#showKind();
    this.#listDevices();
  }

  /** @returns {Kind} */
  get kind() {
    const checked = document.querySelector('input[name="source"]:checked');
    return /** @type {Kind} */ (/** @type {HTMLInputElement} */ (checked).value);
  }

  get source() {
    return this.#source;
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

  /** @param {boolean} locked while live, the source cannot change */
  lock(locked) {
    byId("choices", HTMLFieldSetElement).disabled = locked;
    byId("open-preview", HTMLButtonElement).disabled = locked;
  }

  /** The publisher has closed the source: the preview shows how to open one. */
  release() {
    this.#turn += 1;
    this.#source = null;
    this.#render();
  }

  /** A camera that was allowed before is shown at once; others wait for a click. */
  async previewIfAllowed() {
    const name = /** @type {PermissionName} */ ("camera");
    const permission = await navigator.permissions?.query({ name }).catch(() => null);
    if (permission?.state === "granted" && this.kind === "camera" && this.#source === null) this.#show();
  }

  #listen() {
    for (const radio of document.querySelectorAll('input[name="source"]')) {
      radio.addEventListener("change", () => this.#changed(true));
    }
    this.#camera.addEventListener("change", () => this.#chosen("camera", this.#camera));
    this.#mic.addEventListener("change", () => this.#chosen("microphone", this.#mic));
    this.#quality.addEventListener("change", () => this.#chosen("quality", this.#quality));
    this.#file.addEventListener("change", () => this.#fileChosen());
    byId("open-preview", HTMLButtonElement).addEventListener("click", () => this.#openClicked());
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#listDevices());
  }

  /** @param {string} name @param {HTMLSelectElement} select */
  #chosen(name, select) {
    preferences.set(name, select.value);
    this.#changed(false);
  }

  #recallQuality() {
    const last = preferences.get("quality");
    if (last !== null && this.#quality.querySelector(`[value="${CSS.escape(last)}"]`)) this.#quality.value = last;
  }

  /** @param {boolean} otherKind */
  #changed(otherKind) {
    const wasOpen = this.#source !== null;
    this.#onproblem(null);
    if (otherKind || this.kind === "camera") this.#close();
    this.#showKind();
    if (otherKind && this.kind === "file" && this.#file.files?.[0]) return this.#fileChosen();
    if (wasOpen && !otherKind && this.kind === "camera") return this.#show();
    if (otherKind) this.previewIfAllowed();
  }

  #openClicked() {
    if (this.kind === "file") return this.#file.click();
    this.#show();
  }

  async #fileChosen() {
    this.#fileReady = false;
    this.#onproblem(null);
    try {
      await loadFile(this.#preview, this.#file.files?.[0] ?? null);
      this.#fileReady = true;
    } catch (error) {
      this.#onproblem(PublishError.from(error));
    }
    this.#render();
  }

  /** Opens the source for its preview; what goes wrong is said, and nothing else happens. */
  async #show() {
    try {
      await this.#openFresh();
      this.#onproblem(null);
    } catch (error) {
      this.#onproblem(PublishError.from(error));
    }
  }

  async #openFresh() {
    const turn = ++this.#turn;
    const source = await this.#openKind();
    if (turn !== this.#turn) return source.close(); // something else was chosen meanwhile
    this.#source?.close();
    this.#source = source;
    source.onended = (why) => this.#endedBeforeLive(why);
    this.#render();
    this.#listDevices();
  }

  /** @returns {Promise<OpenSource>} */
  #openKind() {
    const { height } = qualityOf(this.#quality.value);
    const microphone = this.#mic.value;
    if (this.kind === "camera") return openCamera({ camera: this.#camera.value, microphone, height });
    if (this.kind === "screen") return openScreen({ microphone, height });
    if (!this.#fileReady) throw new PublishError(this.#file.files?.length ? "file_not_playable" : "no_file");
    return openFile(this.#preview);
  }

  /** @param {string} why */
  #endedBeforeLive(why) {
    this.#onproblem(new PublishError("source_ended", why));
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
    const soundOnly = this.#soundOnly;
    const shown = !soundOnly && (this.kind === "file" ? this.#fileReady : this.#source !== null);
    const { words, button } = PLACEHOLDERS[this.kind];
    show(byId("placeholder", HTMLElement), !shown);
    setText(byId("placeholder-words", HTMLElement), soundOnly ? "Sound only: viewers hear it and see no picture." : words);
    setText(byId("open-preview", HTMLElement), button);
    show(byId("open-preview", HTMLElement), !soundOnly);
    show(byId("sound", HTMLElement), this.#source !== null);
    byId("placeholder-icon", SVGUseElement).setAttribute("href", `/assets/icons.svg#${soundOnly ? "mic" : this.kind}`);
    this.#fillPreview();
  }

  get #soundOnly() {
    if (this.kind === "file") return this.#fileReady && this.#preview.videoWidth === 0;
    return this.#source !== null && !this.#source.hasVideo;
  }

  #fillPreview() {
    if (this.kind === "file") return; // the file itself plays in the preview
    this.#fileReady = false;
    if (this.#preview.hasAttribute("src")) this.#preview.removeAttribute("src");
    const stream = this.#source?.hasVideo ? this.#source.preview : null;
    this.#preview.srcObject = stream;
    if (stream !== null) this.#preview.play().catch(() => {}); // the next choice came in between
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
