// The right side of the broadcast page: what is to be broadcast, before going live and while live.
import { Air } from "../lib/air.js";
import { byId, show } from "../lib/dom.js";
import { PublishError } from "../lib/publish-errors.js";
import { ScreenSource } from "../lib/screen-source.js";
import { FilesField } from "./broadcast-files.js";
import { InsetField } from "./broadcast-inset.js";
import { MixerPanel } from "./broadcast-mixer.js";
import { Opening } from "./broadcast-opening.js";
import { Pickers } from "./broadcast-pickers.js";
import { Preview } from "./broadcast-preview.js";
import { QualityField } from "./broadcast-quality.js";
import { Standby } from "./broadcast-standby.js";
import { WayField } from "./broadcast-way.js";

/** @typedef {import("../lib/sources.js").OpenSource} OpenSource */
/** @typedef {import("../lib/air.js").Choice} Choice */
/** @typedef {import("../lib/air.js").Phase} Phase */
/** @typedef {import("../lib/air.js").Kind} Kind */

/**
 * @typedef {object} SetupListener
 * @property {(problem: PublishError | null) => void} problem
 * @property {(source: OpenSource, bitrate: number) => boolean} switched while live: another source, or the same one
 *   at another bitrate or in another shape; false when nothing is live any more; throws when it cannot be recorded
 */

const NOTHING = { camera: "", microphone: "" };

/** What the person chooses, and what that does to the source that is open. */
export class Setup {
  way = new WayField();
  #muted = false;
  #preview = new Preview(() => this.#reshaped());
  #mixer = new MixerPanel();
  #standby = new Standby(this);
  /** @type {Air} */
  #air;
  #pickers;
  #files;
  #inset;
  #quality;
  #opening;
  #listener;

