// The sound of a broadcast: whatever there is of it, and never nothing.

const SAMPLE_RATE = 48_000; // what Opus runs at
const RESUME_TIMEOUT_MS = 1000;

/**
 * A recorder hands nothing over until all of its tracks produce data, and stalls when one stops.
 * So it never gets a real audio track, which may be silent, missing or unplugged, but this
 * mixer's output, in which a constant zero runs for ever.
 */
export class AudioMixer {
  #context = new AudioContext({ sampleRate: SAMPLE_RATE });
  #output = this.#context.createMediaStreamDestination();
  #inputs = this.#context.createGain();
  #analyser = this.#context.createAnalyser();
  #samples = new Float32Array(this.#analyser.fftSize);
  /** @type {Map<MediaStreamTrack, MediaStreamAudioSourceNode>} */
  #sources = new Map();

  constructor() {
    this.#output.channelCount = 2;
    this.#inputs.connect(this.#output);
    this.#inputs.connect(this.#analyser);
    const silence = this.#context.createConstantSource();
    silence.offset.value = 0;
    silence.connect(this.#output);
    silence.start();
  }

  /** @returns {MediaStreamTrack} */
  get track() {
    return /** @type {MediaStreamTrack} */ (this.#output.stream.getAudioTracks()[0]);
  }

  /** @param {MediaStreamTrack} track */
  add(track) {
    const source = this.#context.createMediaStreamSource(new MediaStream([track]));
    source.connect(this.#inputs);
    this.#sources.set(track, source);
  }

  /** @param {MediaStreamTrack} track */
  remove(track) {
    this.#sources.get(track)?.disconnect();
    this.#sources.delete(track);
  }

  /** @param {boolean} muted */
  mute(muted) {
    this.#inputs.gain.value = muted ? 0 : 1;
  }

  /** The loudest sample of the last instant, from 0 to 1. */
  get level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return Math.min(1, this.#samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0));
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
