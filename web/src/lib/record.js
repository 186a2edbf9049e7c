// What a broadcast was, once it is over: how long, how many watched, what went wrong, and whether anything was lost.
import { clock } from "./format.js";

/** @typedef {{ since: string, seconds: number, what: "publisher" | "encoder" }} Interruption */

/**
 * What the server knows of one.
 * @typedef {object} ServerRecord
 * @property {import("./types.js").Broadcast} broadcast
 * @property {boolean} complete its publisher said that this was all, and all of it stands in the playlist
 * @property {number} given_up_bytes
 * @property {Interruption[]} interruptions
 */

/** What this page knows. `kept`: until it was safe; false: it went as it came. @typedef {{ recordedSeconds: number, lostSeconds: number, kept?: boolean }} Own */

/** @typedef {{ name: string, words: string, id: string }} Figure */
/** @typedef {{ light: "good" | "care", sentence: string, figures: Figure[] }} Told */

/** So many seconds may be between what a recorder and a playlist count: a picture or two for each recorder. */
const ROUNDED = 0.5;

/** @param {ServerRecord[]} records of one broadcast, or of those that followed each other @param {Own} own @returns {Told} */
export function tell(records, { recordedSeconds, lostSeconds, kept = true }) {
  const listed = sum(records.map(({ broadcast }) => broadcast.media_time));
  const peaks = records.map(({ broadcast }) => broadcast.viewers_peak).filter((peak) => peak !== null);
  const given = records.some(({ given_up_bytes }) => given_up_bytes > 0);
  const lost = lostSeconds >= ROUNDED || given;
  const broken = records.flatMap(({ interruptions }) => interruptions);
  return {
    light: lost ? "care" : "good",
    sentence: lost ? lossSentence(lostSeconds) : !kept ? "All that arrived stands in the playlist. By WebRTC, what the network lost on the way is lost." : `Nothing was lost: all ${clock(recordedSeconds)} that were recorded stand in the playlist.`,
    figures: [
      { id: "length", name: "Length", words: clock(listed) },
      ...(peaks.length > 0 ? [{ id: "peak", name: "Most viewers at once", words: String(Math.max(...peaks)) }] : []),
      { id: "interruptions", name: "Interruptions", words: interruptionWords(broken) },
      ...(kept || lost ? [{ id: "lost", name: "Lost", words: lost ? (lostSeconds >= ROUNDED ? clock(Math.ceil(lostSeconds)) : "Some") : "Nothing" }] : []),
    ],
  };
}

/** @param {number} seconds */
function lossSentence(seconds) {
  if (seconds < ROUNDED) return "Some of it was more than the server could keep, and is lost.";
  return `${Math.max(1, Math.round(seconds))} s could not be delivered and are lost.`;
}

/** @param {Interruption[]} interruptions */
export function interruptionWords(interruptions) {
  if (interruptions.length === 0) return "None";
  const seconds = Math.max(1, Math.round(sum(interruptions.map((one) => one.seconds))));
  const long = seconds < 60 ? `${seconds} s` : `${clock(seconds)} min`;
  return interruptions.length === 1 ? `1 (${long})` : `${interruptions.length} (${long} in all)`;
}

/** @param {number[]} values */
function sum(values) {
  return values.reduce((all, value) => all + value, 0);
}
