// What can be broadcast: a camera, the screen, a file.
import { isDevice } from "./devices.js";
import { AudioMixer } from "./mixer.js";
import { PublishError } from "./publish-errors.js";

/** @typedef {import("./capture.js").Source} Source */
/** @typedef {HTMLVideoElement & { captureStream?: () => MediaStream, mozCaptureStream?: () => MediaStream }} CapturableVideo */

const FRAME_RATE = 30;

/**
 * A source that is open: its preview can be shown, and it can be handed to the publisher.
 * @implements {Source}
 */
export class OpenSource {
  /** @type {((why: string) => void) | null} */
  onended = null;
  /** @type {MediaStream} */
  stream;
  #over = false;

  /** The element that plays it, when it is a file. @type {HTMLVideoElement | null} */
  player = null;
  #voice;
  #size;

  /**
   * @param {AudioMixer} mixer
   * @param {object} parts
   * @param {MediaStreamTrack[]} parts.tracks picture, and the sound that belongs to it
   * @param {MediaStreamTrack[]} [parts.voice] the microphone, which can be exchanged
   * @param {string} parts.farewell said when the source is over by itself
   * @param {(height: number) => MediaTrackConstraints} [parts.size] of a picture that can be had in several
   */
  constructor(mixer, { tracks, voice = [], farewell, size }) {
    this.mixer = mixer;
    this.tracks = tracks;
    this.farewell = farewell;
    this.#voice = voice;
    this.#size = size;
    const video = tracks.filter((track) => track.kind === "video");
    for (const track of this.captured) if (track.kind === "audio") mixer.add(track);
    for (const track of video.length > 0 ? video : this.captured) track.onended = () => this.finished();
    this.stream = new MediaStream([...video, mixer.track]);
  }

