// What turns a playlist into a picture: hls.js where the browser has Media Source, or the
// browser itself where it has not (older iPhones). Both show the same face to the player.
import { Address } from "./address.js";
import { nativeEngine, playsHls } from "./engine-native.js";
import { hlsEngine } from "./engine-hls.js";

/** @typedef {import("./address.js").Guard} Guard */
/** @typedef {import("./recovery.js").Failure} Failure */
/** @typedef {{ value: string, label: string }} Choice */
/** Positions in seconds. @typedef {{ start: number, end: number }} Span */
/** Small pictures of other moments. @typedef {{ grab: (date: number) => Promise<ImageBitmap | null>, destroy: () => void }} Pictures */

/**
 * @typedef {object} Engine
 * @property {() => Choice[]} qualities highest first, without "auto"
 * @property {(value: string) => void} choose "auto" or one of the qualities
 * @property {() => string} automatic what "auto" has chosen now, as a label
 * @property {() => number | null} liveEdge the position at which one watches live; null: it is over, or not known yet
 * @property {() => number | null} behind seconds from what is shown to the newest that is listed
 * @property {() => Span | null} window where one can go to
 * @property {(seconds: number) => void} keepBehind how far behind the newest one watches live
 * @property {() => number} segment seconds that a segment takes at most; 0: not known
 * @property {(position: number) => number | null} dateAt what was there when, in milliseconds since 1970
 * @property {() => Pictures | null} pictures
 * @property {() => string} address of the playlist, for another device; "" when that may not watch
 * @property {() => void} resume load again after a failure of the network
 * @property {() => void} recover start the decoder again
 * @property {() => void} destroy
 */

/** @typedef {{ onqualities: () => void, onfailure: (failure: Failure) => void }} EngineEvents */

/**
 * @callback CreateEngine
 * @param {HTMLVideoElement} video
 * @param {string} url
 * @param {EngineEvents} events
 * @returns {Promise<Engine>} which fails with `Unsupported` where nothing can play HLS
 */

/** This browser has no way to play HLS. */
export class Unsupported extends Error {}

/** The library did not come, or there is nothing that plays. @param {unknown} error @returns {Failure} */
export function failureOf(error) {
  return error instanceof Unsupported ? "unsupported" : "network";
}

const hasMediaSource = () => "MediaSource" in globalThis || "ManagedMediaSource" in globalThis;

/** @type {Promise<typeof import("hls.js")> | null} */
let library = null;

/** Begins to load what will be needed to play: to be called before it is known what. */
export function warm() {
  if (!hasMediaSource()) return null;
  library ??= import("/assets/vendor/hls.mjs").catch((error) => {
    library = null; // the next one tries again
    throw error;
  });
  return library;
}

/** The library with everything in it: for sound that has a playlist of its own. */
const whole = async () => (await import("/assets/vendor/hls-whole.mjs")).default;

/**
 * @param {HTMLVideoElement} video
 * @param {string} url
 * @param {EngineEvents} events
 * @param {Guard | null} [guard] null: the channel is public
 * @returns {Promise<Engine>}
 */
export async function createEngine(video, url, events, guard = null) {
  const address = new Address(url, guard);
  const { default: Hls } = (await warm()) ?? { default: null };
  if (Hls?.isSupported()) return hlsEngine(Hls, video, address, events, whole);
  if (!playsHls(video)) throw new Unsupported("neither Media Source nor a player for HLS");
  return nativeEngine(video, await address.bare(), events);
}

/**
 * By WebRTC, whose module comes only where it is offered.
 * @param {import("./direct.js").What} what
 * @param {Guard | null} guard
 * @returns {Promise<import("./direct.js").DirectEngine>}
 */
export async function createDirect({ whep, hls, broadcast }, guard) {
  const { whepEngine } = await import("./engine-whep.js");
  return whepEngine({ path: whep, token: guard?.token ?? "", address: new Address(hls, guard).portable, broadcast });
}
