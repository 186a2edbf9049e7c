// What can be broadcast: a camera, the screen, a file.
import { isDevice } from "./devices.js";
import { AudioMixer } from "./mixer.js";
import { PublishError } from "./publish-errors.js";

/** @typedef {import("./publisher.js").Source} Source */
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

  /**
   * @param {AudioMixer} mixer
   * @param {MediaStreamTrack[]} captured every track that is ours to stop
   * @param {string} farewell said when the source is over by itself
   */
  constructor(mixer, captured, farewell) {
    this.mixer = mixer;
    this.captured = captured;
    this.farewell = farewell;
    const video = captured.filter((track) => track.kind === "video");
    for (const track of captured) mixer.add(track.kind === "audio" ? track : undefined);
    for (const track of video.length > 0 ? video : captured) track.onended = () => this.finished();
    this.stream = new MediaStream([...video, mixer.track]);
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

  hold() {
    // a camera cannot wait
  }

  close() {
    this.#over = true;
    for (const track of this.captured) track.stop();
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
  const farewell = `The ${hasCamera ? "camera" : "microphone"} was disconnected.`;
  return new OpenSource(new AudioMixer(), media.getTracks(), farewell);
}

/** @param {{ microphone: string, height: number }} choice */
export async function openScreen({ microphone, height }) {
  const devices = mediaDevices();
  if (devices.getDisplayMedia === undefined) throw new PublishError("no_screen");
  const screen = await devices
    .getDisplayMedia({ video: { frameRate: FRAME_RATE, height: { max: height } }, audio: true })
    .catch((error) => Promise.reject(screenError(error)));
  const voice = isDevice(microphone) ? await openVoice(devices, microphone, screen) : [];
  return new OpenSource(new AudioMixer(), [...screen.getTracks(), ...voice], "Sharing the screen was stopped.");
}

/** @param {MediaDevices} devices @param {string} microphone @param {MediaStream} screen */
async function openVoice(devices, microphone, screen) {
  try {
    const media = await devices.getUserMedia({ audio: audioConstraints(microphone) });
    return media.getTracks();
  } catch (error) {
    for (const track of screen.getTracks()) track.stop();
    throw error;
  }
}

/** @returns {MediaDevices} */
export function mediaDevices() {
  if (navigator.mediaDevices === undefined) throw new PublishError("not_secure");
  return navigator.mediaDevices;
}

/** @param {string} id @param {number} height @returns {MediaTrackConstraints} */
function videoConstraints(id, height) {
  const size = { height: { ideal: height }, width: { ideal: Math.round((height * 16) / 9) } };
  return { ...device(id), ...size, frameRate: { ideal: FRAME_RATE, max: FRAME_RATE } };
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

/** A file plays in the preview, which is what is captured: the file goes as fast as it is watched. */
class FileSource extends OpenSource {
  /** @param {AudioMixer} mixer @param {MediaStreamTrack[]} captured @param {HTMLVideoElement} player */
  constructor(mixer, captured, player) {
    super(mixer, captured, "The file is over.");
    this.player = player;
    player.onended = () => this.finished();
  }

  /** @override */
  async release() {
    await super.release();
    await this.player.play();
  }

  /** @override */
  hold() {
    this.player.pause();
  }

  /** @override */
  close() {
    this.player.onended = null;
    this.player.pause();
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
 * Loads a file into the preview, to its first frame.
 * @param {HTMLVideoElement} player
 * @param {File | null} file
 * @returns {Promise<void>}
 */
export function loadFile(player, file) {
  if (file === null) return Promise.reject(new PublishError("no_file"));
  player.srcObject = null;
  if (player.src !== "") URL.revokeObjectURL(player.src);
  player.muted = true;
  player.src = URL.createObjectURL(file);
  return new Promise((loaded, failed) => {
    player.onloadeddata = () => loaded();
    player.onerror = () => failed(new PublishError("file_not_playable"));
  });
}