  /** Every track that is ours to stop. */
  get captured() {
    return [...this.tracks, ...this.#voice];
  }

  /** Without sound, which would come back into the microphone. */
  get preview() {
    return new MediaStream(this.stream.getVideoTracks());
  }

  get hasVideo() {
    return this.stream.getVideoTracks().length > 0;
  }

  get over() {
    return this.#over;
  }

  finished() {
    if (this.#over) return;
    this.#over = true;
    this.onended?.(this.farewell);
  }

  async release() {
    await this.mixer.resume();
  }

  /**
   * Another quality. The recorder that runs takes it as it comes. Chromium records a camera in a
   * size that it has, so the picture may stay as large as it was.
   * @param {number} height
   */
  async resize(height) {
    if (this.#size === undefined) return;
    for (const track of this.stream.getVideoTracks()) await track.applyConstraints(this.#size(height));
  }

  /**
   * Another microphone, or none. The recorder notices nothing: what it records is the mixer.
   * @param {string} microphone
   */
  async useMicrophone(microphone) {
    if (!isDevice(microphone) && !this.hasVideo) throw new PublishError("nothing_chosen");
    const fresh = isDevice(microphone) ? await openMicrophone(microphone) : [];
    if (this.#over) return stopAll(fresh);
    for (const track of this.#voice) this.mixer.remove(track);
    stopAll(this.#voice);
    this.#voice = fresh;
    for (const track of fresh) this.mixer.add(track);
    if (!this.hasVideo) for (const track of fresh) track.onended = () => this.finished();
  }

  close() {
    this.#over = true;
    stopAll(this.captured);
    this.mixer.close();
  }
}

/**
 * @param {{ camera: string, microphone: string, height: number }} choice device ids, "" for the
 *   browser's own choice, or what `isDevice` says is none
 */
export async function openCamera({ camera, microphone, height }) {
  const hasCamera = isDevice(camera);
  if (!hasCamera && !isDevice(microphone)) throw new PublishError("nothing_chosen");
  const media = await mediaDevices().getUserMedia({
    video: hasCamera && videoConstraints(camera, height),
    audio: isDevice(microphone) && audioConstraints(microphone),
  });
  return new OpenSource(new AudioMixer(), {
    tracks: media.getVideoTracks(),
    voice: media.getAudioTracks(),
    farewell: `The ${hasCamera ? "camera" : "microphone"} was disconnected.`,
    size: cameraSize,
  });
}

/** @param {{ microphone: string, height: number }} choice */
export async function openScreen({ microphone, height }) {
  const devices = mediaDevices();
  if (devices.getDisplayMedia === undefined) throw new PublishError("no_screen");
  const screen = await devices
    .getDisplayMedia({ video: screenSize(height), audio: true })
    .catch((error) => Promise.reject(screenError(error)));
  return new OpenSource(new AudioMixer(), {
    tracks: screen.getTracks(),
    voice: isDevice(microphone) ? await openVoice(microphone, screen) : [],
    farewell: "Sharing the screen was stopped.",
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

/** @param {string} microphone */
async function openMicrophone(microphone) {
  const media = await mediaDevices().getUserMedia({ audio: audioConstraints(microphone) });
  return media.getTracks();
}

/** @param {MediaStreamTrack[]} tracks */
function stopAll(tracks) {
  for (const track of tracks) track.stop();
}

/** @returns {MediaDevices} */
export function mediaDevices() {
  if (navigator.mediaDevices === undefined) throw new PublishError("not_secure");
  return navigator.mediaDevices;
}

/** @param {string} id @param {number} height @returns {MediaTrackConstraints} */
function videoConstraints(id, height) {
  return { ...device(id), ...cameraSize(height) };
}

/** @param {number} height @returns {MediaTrackConstraints} */
function cameraSize(height) {
  const width = Math.round((height * 16) / 9);
  return { height: { ideal: height }, width: { ideal: width }, frameRate: { ideal: FRAME_RATE, max: FRAME_RATE } };
}

/** @param {number} height @returns {MediaTrackConstraints} */
function screenSize(height) {
  return { frameRate: FRAME_RATE, height: { max: height } };
}

/** @param {string} id @returns {MediaTrackConstraints} */
function audioConstraints(id) {
  return { ...device(id), echoCancellation: true, noiseSuppression: true, autoGainControl: true };
}

/** @param {string} id @returns {MediaTrackConstraints} */
function device(id) {
  return id === "" ? {} : { deviceId: { exact: id } };
}

/** Saying no to the picker and closing it look the same: both are a change of mind. */
function screenError(/** @type {unknown} */ error) {
  const name = error instanceof DOMException ? error.name : "";
  return name === "NotAllowedError" || name === "AbortError" ? new PublishError("screen_cancelled") : error;
}

/** A file plays in an element of its own, which is what is captured: it goes as fast as it is watched. */
class FileSource extends OpenSource {
  /** @param {AudioMixer} mixer @param {MediaStreamTrack[]} tracks @param {HTMLVideoElement} player */
  constructor(mixer, tracks, player) {
    super(mixer, { tracks, farewell: "The file is over." });
    this.player = player;
    player.onended = () => this.finished();
  }

  /** @override */
  async release() {
    await super.release();
    await this.player?.play();
  }

  /** @override */
  close() {
    if (this.player !== null) this.player.onended = null;
    this.player?.pause();
    super.close();
  }
}

/** @param {CapturableVideo} player in which the file is loaded, see `loadFile` */
export async function openFile(player) {
  const capture = player.captureStream ?? player.mozCaptureStream;
  if (capture === undefined) throw new PublishError("file_not_capturable");
  player.currentTime = 0;
  const stream = capture.call(player);
  const mixer = new AudioMixer();
  await mixer.resume();
  return new FileSource(mixer, stream.getTracks(), player);
}

/**
 * Loads a file into a player of its own, to its first frame: another one may be on air.
 * @param {File | null} file
 * @returns {Promise<HTMLVideoElement>}
 */
export function loadFile(file) {
  if (file === null) return Promise.reject(new PublishError("no_file"));
  const player = document.createElement("video");
  player.muted = true;
  player.playsInline = true;
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
  player.removeAttribute("src");
  player.remove();
}
