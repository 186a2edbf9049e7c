// What stands in a viewer's way, and what to do about it.
import { isOver, troubleWords } from "./words.js";

/** @typedef {import("./types.js").Broadcast} Broadcast */
/** @typedef {import("./recovery.js").Failure} Failure */
/** @typedef {{ title: string, words: string, action: string }} Said `action`: what the button says; "" without one */

/** @type {Record<Failure, Said>} */
const SCREENS = {
  network: {
    title: "The server does not answer",
    words: "Check your connection. Playing goes on by itself once the server answers again.",
    action: "Try again now",
  },
  forbidden: {
    title: "You may not watch this any more",
    words: "Your link has expired or was taken back. Ask for a new one, or sign in if you broadcast here.",
    action: "Try again",
  },
  missing: {
    title: "There is nothing to play here",
    words: "What you wanted to see is gone from the server, or has not come yet.",
    action: "Try again",
  },
  media: {
    title: "This device cannot show the picture",
    words: "Its decoder gave up several times. Try again with a lower quality, close other tabs, or use another browser.",
    action: "Try again",
  },
  unsupported: {
    title: "This browser cannot play the stream",
    words: "Update it, use another one, or open the stream in a player such as VLC.",
    action: "Open in another player",
  },
  other: {
    title: "This cannot be played now",
    words: "Playing failed several times in a row. Check your connection, then try again.",
    action: "Try again",
  },
};

/** @type {Said} */
const NO_CONNECTION = {
  title: "You are offline",
  words: "This device has no connection. Playing goes on by itself once it has one.",
  action: "Try again now",
};

/** What stands on the screen after playing was given up. @param {Failure | null} failure @param {boolean} online @returns {Said} */
export function errorScreen(failure, online) {
  if (failure === "network" && !online) return NO_CONNECTION;
  return SCREENS[failure ?? "other"];
}

/**
 * What stands over a picture that does not move: nothing at all while it only begins.
 * @param {Broadcast | null} broadcast @param {Failure | null} failure @param {boolean} online
 */
export function waitingWords(broadcast, failure, online) {
  if (!online) return "You are offline. Playing goes on by itself once you have a connection.";
  if (failure === "network") return "The server does not answer. Trying again…";
  if (failure !== null) return "This does not play yet. Trying again…";
  if (broadcast === null || isOver(broadcast)) return "";
  return broadcast.state === "interrupted" || broadcast.state === "stalled" || broadcast.state === "backing_off" ? troubleWords(broadcast) : "";
}
