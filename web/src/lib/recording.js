// How the browser's recorder is set up.

/**
 * In the order of what they cost. H.264 takes the least of the browser's processor and of the
 * server's; VP8 takes the most. MP4 comes last because its recorder hands nothing over between
 * keyframes; it is there for Safari before WebM.
 */
const VIDEO_TYPES = [
  "video/x-matroska;codecs=avc1,opus",
  "video/webm;codecs=h264,opus",
  "video/webm;codecs=vp9,opus",
  "video/webm;codecs=vp8,opus",
  "video/webm",
  "video/mp4;codecs=avc1.42E01E,opus",
  "video/mp4",
];

const AUDIO_TYPES = ["audio/webm;codecs=opus", "audio/webm", "audio/mp4;codecs=opus", "audio/mp4"];

export const TIMESLICE_MS = 250;
const KEYFRAME_INTERVAL_MS = 2000;
const AUDIO_BITRATE = 128_000;

/**
 * The first type that this browser records, or null when it records none that we know.
 * @param {boolean} hasVideo
 * @param {(type: string) => boolean} isTypeSupported
 */
export function chooseType(hasVideo, isTypeSupported) {
  const types = hasVideo ? VIDEO_TYPES : AUDIO_TYPES;
  return types.find((type) => isTypeSupported(type)) ?? null;
}

/**
 * The keyframe interval goes by time alone: naming a count as well makes the recorder throw.
 * @param {string} mimeType
 * @param {number} videoBitrate
 * @returns {MediaRecorderOptions & { videoKeyFrameIntervalDuration: number }}
 */
export function recorderOptions(mimeType, videoBitrate) {
  return {
    mimeType,
    videoBitsPerSecond: videoBitrate,
    audioBitsPerSecond: AUDIO_BITRATE,
    videoKeyFrameIntervalDuration: KEYFRAME_INTERVAL_MS,
  };
}

/** @type {Record<string, string>} */
const CODEC_NAMES = { avc1: "H.264", avc3: "H.264", h264: "H.264", vp8: "VP8", vp9: "VP9", av1: "AV1", av01: "AV1", vp09: "VP9", opus: "Opus", mp4a: "AAC" };

/** `H.264 + Opus` for `video/x-matroska;codecs=avc1,opus`. @param {string} mimeType */
export function codecWords(mimeType) {
  const list = /codecs="?([^";]+)/.exec(mimeType)?.[1] ?? "";
  const names = list.split(",").map((codec) => codecName(codec.trim()));
  return names.filter(Boolean).join(" + ") || mimeType;
}

/** @param {string} codec */
export function codecName(codec) {
  const family = codec.toLowerCase().split(".")[0] ?? "";
  return CODEC_NAMES[family] ?? codec;
}

/** @typedef {{ height: number, bitrate: number }} Quality */

/** @type {Record<string, Quality>} */
export const QUALITIES = {
  high: { height: 1080, bitrate: 5_000_000 },
  standard: { height: 720, bitrate: 2_500_000 },
  saver: { height: 480, bitrate: 1_000_000 },
};

/** @param {string} name */
export function qualityOf(name) {
  return QUALITIES[name] ?? /** @type {Quality} */ (QUALITIES.standard);
}
