// Before going live: what is ready, and what had better be seen to. Nothing of it forbids to go live.
import { rate } from "./measure.js";

/** @typedef {import("./health.js").Light} Light */
/** @typedef {import("../pages/broadcast-preview.js").Kind} Kind */
/** @typedef {{ id: "picture" | "sound" | "upload" | "room", title: string, light: Light, words: string }} Check */

/** What the server says of a broadcast now: `live`: somebody broadcasts there. @typedef {{ ready: boolean, live: boolean, reasons: string[] }} Room */

/** A measurement: under way, without a result, or its result in bits per second. @typedef {"measuring" | "unknown" | number} Measured */

/**
 * @typedef {object} Facts
 * @property {Kind} kind
 * @property {boolean} open the source is
 * @property {boolean} [loaded] a file is, which opens when it goes live
 * @property {boolean} picture it has one
 * @property {boolean} sound it has some
 * @property {boolean} [voice] a microphone is among it; not given: where one belongs to it
 * @property {boolean} muted
 * @property {boolean} asleep the browser does not let the page listen before it was touched
 * @property {boolean} heard lately
 * @property {number} silentSeconds since it was open, or heard
 * @property {Measured} upload
 * @property {import("./presets.js").Quality} quality
 * @property {boolean} fits the quality was chosen by the upload
 * @property {Room | "unknown" | null} room unknown: it cannot be asked; null: the server has not said
 */

/** @type {Record<Kind, string>} */
const TITLES = { camera: "Camera", screen: "Screen", file: "File", test: "Test picture" };
/** People take a breath. */
const PATIENCE_SECONDS = 6;
/** Of the upload, so much should be left. */
const HEADROOM = 1.3;

/** @param {Facts} facts @returns {Check[]} */
export function checklist(facts) {
  return [picture(facts), sound(facts), upload(facts), room(facts)];
}

/** @param {Facts} facts @returns {Check} */
function picture({ kind, open, loaded = false, picture: shown }) {
  const check = { id: /** @type {const} */ ("picture"), title: TITLES[kind] };
  if (!open && loaded) return { ...check, light: "good", words: "Chosen, see above" };
  if (!open) return { ...check, light: "off", words: kind === "file" ? "Choose one" : "Comes on when you go live" };
  if (!shown) return { ...check, light: "care", words: "Sound only" };
  return { ...check, light: "good", words: kind === "test" ? "On" : "On, see above" };
}

/** @param {Facts} facts @returns {Check} */
function sound({ kind, open, sound: there, voice, muted, asleep, heard, silentSeconds }) {
  const expected = kind === "camera" || kind === "screen";
  const speaks = open && there && voice !== undefined ? voice : expected;
  const check = { id: /** @type {const} */ ("sound"), title: speaks ? "Microphone" : "Sound" };
  if (!open) return { ...check, light: "off", words: "Comes with the picture" };
  if (!there) return { ...check, light: "care", words: "None: nobody hears you" };
  if (muted) return { ...check, light: "care", words: "Muted" };
  if (asleep) return { ...check, light: "wait", words: "Press anywhere to test it" };
  if (heard) return { ...check, light: "good", words: speaks ? "You are heard" : "On" };
  if (!speaks) return { ...check, light: "wait", words: "Silent so far" };
  return silentSeconds < PATIENCE_SECONDS ? { ...check, light: "wait", words: "Say something" } : { ...check, light: "care", words: "Nothing heard yet" };
}

/** @param {Facts} facts @returns {Check} */
function upload({ upload: measured, quality, fits }) {
  const check = { id: /** @type {const} */ ("upload"), title: "Upload" };
  if (measured === "measuring") return { ...check, light: "wait", words: "Measuring…" };
  if (measured === "unknown") return { ...check, light: "off", words: "Not measured" };
  const enough = measured >= quality.bitrate * HEADROOM;
  const size = `${quality.height}p`;
  if (enough) return { ...check, light: "good", words: `${rate(measured)}, enough for ${size}` };
  return { ...check, light: "care", words: fits ? `${rate(measured)}, hardly enough` : `${rate(measured)}, little for ${size}` };
}

/** @param {Facts} facts @returns {Check} */
function room({ room: found }) {
  const check = { id: /** @type {const} */ ("room"), title: "Server" };
  if (found === "unknown") return { ...check, light: "off", words: "Not asked: the link names no channel" };
  if (found === null) return { ...check, light: "wait", words: "Asking…" };
  if (found.live) return { ...check, light: "care", words: "Somebody is live on this channel" };
  if (!found.ready) return { ...check, light: "bad", words: found.reasons[0] ?? "Takes no broadcast now" };
  return { ...check, light: "good", words: "Has room for you" };
}

/** All in one sentence, for people who do not see it. @param {Check[]} checks */
export function summary(checks) {
  const wrong = checks.filter(({ light }) => light === "care" || light === "bad");
  if (wrong.length > 0) return wrong.map(({ title, words }) => `${title}: ${words}.`).join(" ");
  return checks.every(({ light }) => light === "good") ? "Everything is ready." : "";
}
