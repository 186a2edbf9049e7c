// What it means when the server, or the network, ends the publisher's connection.
import { GAP_CODE, GARBLED_CODE, SILENT_CODE, UNREADABLE_CODE } from "./connection.js";

/** @typedef {import("./connection.js").Closing} Closing */

/**
 * What follows: try again; try again, but leave the server in peace for longer; wait for another
 * permission, since this one is good no more; begin a new broadcast, since the old one is over; it
 * is well over; fail.
 * @typedef {"retry" | "wait" | "permit" | "afresh" | "done" | "fail"} Action
 */

/**
 * @typedef {object} Verdict
 * @property {string} code a short name for the page and for tests
 * @property {string} message a sentence for the person
 * @property {Action} action
 */

/** @type {Record<number, Verdict>} */
const VERDICTS = {
  1001: verdict("restarting", "retry", "The server is going away for a moment."),
  1006: verdict("connection_lost", "retry", "Connection lost."),
  1011: verdict("server_error", "retry", "Something went wrong on the server."),
  1012: verdict("restarting", "retry", "The server is restarting."),
  1013: verdict("server_full", "wait", "The server is full at the moment."),
  4400: verdict("malformed", "fail", "The server could not read what this browser sent."),
  4404: verdict("no_such_channel", "fail", "The server does not know this channel."),
  4408: verdict("nothing_received", "retry", "The server received nothing for too long."),
  4413: verdict("too_large", "fail", "A piece of the recording was larger than the server takes."),
  4415: verdict("codec_refused", "fail", "The server does not take the format that this browser records."),
  4429: verdict("too_many_attempts", "fail", "Too many attempts."),
  [SILENT_CODE]: verdict("server_silent", "retry", "The server does not answer."),
  [UNREADABLE_CODE]: verdict("unreadable", "afresh", "The browser no longer has what it was given to keep."),
  [GARBLED_CODE]: verdict("server_garbled", "wait", "The server said something that this page does not understand."),
};

const REFUSED = verdict("not_authenticated", "fail", "The stream key or the token is wrong.");
const FORBIDDEN = verdict("not_allowed", "fail", "This token does not allow you to broadcast on this channel.");
const EXPIRED = verdict("token_expired", "fail", "The token has expired: open a new broadcast link.");
/** While something is kept: it can still be delivered, by another key or token. */
const LAPSED = verdict("token_expired", "permit", "The token has expired.");
const REVOKED = verdict("revoked", "permit", "This key or token is not valid any more.");
const UNKNOWN = verdict("connection_lost", "retry", "Connection lost.");
const FAILED = verdict("broadcast_failed", "fail", "The server had to end the broadcast.");
const BUSY = verdict("channel_busy", "fail", "This channel is already live from somewhere else.");
const GHOST = verdict("channel_busy", "retry", "The server still holds an earlier connection of this page.");
const TAKEN = verdict("taken_over", "fail", "Another publisher took over this channel.");
const OVER = verdict("broadcast_over", "afresh", "The server had given up waiting and ended the broadcast.");
const GAP = verdict("gap", "afresh", "The server asks for a part of the recording that this page no longer has.");
const DONE = verdict("ended", "done", "");

/** @param {string} code @param {Action} action @param {string} message @returns {Verdict} */
function verdict(code, action, message) {
  return { code, message, action };
}

/**
 * @param {Closing} closing
 * @param {{ finished: boolean, ghost: boolean, kept: boolean }} circumstances
 *   `finished`: the recording is complete, and nothing of it is left that is not safe;
 *   `ghost`: an earlier connection of ours has just asked for the same broadcast, and was lost
 *   before it was answered; `kept`: something is recorded that waits to be delivered
 * @returns {Verdict}
 */
export function judge(closing, circumstances) {
  return withReason(kindOf(closing, circumstances), closing);
}

/** @param {Closing} closing @param {{ finished: boolean, ghost: boolean, kept: boolean }} circumstances @returns {Verdict} */
function kindOf({ code, reason, error, hello, ready, verdict: clear }, { finished, ghost, kept }) {
  if (clear !== undefined) return clear;
  const resuming = ready || hello === "resume";
  if (code === 4401 || code === 4403) return refusal(code, /expired/i.test(`${error?.code} ${reason}`), resuming || kept);
  if (code === 4404 && resuming) return finished ? DONE : OVER;
  if (code === 4409 && resuming) return TAKEN;
  if (code === 4409) return ghost ? GHOST : BUSY;
  if (code === GAP_CODE) return GAP;
  if (code === 1011 && ready && error !== null) return FAILED;
  const known = VERDICTS[code] ?? UNKNOWN;
  if (code === 4429 && (resuming || kept)) return { ...known, action: "wait" };
  return known;
}

/** @param {4401 | 4403} code @param {boolean} expired @param {boolean} before it was taken before, or is asked to go on @returns {Verdict} */
function refusal(code, expired, before) {
  if (before) return expired ? LAPSED : REVOKED;
  if (code === 4401) return expired ? EXPIRED : REFUSED;
  return FORBIDDEN;
}

/** The server's own sentence may say more than ours. @param {Verdict} known @param {Closing} closing @returns {Verdict} */
function withReason(known, { code, reason, error }) {
  const said = (error?.message ?? reason).trim().replace(/\.$/, "");
  if (code === 1013 || code === 4429) return { ...known, message: `${known.message}${quoted(said)}${when(said, error)}` };
  if (known.action !== "fail" || known === TAKEN || known === BUSY || said === "" || (code < 4400 && known !== FAILED)) return known;
  return { ...known, message: `${known.message} The server says: “${said}”.` };
}

/** @param {string} said */
function quoted(said) {
  return said === "" ? "" : ` It says: “${said}”.`;
}

/** When it may be asked again, unless it says so itself. @param {string} said @param {Closing["error"]} error */
function when(said, error) {
  const seconds = error?.retryAfter ?? 0;
  return seconds === 0 || said.includes(` ${seconds} s`) ? "" : ` It may be asked again in ${seconds} s.`;
}
