// What the viewer sees of a player.
import { isOver, isTroubled } from "./words.js";

/** @typedef {import("./types.js").Broadcast} Broadcast */
/** @typedef {"offline" | "loading" | "playing" | "interrupted" | "ended" | "error"} PlayerState */

const OVER_MS = 8000; // the broadcast is over and the picture stands: that was it

/**
 * What the viewer sees, from what is known. Pure, so that every case can be tested.
 * @param {object} facts
 * @param {Broadcast | null} facts.broadcast the newest of the channel
 * @param {boolean} facts.attached a playlist is loaded
 * @param {boolean} facts.moving
 * @param {boolean} facts.finished the playlist was played to its end
 * @param {boolean} facts.failed given up
 * @param {number} facts.standingMs how long it has not moved
 * @returns {PlayerState}
 */
export function derive({ broadcast, attached, moving, finished, failed, standingMs }) {
  if (failed) return "error";
  if (!attached) return "offline";
  if (finished) return "ended";
  if (moving) return "playing";
  if (isOver(broadcast) && standingMs > OVER_MS) return "ended";
  return isTroubled(broadcast) ? "interrupted" : "loading";
}