  /** @param {SetupListener} listener */
  constructor(listener) {
    this.#listener = listener;
    this.#pickers = new Pickers({
      camera: () => this.#cameraChosen(),
      microphone: () => this.#applied((source) => this.#other(source.useMicrophone(this.#pickers.microphone))),
      flip: () => this.#flipped(),
      plugged: () => void this.#standby.plugged(),
    });
    this.#files = new FilesField({
      chosen: () => this.#fileChosen(),
      problem: (problem) => this.#listener.problem(problem),
      loaded: () => this.#render(),
    });
    this.#inset = new InsetField({
      toggled: () => void this.#insetToggled(),
      looked: (look) => this.source instanceof ScreenSource && (this.source.look = look),
    });
    this.#quality = new QualityField(() => this.#applied((source) => this.#qualityChosen(source)));
    this.#opening = new Opening({ pickers: this.#pickers, files: this.#files, inset: this.#inset, quality: this.#quality, problem: listener.problem });
    this.#air = new Air({
      open: () => this.#opening.open(this.kind, this.source),
      choice: () => this.#choice,
      switched: (source) => this.#listener.switched(source, this.bitrate),
      furnish: (source) => this.#furnish(source),
      taken: (source) => this.#taken(source),
      refused: (problem) => this.#goBack(problem),
      ended: (why) => this.endedBeforeLive(why),
    });
    this.#listen();
    this.attach();
  }

  /** @returns {Kind} */
  get kind() {
    const checked = document.querySelector('input[name="source"]:checked');
    return /** @type {Kind} */ (/** @type {HTMLInputElement} */ (checked).value);
  }

  get source() {
    return this.#air.source;
  }

  get phase() {
    return this.#air.phase;
  }

  get quality() {
    return this.#quality.quality;
  }

  get pickers() {
    return this.#pickers;
  }

  get files() {
    return this.#files;
  }

  /** The camera that is chosen now. */
  openCamera() {
    return this.#opening.camera(this.source);
  }

  /** The element that shows the picture. */
  get picture() {
    return this.#preview.picture;
  }

  get bitrate() {
    return this.#quality.quality.bitrate;
  }

  /** What the way to the server carries, in bits per second; null until it is measured. */
  get upload() {
    return this.#quality.upload;
  }

  /** A preview is made to fit; what is on air goes by its own measure (lib/upload.js). */
  set upload(upload) {
    this.#quality.upload = upload;
    if (this.phase === "before") this.source?.resize(this.#quality.quality).catch(() => {}); // it stays as it is
  }

  /** What is to go on air. */
  open() {
    return this.#air.ready();
  }

  /** @param {Phase} phase */
  enter(phase) {
    byId("choices", HTMLFieldSetElement).disabled = phase === "between";
    byId("title", HTMLInputElement).disabled = phase !== "before";
    this.#air.enter(phase);
    this.attach();
  }

  /** The publisher has closed the source: the preview shows how to open one. */
  release() {
    this.#air.leave();
    this.#files.rewind();
  }

  /** @param {boolean} muted */
  mute(muted) {
    this.#muted = muted;
    this.source?.mixer.mute(muted);
  }

  /** A camera that was allowed before is shown at once; others wait for a click. */
  async previewIfAllowed() {
    const name = /** @type {PermissionName} */ ("camera");
    const permission = await navigator.permissions?.query({ name }).catch(() => null);
    if (permission?.state === "granted" && this.phase === "before" && this.kind === "camera" && this.source === null) this.show();
  }

  #listen() {
    for (const radio of document.querySelectorAll('input[name="source"]')) {
      radio.addEventListener("change", () => this.#kindChosen());
    }
    byId("open-preview", HTMLButtonElement).addEventListener("click", () => this.#openClicked());
    byId("share-again", HTMLButtonElement).addEventListener("click", () => this.#kindOpened("screen"));
    byId("camera-again", HTMLButtonElement).addEventListener("click", () => this.#kindOpened("camera"));
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void this.#standby.plugged());
    // A preview that came up by itself is silent until the page is touched: browsers want it so.
    for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, () => this.source?.mixer.resume().catch(() => {}), { passive: true }); // closed: nothing to hear
  }

  /** @param {(source: OpenSource) => void} apply to the source that is open */
  #applied(apply) {
    this.#listener.problem(null);
    if (this.source !== null) apply(this.source);
  }

  #kindChosen() {
    this.#listener.problem(null);
    this.#air.wish();
    if (this.#air.choice !== null) return this.#kindChosenLive(this.#air.choice.kind);
    this.#air.close();
    if (this.kind === "camera") this.previewIfAllowed();
    if (this.kind === "test") this.show();
  }

  /** Back to what is on air: nothing to do. A file has to be chosen first. @param {Kind} onAir */
  #kindChosenLive(onAir) {
    this.attach();
    if (this.kind !== onAir && (this.kind !== "file" || this.#files.queue.now !== null)) this.#kindOpened(this.kind);
  }

  /** @param {Kind} kind of which a source is to be opened: again, or instead of another */
  #kindOpened(kind) {
    if (this.kind !== kind) return;
    if (this.#air.live) return void this.#air.switchTo(kind);
    this.#air.close();
    this.show();
  }

  #cameraChosen() {
    this.#opening.facing = "";
    this.#applied(() => (this.kind === "screen" ? void this.#insetToggled() : this.#kindOpened("camera")));
  }

  /** The other side of a phone; where cameras have no sides, the next one. */
  #flipped() {
    const facing = this.source?.cameras[0]?.getSettings().facingMode ?? "";
    if (facing === "") this.#pickers.turn();
    this.#opening.facing = facing === "" ? "" : facing === "user" ? "environment" : "user";
    this.#listener.problem(null);
    if (this.kind === "screen") void this.#insetToggled();
    else this.#kindOpened("camera");
  }

  /** @param {OpenSource} source */
  #qualityChosen(source) {
    const resized = source.resize(this.#quality.quality);
    this.#other(resized.then(() => this.#air.again()));
  }

  /** Something about the source that is open is made another. @param {Promise<void>} change */
  async #other(change) {
    try {
      await change;
      this.#air.changed();
    } catch (error) {
      this.#goBack(PublishError.from(error));
    }
    this.attach();
  }

  /** The camera in the corner of a screen that is open comes, goes, or is another one. */
  async #insetToggled() {
    const source = this.source;
    if (!(source instanceof ScreenSource)) return;
    this.#listener.problem(null);
    const { stream } = source;
    try {
      if (this.#inset.on) await source.showCamera(this.#pickers.camera, this.#inset.look);
      else source.hideCamera();
      if (source === this.source && source.stream !== stream) this.#air.again();
    } catch (error) {
      if (source.cameras.length === 0) this.#inset.off();
      this.#listener.problem(PublishError.from(error));
    }
    this.attach();
  }

  #openClicked() {
    if (this.kind === "file") return this.#files.ask();
    this.show();
  }

  #fileChosen() {
    this.#listener.problem(null);
    if (this.#air.live && this.kind === "file") void this.#air.switchTo("file");
    else this.#render();
  }

  /** Opens the source for its preview; what goes wrong is said, and nothing else happens. */
  async show() {
    this.#listener.problem(null);
    try {
      await this.#air.open();
    } catch (error) {
      this.#listener.problem(PublishError.from(error));
    }
  }

  /** While live, not by the person's wish (see `Air.replace`). @param {() => Promise<OpenSource>} open */
  replace(open) {
    return this.#air.replace(open);
  }

  /** @param {OpenSource} source */
  #furnish(source) {
    this.#mixer.apply(source.mixer);
    source.mixer.mute(this.#muted);
  }

  /** @param {OpenSource | null} source */
  #taken(source) {
    if (source === null) this.#standby.forget();
    else this.#standby.watch(source);
    this.attach();
  }

  /** The controls follow the source that is open. */
  attach() {
    const { source, live, choice } = this.#air;
    this.#mixer.attach(source?.mixer ?? null, choice?.kind ?? this.kind);
    this.#quality.drawn = source?.drawn ?? false;
    this.#inset.alone = source instanceof ScreenSource && source.unshared;
    this.#files.onAir = live && source?.player != null;
    this.#render();
    void this.listDevices();
  }

  /** While live: the old source is still on air, and the controls say so again. @param {PublishError} problem */
  #goBack(problem) {
    const { choice } = this.#air;
    if (choice === null) return this.#listener.problem(problem);
    /** @type {HTMLInputElement | null} */
    const radio = document.querySelector(`input[name="source"][value="${choice.kind}"]`);
    if (radio !== null) radio.checked = true;
    this.#pickers.chosen = choice;
    this.#quality.name = choice.quality;
    this.#opening.facing = "";
    this.attach();
    this.#listener.problem(new PublishError("not_switched", problem.message));
    this.source?.check();
  }

  /** @returns {Choice} */
  get #choice() {
    return { kind: this.kind, camera: this.#pickers.camera, microphone: this.#pickers.microphone, quality: this.#quality.name };
  }

  /** A phone was turned, or a window drawn out: the picture would be padded, and begins anew instead. */
  #reshaped() {
    if (this.#air.live && this.source?.player === null) this.#other(Promise.resolve().then(() => this.#air.again()));
  }

  /** @param {PublishError | null} problem */
  say(problem) {
    this.#listener.problem(problem);
  }

  /** Of a screen. */
  cameraGone() {
    this.#inset.off();
  }

  /** @param {string} why */
  endedBeforeLive(why) {
    this.#listener.problem(new PublishError("source_ended", why));
    this.#air.close();
  }

  #render() {
    const { kind, source } = this;
    show(byId("camera-field", HTMLElement), kind === "camera" || (kind === "screen" && this.#inset.on));
    show(byId("screen-field", HTMLElement), kind === "screen");
    show(byId("share-again", HTMLElement), kind === "screen" && (source instanceof ScreenSource || this.#standby.away === "screen"));
    show(byId("camera-again", HTMLElement), kind === "camera" && this.#standby.away === "camera");
    show(byId("mic-field", HTMLElement), kind === "camera" || kind === "screen");
    show(byId("file-field", HTMLElement), kind === "file");
    this.#preview.render(kind, source, kind === "file" ? this.#files.player : null, this.phase === "before");
  }

  /** @param {import("./broadcast-pickers.js").Ids} used */
  async listDevices(used = this.source?.devices ?? NOTHING) {
    await this.#pickers.list(used, this.source?.cameras[0]?.getSettings().facingMode ?? "");
  }
}
