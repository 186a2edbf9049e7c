// The sound of a broadcast: whatever there is of it, and never nothing.
import { gainOf } from "./meter.js";

/** What Opus runs at; in Firefox its own, since it connects no microphone to a context with another rate than that has. */
const SAMPLE_RATE = "mozCaptureStream" in HTMLMediaElement.prototype ? undefined : 48_000;
const RESUME_TIMEOUT_MS = 1000;
const SMOOTH_SECONDS = 0.015; // a jump of the gain is heard as a click
const PIP_SECONDS = 0.12;
const PIP_HERTZ = 1000;
const PIP_PEAK = 0.1; // -20 dB

/** The microphone; and what comes with the picture: of a tab, a file, the test picture. @typedef {"voice" | "sound"} StripName */
/** `percent`: see `gainOf`. @typedef {{ percent: number, muted: boolean }} StripSetting */

/** One input with its own volume. */
class Strip {
  /** @type {Map<MediaStreamTrack, MediaStreamAudioSourceNode>} */
  sources = new Map();
  muted = false;
  #context;
  #gain;
  #probe;

  /** @param {AudioContext} context @param {AudioNode} output */
  constructor(context, output) {
    this.#context = context;
    this.#gain = context.createGain();
    this.#probe = new Probe(context, this.#gain);
    this.#gain.connect(output);
  }

  /** @returns {AudioNode} */
  get input() {
    return this.#gain;
  }

  /** @param {StripSetting} setting */
  set({ percent, muted }) {
    this.muted = muted;
    this.#gain.gain.setTargetAtTime(muted ? 0 : gainOf(percent), this.#context.currentTime, SMOOTH_SECONDS);
  }

  get peak() {
    return this.#probe.peak;
  }
}

/** Hears what a node gives. */
class Probe {
  #analyser;
  #samples;

  /** @param {AudioContext} context @param {AudioNode} node */
  constructor(context, node) {
    this.#analyser = context.createAnalyser();
    this.#samples = new Float32Array(this.#analyser.fftSize);
    node.connect(this.#analyser);
  }

  /** The loudest sample of the last instant; 1 is full scale. */
  get peak() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return this.#samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
  }
}

/**
 * A recorder hands nothing over until all of its tracks produce data, and stalls when one stops.
 * So it never gets a real audio track, which may be silent, missing or unplugged, but this
 * mixer's output, in which a constant zero runs for ever.
 */
export class AudioMixer {
  #context = new AudioContext({ sampleRate: SAMPLE_RATE });
  #output = this.#context.createMediaStreamDestination();
  #inputs = this.#context.createGain();
  #probe = new Probe(this.#context, this.#inputs);
  #strips = { voice: new Strip(this.#context, this.#inputs), sound: new Strip(this.#context, this.#inputs) };
  #toned = false;

  constructor() {
    this.#output.channelCount = 2;
    this.#inputs.connect(this.#output);
    const silence = this.#context.createConstantSource();
    silence.offset.value = 0;
    silence.connect(this.#output);
    silence.start();
  }

  /** @returns {MediaStreamTrack} */
  get track() {
    return /** @type {MediaStreamTrack} */ (this.#output.stream.getAudioTracks()[0]);
  }

  /** @param {MediaStreamTrack} track @param {StripName} name */
  add(track, name) {
    const source = this.#context.createMediaStreamSource(new MediaStream([track]));
    source.connect(this.#strips[name].input);
    this.#strips[name].sources.set(track, source);
  }

  /** @param {MediaStreamTrack} track */
  remove(track) {
    for (const { sources } of Object.values(this.#strips)) {
      sources.get(track)?.disconnect();
      sources.delete(track);
    }
  }

  /** A short tone, now, in the strip of sound. */
  pip() {
    this.#toned = true;
    const { currentTime } = this.#context;
    const tone = this.#context.createOscillator();
    const loudness = this.#context.createGain();
    tone.frequency.value = PIP_HERTZ;
    loudness.gain.setValueAtTime(PIP_PEAK, currentTime);
    loudness.gain.setTargetAtTime(0, currentTime + PIP_SECONDS, SMOOTH_SECONDS);
    tone.connect(loudness).connect(this.#strips.sound.input);
    tone.start();
    tone.stop(currentTime + 2 * PIP_SECONDS);
  }

  /** Whether anything comes in there. @param {StripName} name */
  has(name) {
    return this.#strips[name].sources.size > 0 || (name === "sound" && this.#toned);
  }

  /** @param {StripName} name @param {StripSetting} setting */
  set(name, setting) {
    this.#strips[name].set(setting);
  }

  /** Whether that one is. @param {StripName} name */
  muted(name) {
    return this.#strips[name].muted;
  }

  /** What one of them adds, after its gain; 1 is full scale. @param {StripName} name */
  peakOf(name) {
    return this.#strips[name].peak;
  }

  /** All of it. @param {boolean} muted */
  mute(muted) {
    this.#inputs.gain.value = muted ? 0 : 1;
  }

  /** The loudest sample of all of it; what is over 1 is cut off. */
  get peak() {
    return this.#probe.peak;
  }

  /** The loudest sample of the last instant, from 0 to 1. */
  get level() {
    return Math.min(1, this.peak);
  }

  /** Nothing is measured yet: nobody has touched the page. */
  get asleep() {
    return this.#context.state === "suspended";
  }

  /** A page that nobody has touched may not make sound; the click on "Go live" allows it. */
  async resume() {
    const waited = new Promise((done) => setTimeout(done, RESUME_TIMEOUT_MS));
    await Promise.race([this.#context.resume(), waited]);
  }

  close() {
    this.#context.close().catch(() => {}); // closed already
  }
}
