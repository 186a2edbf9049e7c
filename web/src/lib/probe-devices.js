// Whether camera and microphone give anything; each is let go of at once.
import { mediaDevices, stopAll } from "./capture-devices.js";
import { PublishError } from "./publish-errors.js";
import { HEARD_PEAK } from "./verdicts.js";
import { within } from "./within.js";

const ASKED_MS = 60_000; // for the person to answer the browser
const PICTURE_MS = 8000;
const COUNT_MS = 1000;
const LISTEN_MS = 5000;
const HEARD_MS = 700; // that the level is still shown
const LOOK_MS = 40;

/** @param {MediaStreamConstraints} what @returns {Promise<MediaStream | string>} a stream, or a code of publish-errors.js */
async function open(what) {
  try {
    const asked = mediaDevices().getUserMedia(what);
    const stream = await within(asked, ASKED_MS);
    if (stream !== null) return stream;
    asked.then((late) => stopAll(late.getTracks()), () => {});
    return "unanswered";
  } catch (error) {
    return PublishError.from(error).code;
  }
}

/**
 * @param {HTMLVideoElement} video that shows it meanwhile
 * @param {() => void} keep keeps the last picture
 */
export async function tryCamera(video, keep) {
  const stream = await open({ video: true });
  if (typeof stream === "string") return { failure: stream };
  video.srcObject = stream;
  try {
    const seen = new Promise((done) => video.addEventListener("loadeddata", done, { once: true }));
    video.play().catch(() => {}); // it is seen whether it does
    if ((await within(seen, PICTURE_MS)) === null) return { width: 0 };
    const before = video.getVideoPlaybackQuality().totalVideoFrames;
    const begun = performance.now();
    await pause(COUNT_MS);
    const frames = ((video.getVideoPlaybackQuality().totalVideoFrames - before) * 1000) / (performance.now() - begun);
    return { width: video.videoWidth, height: video.videoHeight, frames };
  } finally {
    keep();
    stopAll(stream.getTracks());
    video.srcObject = null;
  }
}

/** Until something was heard, or for some seconds. @param {(peak: number) => void} note of each look, 1 is full scale */
export async function tryMicrophone(note) {
  const stream = await open({ audio: true });
  if (typeof stream === "string") return { failure: stream };
  const context = new AudioContext();
  try {
    const listener = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(listener);
    const samples = new Float32Array(listener.fftSize);
    let loudest = 0;
    let until = performance.now() + LISTEN_MS;
    while (performance.now() < until) {
      await pause(LOOK_MS);
      listener.getFloatTimeDomainData(samples);
      const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
      if (peak >= HEARD_PEAK && loudest < HEARD_PEAK) until = performance.now() + HEARD_MS;
      loudest = Math.max(loudest, peak);
      note(peak);
    }
    return { peak: loudest };
  } finally {
    note(0);
    stopAll(stream.getTracks());
    await context.close();
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
