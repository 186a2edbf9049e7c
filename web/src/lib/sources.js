// What is broadcast, once it is open; and a camera. (Others: screen-source.js, file-source.js, drawn-source.js.)
import { audioConstraints, cameraConstraints, cameraSize, idOf, mediaDevices, openMicrophone, stopAll } from "./capture-devices.js";
import { isDevice } from "./devices.js";
import { AudioMixer } from "./mixer.js";
import { heightFor } from "./presets.js";
import { PublishError } from "./publish-errors.js";

/** @typedef {import("./capture.js").Source} Source */
/** @typedef {import("./capture-devices.js").Shape} Shape */
/** @typedef {"screen" | "camera" | "voice"} Part */

const MUTED_MS = 2000; // a phone's camera gives nothing while another app is in front

/**
 * A source that is open: its preview can be shown, and it can be handed to the publisher.
 * @implements {Source}
 */
export class OpenSource {
  /** It is over, and nothing has taken its place. @type {((why: string) => void) | null} */
  onended = null;
  /** Asked before: true when another source takes its place. @type {((why: string) => boolean) | null} */
  onlost = null;
  /** A part of it is gone by itself; the rest goes on. @type {((part: Part) => void) | null} */
  onpart = null;
  /** The camera gives nothing for now. @type {(() => void) | null} */
  onmuted = null;
  /** @type {MediaStream} */
  stream;
  /** The element that plays it, when it is a file. @type {HTMLVideoElement | null} */
  player = null;
  /** The page draws it: that costs more. */
  drawn = false;
  #over = false;
  /** It has ended, and something is to take its place. */
  #replaced = false;
  /** @type {MediaStreamTrack[]} */
  #voice = [];
  #size;

  /**
   * @param {AudioMixer} mixer
   * @param {object} parts
   * @param {MediaStreamTrack[]} parts.tracks picture, and the sound that belongs to it
   * @param {MediaStreamTrack[]} [parts.voice] the microphone, which can be exchanged
   * @param {MediaStreamTrack[]} [parts.cameras] those tracks that are of a camera
   * @param {string} parts.farewell said when the source is over by itself
   * @param {Shape} [parts.shape] that was asked for
   * @param {(shape: Shape) => MediaTrackConstraints} [parts.size] of a picture that can be had in several
   */
  constructor(mixer, { tracks, voice = [], cameras = [], farewell, shape = { height: 720, frameRate: 30 }, size }) {
    this.mixer = mixer;
    this.tracks = tracks;
    this.cameras = cameras;
    this.farewell = farewell;
    this.shape = shape;
    this.#size = size;
    const video = tracks.filter((track) => track.kind === "video");
    for (const track of tracks) if (track.kind === "audio") mixer.add(track, "sound");
    for (const track of video.length > 0 ? video : tracks) track.onended = () => this.finished();
    for (const track of cameras) this.#watchMute(track);
    this.#adoptVoice(voice);
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

  /** Ids of those that are in use; empty: none, or unknown. */
  get devices() {
    return { camera: idOf(this.cameras[0]), microphone: idOf(this.#voice[0]) };
  }

  /** It ends by itself, which may be heard from its track and from its player. */
  finished() {
    if (this.#over || this.#replaced) return;
    this.#replaced = this.onlost?.(this.farewell) ?? false;
    if (!this.#replaced) this.giveUp();
  }

  /** It is over, whoever would have taken its place. */
  giveUp() {
    if (this.#over) return;
    this.#over = true;
    this.onended?.(this.farewell);
  }

  /** A device of it is not there any more. @param {"camera" | "microphone"} which */
  lose(which) {
    if (which === "camera") return this.finished();
    this.#voiceEnded();
  }

  /** What has ended while something was to take its place, has still ended when nothing did. */
  check() {
    this.#replaced = false;
    const ended = (/** @type {MediaStreamTrack} */ { readyState }) => readyState === "ended";
    const unseen = this.cameras.every(ended) && this.tracks.some((track) => track.kind === "video" && ended(track));
    if (unseen || this.player?.ended) this.finished();
  }

  async release() {
    await this.mixer.resume();
  }

  /**
   * Another quality. The recorder that runs takes it as it comes. Chromium records a camera in a
   * size that it has, so the picture may stay as large as it was.
   * @param {Shape} shape
   */
  async resize(shape) {
    this.shape = shape;
    await this.apply(shape);
  }

  /** @param {Shape} shape @protected */
  async apply(shape) {
    if (this.#size === undefined) return;
    for (const track of this.tracks) if (track.kind === "video") await track.applyConstraints(this.#size(shape));
  }

  /** As large as was asked for, or smaller where a bitrate is not enough for that. @param {number} bitrate */
  async suit(bitrate) {
    await this.apply({ ...this.shape, height: heightFor(bitrate, this.shape.height) });
  }

  /**
   * Another microphone, or none. The recorder notices nothing: what it records is the mixer.
   * @param {string} microphone
   */
  async useMicrophone(microphone) {
    if (!isDevice(microphone) && !this.hasVideo) throw new PublishError("nothing_chosen");
    const fresh = isDevice(microphone) ? await openMicrophone(microphone) : [];
    if (this.#over) return stopAll(fresh);
    this.#dropVoice();
    this.#adoptVoice(fresh);
  }

  /** Lets go of the camera, for another one: a phone opens one at a time. @returns {boolean} whether it had one */
  yieldCamera() {
    const live = this.cameras.filter((track) => track.readyState === "live");
    stopAll(live);
    return live.length > 0;
  }

  close() {
    this.#over = true;
    stopAll(this.captured);
    this.mixer.close();
  }

  /** @param {MediaStreamTrack[]} tracks */
  #adoptVoice(tracks) {
    this.#voice = tracks;
    for (const track of tracks) {
      this.mixer.add(track, "voice");
      track.onended = () => this.#voiceEnded();
    }
  }

  /** Silence takes its place, of which the mixer has enough. */
  #voiceEnded() {
    if (this.#over || this.#voice.length === 0) return;
    this.#dropVoice();
    this.onpart?.("voice");
  }

  #dropVoice() {
    for (const track of this.#voice) this.mixer.remove(track);
    stopAll(this.#voice);
    this.#voice = [];
  }

  /** @param {MediaStreamTrack} track */
  #watchMute(track) {
    track.onmute = () => setTimeout(() => track.muted && track.readyState === "live" && !this.#over && this.onmuted?.(), MUTED_MS);
  }
}

/**
 * @param {Shape & { camera: string, facing?: string, microphone: string }} choice device ids, "" for the
 *   browser's own choice, or what `isDevice` says is none; `facing` asks for a side of a phone instead
 */
export async function openCamera({ camera, facing = "", microphone, height, frameRate }) {
  const hasCamera = isDevice(camera);
  if (!hasCamera && !isDevice(microphone)) throw new PublishError("nothing_chosen");
  const media = await mediaDevices().getUserMedia({
    video: hasCamera && cameraConstraints({ camera, facing, height, frameRate }),
    audio: isDevice(microphone) && audioConstraints(microphone),
  });
  return new OpenSource(new AudioMixer(), {
    tracks: media.getVideoTracks(),
    voice: media.getAudioTracks(),
    cameras: media.getVideoTracks(),
    farewell: `The ${hasCamera ? "camera" : "microphone"} was disconnected.`,
    shape: { height, frameRate },
    size: cameraSize,
  });
}
