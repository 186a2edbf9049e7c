// What it means when the server, or the network, closes the publisher's socket.

/**
 * @typedef {object} Verdict
 * @property {string} code a short name for the page and for tests
 * @property {string} message a sentence for the person
 * @property {"retry" | "fail" | "end"} action
 */

/** The code by which a publisher says that its recording is complete. */
export const STOP_CODE = 4000;

/** @type {Record<number, Verdict>} */
const VERDICTS = {
  1000: verdict("server_ended", "end", "The server ended the broadcast."),
  1001: verdict("restarting", "retry", "The server is going away for a moment."),
  1006: verdict("connection_lost", "retry", "The connection is lost."),
  1011: verdict("server_error", "retry", "Something went wrong on the server."),
  1012: verdict("restarting", "retry", "The server is restarting."),
  1013: verdict("server_full", "retry", "The server is full at the moment."),
  4400: verdict("malformed", "fail", "The server could not read what this browser sent."),
  4403: verdict("not_allowed", "fail", "This token does not allow you to broadcast on this channel."),
  4408: verdict("nothing_received", "retry", "The server received nothing for too long."),
  4409: verdict("channel_busy", "fail", "This channel is already live from somewhere else."),
  4413: verdict("too_large", "fail", "A piece of the recording was larger than the server takes."),
  4415: verdict("codec_refused", "fail", "The server does not take the format that this browser records."),
  4429: verdict("too_many_attempts", "fail", "Too many attempts. Wait a minute, then try again."),
};

const REFUSED = verdict("not_authenticated", "fail", "The stream key or the token is wrong.");
const EXPIRED = verdict("token_expired", "fail", "The token has expired: open a new broadcast link.");
const UNKNOWN = verdict("connection_lost", "retry", "The connection was closed unexpectedly.");

/** @param {string} code @param {Verdict["action"]} action @param {string} message @returns {Verdict} */
function verdict(code, action, message) {
  return { code, message, action };
}

// As long as the server holds an interrupted broadcast open for us.
const RESUME_WINDOW_MS = 60_000;

/**
 * @param {number} closeCode
 * @param {string} reason the server's own sentence, which may say more than ours
 * @param {{ sent: boolean, lostFor: number | null }} circumstances
 *   `sent`: something was sent on this socket;
 *   `lostFor`: milliseconds since an earlier socket was lost, null when none was
 * @returns {Verdict}
 */
export function judge(closeCode, reason, { sent, lostFor }) {
  const known = withReason(closeCode === 4401 ? unauthenticated(reason) : (VERDICTS[closeCode] ?? UNKNOWN), closeCode, reason);
  // Our own connection from before the loss may still look alive to the server.
  if (closeCode === 4409 && !sent && lostFor !== null && lostFor < RESUME_WINDOW_MS) {
    return { ...known, action: "retry" };
  }
  // Nothing ever came out of the recorder: another try would end the same way.
  if (closeCode === 4408 && !sent) return { ...known, action: "fail" };
  return known;
}

/** @param {string} reason */
function unauthenticated(reason) {
  return /expired/i.test(reason) ? EXPIRED : REFUSED;
}

/** @param {Verdict} known @param {number} closeCode @param {string} reason @returns {Verdict} */
function withReason(known, closeCode, reason) {
  const said = reason.trim().replace(/\.$/, "");
  if (closeCode < 4400 || said === "") return known;
  return { ...known, message: `${known.message} The server says: “${said}”.` };
}
