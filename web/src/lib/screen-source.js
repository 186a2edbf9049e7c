// The screen, a window or a tab as a source, with a camera in its corner where that is wanted.
import { cameraConstraints, mediaDevices, openMicrophone, screenSize, stopAll } from "./capture-devices.js";
import { Composite } from "./composite.js";
import { isDevice } from "./devices.js";
import { AudioMixer } from "./mixer.js";
import { PublishError } from "./publish-errors.js";
import { OpenSource } from "./sources.js";

/** @typedef {import("./capture-devices.js").Shape} Shape */
/** @typedef {import("./layout.js").Look} Look */

export class ScreenSource extends OpenSource {
  /** @type {Composite | null} */
  #composite = null;
  #plain = this.stream;
  #turn = 0;

  /** @override */
  get captured() {
    return [...super.captured, ...this.cameras];
  }

  /** Sharing was stopped, and the camera has the whole picture. */
  get unshared() {
    return this.tracks.every(({ kind, readyState }) => kind === "audio" || readyState === "ended");
  }

  /** Shows a camera, or another one instead. @param {string} camera @param {Look} look */
  async showCamera(camera, look) {
    if (!isDevice(camera)) throw new PublishError("no_device");
    const turn = ++this.#turn;
    const height = Math.max(240, Math.round(this.shape.height / 2));
    const video = cameraConstraints({ camera, height, frameRate: this.shape.frameRate });
    const media = await mediaDevices().getUserMedia({ video });
    const [track] = media.getVideoTracks();
    if (track === undefined || turn !== this.#turn || this.over) return stopAll(media.getTracks());
    stopAll(this.cameras);
    this.cameras = [track];
    track.onended = () => this.lose("camera");
    if (this.#composite !== null) return this.#composite.showCamera(track);
    await this.#compose(track, look);
  }

  /** @param {MediaStreamTrack} camera @param {Look} look */
  async #compose(camera, look) {
    const screen = /** @type {MediaStreamTrack} */ (this.tracks.find(({ kind }) => kind === "video"));
    const composite = new Composite(screen, camera, { look, ...this.shape });
    this.#composite = composite;
    await composite.opened();
    if (this.#composite !== composite) return; // hidden again meanwhile
    this.stream = new MediaStream([composite.track, this.mixer.track]);
    this.drawn = true;
  }

  /** From now on. @param {Look} look */
  set look(look) {
    if (this.#composite !== null) this.#composite.look = look;
  }

  /** The screen alone, as it is captured: that costs half. Without a screen the camera stays. */
  hideCamera() {
    if (this.unshared) return;
    this.#turn += 1;
    stopAll(this.cameras);
    this.cameras = [];
    this.#composite?.close();
    this.#composite = null;
    this.stream = this.#plain;
    this.drawn = false;
  }

  /** With a camera in its corner that one goes on, and has the whole picture. @override */
  finished() {
    if (this.over || this.#composite === null || this.cameras.length === 0) return super.finished();
    this.#composite.dropScreen();
    stopAll(this.tracks);
    this.onpart?.("screen");
  }

  /** @override @param {"camera" | "microphone"} which */
  lose(which) {
    if (which === "microphone") return super.lose(which);
    if (this.over || this.cameras.length === 0) return;
    stopAll(this.cameras);
    this.cameras = [];
    this.#composite?.dropCamera();
    if (this.unshared) return super.finished();
    this.onpart?.("camera");
  }

  /** @override @param {Shape} shape @protected */
  async apply(shape) {
    if (!this.unshared) await super.apply(shape);
    this.#composite?.resize(shape.height);
  }

  /** @override */
  close() {
    super.close();
    this.#composite?.close();
  }
}

/** Music, not speech in a room: unasked, Chromium makes it mono and takes away what it holds for noise. */
const AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 2 };

/** @param {Shape & { microphone: string }} choice */
export async function openScreen({ microphone, ...shape }) {
  const devices = mediaDevices();
  if (devices.getDisplayMedia === undefined) throw new PublishError("no_screen");
  const screen = await devices
    .getDisplayMedia({ video: screenSize(shape), audio: AS_IT_IS })
    .catch((error) => Promise.reject(screenError(error)));
  const voice = isDevice(microphone) ? await openVoice(microphone, screen) : [];
  return new ScreenSource(new AudioMixer(), {
    tracks: screen.getTracks(),
    voice,
    farewell: "Sharing the screen was stopped.",
    shape,
    size: screenSize,
  });
}

/** @param {string} microphone @param {MediaStream} screen */
async function openVoice(microphone, screen) {
  try {
    return await openMicrophone(microphone);
  } catch (error) {
    stopAll(screen.getTracks());
    throw error;
  }
}

/** Saying no to the picker and closing it look the same: both are a change of mind. (InvalidStateError: nobody has pressed anything.) */
const UNCHOSEN = ["NotAllowedError", "AbortError", "InvalidStateError"];

function screenError(/** @type {unknown} */ error) {
  const name = error instanceof DOMException ? error.name : "";
  return UNCHOSEN.includes(name) ? new PublishError("screen_cancelled") : error;
}
