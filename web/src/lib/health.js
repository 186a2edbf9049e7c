// How the broadcast is, at a glance: one light and one sentence. Of several things that hold, the one that counts most.
import { MOST_SECONDS } from "./backlog.js";
import { bitrate as rate } from "./format.js";
import { LOWEST_BITRATE } from "./presets.js";
import { awayWords, restWords } from "./situation.js";

/** @typedef {import("./publisher.js").PublisherState} PublisherState */
/** @typedef {import("./types.js").Status} Status */

/** Off: nothing is on. Wait: it comes. Good. Care: viewers see it all the same. Bad: they do not. @typedef {"off" | "wait" | "good" | "care" | "bad"} Light */
/** `said`: the same without figures that change, since it is read out whenever it is another one. @typedef {{ light: Light, words: string, said: string }} Health */

/**
 * @typedef {object} Figures
 * @property {boolean} connected
 * @property {number} unsafeSeconds recorded, and not in the playlist
 * @property {number} retrySeconds until the next try
 * @property {boolean} renewing
 * @property {boolean} overdue
 * @property {boolean} resumed
 * @property {boolean} slow the upload does not keep up
 * @property {boolean} lowered
 * @property {number} bitrate
 * @property {number} wantedBitrate
 * @property {import("./whip.js").Network | null} [network] null: not by WebRTC
 */

/**
 * @typedef {object} Situation
 * @property {PublisherState} state
 * @property {string} message of the publisher
 * @property {Status | null} status what the server says; null while there is no connection
 * @property {Figures} statistics
 * @property {number | null} behind seconds that viewers are behind (see `Distance`); null: not known yet
 * @property {boolean} [growing] what waits on the server becomes more (see `LastMinutes`)
 * @property {boolean} [counting] down to going live
 */

/** Of what the server has not received, as much is usual: a piece that is recorded, and one that is on its way. */
const USUAL_SECONDS = 4;
const LONG_SECONDS = 10;
/** From here on people should know that the recording will not wait for ever. */
const LAST_SECONDS = 120;
const SLOW_SPEED = 0.95;
const SLOW_LATENCY = 6;

/** @param {Situation} situation @returns {Health} */
export function health(situation) {
  return SENTENCES[situation.state](situation);
}

/** @type {Record<PublisherState, (situation: Situation) => Health>} */
const SENTENCES = {
  idle: () => say("off", "Ready when you are."),
  preparing: ({ counting }) => say("wait", counting ? "You go live in a moment." : "Opening the source…"),
  connecting: ({ message, statistics }) => (message === "" ? say("wait", "Connecting to the server…") : say("care", `${message} Trying again…`, nextTry(statistics))),
  live: (situation) => firstOf(LIVE, situation) ?? well(situation),
  reconnecting: ({ message, statistics }) => say("bad", `${message} ${awayWords(statistics)}`, `${waiting(statistics.unsafeSeconds)} ${nextTry(statistics)}`),
  stopping: (situation) => (situation.statistics.connected ? finishing(situation) : stranded(situation)),
  ended: ({ message }) => say("off", message),
  failed: () => say("bad", "Not live."),
};

/** While live, the first of these that has something to say. @type {((situation: Situation) => Health | null)[]} */
const LIVE = [hiccup, beginning, blocked, tooSlow, fallingBehind, leftOut, slowEncoder, catchingUp];

/** @param {((situation: Situation) => Health | null)[]} rules @param {Situation} situation */
function firstOf(rules, situation) {
  for (const rule of rules) {
    const found = rule(situation);
    if (found !== null) return found;
  }
  return null;
}

/** Of a broadcast that viewers see already, the server knows best what has happened to it. @param {Situation} situation */
function hiccup({ status }) {
  if (status === null) return null;
  const { state, media_time, message } = status;
  if (state === "starting") return media_time > 0 && message !== "" ? say("care", message) : null;
  if (state !== "stalled" && state !== "backing_off") return null;
  return say("care", (media_time > 0 && message) || "The server has a hiccup and starts its encoder again. Recording goes on; nothing is lost.");
}

/** @param {Situation} situation */
function beginning({ status, statistics }) {
  if (status !== null && status.state !== "starting") return null;
  if (statistics.resumed) return say("wait", "Connected again. What waited here is on its way to the viewers…");
  return say("wait", "Connected. The first seconds are on their way; nobody sees you yet.");
}

