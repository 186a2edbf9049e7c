// What a channel's page says of broadcasts that are over, and of a channel that is closed.
import { clock } from "./format.js";

/** @typedef {import("./types.js").Broadcast} Broadcast */

/** When it was, how long, and how many watched. @param {Broadcast} broadcast @param {string} [locale] @param {string} [timeZone] */
export function broadcastFacts({ started_at, media_time, viewers_peak }, locale, timeZone) {
  const when = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit", timeZone });
  const most = viewers_peak ? `${viewers_peak} ${viewers_peak === 1 ? "viewer" : "viewers"} at most` : "";
  return [when.format(Date.parse(started_at)), clock(media_time), most].filter(Boolean).join(" · ");
}

/** @param {boolean} known whether the person is signed in */
export function privateWords(known) {
  const words = known ? "It is for those who may broadcast here, and for who has a link." : "Whoever has a link can watch it. If you broadcast here, sign in.";
  return { title: "This channel is private", words, action: "I have a link" };
}