/** @param {Situation} situation @returns {Health | null} */
function tooSlow(situation) {
  const { slow, lowered, bitrate, wantedBitrate } = situation.statistics;
  if (!slow) return null;
  const least = bitrate <= LOWEST_BITRATE;
  const words = `Your upload is too slow ${least ? "even for the lowest quality" : `for ${rate(wantedBitrate)}`}`;
  const now = lowered && !least ? `For now it is sent at ${rate(bitrate)}.` : "";
  return { light: "care", words: join(`${words}: ${pending(here(situation))}, nothing is lost.`, now), said: join(`${words}. Nothing is lost.`, now) };
}

/** Before it is called too slow: it may be a moment of bad reception. @param {Situation} situation @returns {Health | null} */
function fallingBehind(situation) {
  const seconds = here(situation);
  if (seconds <= USUAL_SECONDS) return null;
  return { light: "care", words: `Your upload falls behind: ${pending(seconds)}, nothing is lost.`, said: "Your upload falls behind. Nothing is lost." };
}

/** @param {Situation} situation */
function leftOut({ status, behind }) {
  const dropped = status?.dropped ?? [];
  if (dropped.length === 0) return null;
  return say("care", `Live without ${dropped.join(" and ")}: the server is short of processor time.`, distance(behind));
}

/** So far behind, it stops reading what we send: that looks like a slow upload, and is none. @param {Situation} situation */
function blocked(situation) {
  return slower(situation, LONG_SECONDS);
}

/** @param {Situation} situation */
function slowEncoder(situation) {
  return slower(situation, SLOW_LATENCY);
}

/**
 * The encoder's speed is that since it began: after a pause it is low for long. So what waits must grow as well.
 * @param {Situation} situation @param {number} latency seconds that wait on the server
 */
function slower({ status, behind, growing }, latency) {
  const slow = growing && typeof status?.speed === "number" && status.speed < SLOW_SPEED && (status.latency ?? 0) > latency;
  return slow ? say("care", "Live, but the server’s encoder is slower than real time. Nothing is lost.", distance(behind)) : null;
}

/** @param {Situation} situation */
function catchingUp({ statistics, behind }) {
  if (statistics.unsafeSeconds <= LONG_SECONDS) return null;
  return say("care", "Live, and the server is catching up. Nothing is lost.", distance(behind));
}

/** @param {Situation} situation @returns {Health} */
function well({ status, statistics, behind }) {
  const lowered = statistics.lowered ? `Sent at ${rate(statistics.bitrate)}, as your upload carries no more.` : "";
  const alone = status?.viewers === 0;
  const first = alone ? "Live. Nobody is watching at the moment." : "Live.";
  return { light: "good", words: join(join(first, alone ? "" : distance(behind)), lowered), said: join("You are live.", lowered) };
}

/** @param {Situation} situation */
function finishing({ message, statistics }) {
  const seconds = statistics.unsafeSeconds < 0.5 ? "" : `The last ${whole(statistics.unsafeSeconds)} s are on their way to the viewers.`;
  return say("wait", join("Finishing…", message), seconds);
}

/** @param {Situation} situation */
function stranded({ message, statistics }) {
  return say("bad", `${message} ${restWords(statistics)} Keep this page open.`, `${waiting(statistics.unsafeSeconds)} ${nextTry(statistics)}`);
}

/** @param {Light} light @param {string} words @param {string} [figures] @returns {Health} */
function say(light, words, figures = "") {
  return { light, words: join(words, figures), said: words };
}

/** @param {string} words @param {string} more */
function join(words, more) {
  return `${words} ${more}`.trim();
}

/** Seconds that the server has not received. @param {Situation} situation */
function here({ status, statistics }) {
  return statistics.unsafeSeconds - (status?.latency ?? 0);
}

/** @param {number} seconds */
function pending(seconds) {
  const left = MOST_SECONDS - seconds;
  const last = left < LAST_SECONDS ? `, and there is room for ${whole(left)} s more` : "";
  return `${whole(seconds)} s are waiting here${last}`;
}

/** @param {number} seconds */
function waiting(seconds) {
  return seconds < 0.5 ? "" : `${pending(seconds)}.`;
}

/** @param {number | null} behind */
function distance(behind) {
  return behind === null ? "" : `Viewers are ${behind < 9.95 ? behind.toFixed(1) : Math.round(behind)} s behind.`;
}

/** @param {Figures} statistics */
function nextTry({ retrySeconds }) {
  return retrySeconds >= 1 ? `Next try in ${whole(retrySeconds)} s.` : "";
}

/** @param {number} seconds */
function whole(seconds) {
  return Math.max(1, Math.ceil(seconds));
}
