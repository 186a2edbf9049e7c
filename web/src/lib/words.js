// What a broadcast's state is called, for someone who watches.

/** @typedef {import("./types.js").Broadcast} Broadcast */
/** @typedef {import("./types.js").BroadcastState} BroadcastState */

/** @type {Record<BroadcastState, { badge: string, live: boolean, over: boolean, troubled: boolean }>} */
const STATES = {
  starting: { badge: "Starting", live: false, over: false, troubled: false },
  live: { badge: "Live", live: true, over: false, troubled: false },
  stalled: { badge: "Back soon", live: false, over: false, troubled: true },
  backing_off: { badge: "Back soon", live: false, over: false, troubled: true },
  interrupted: { badge: "Back soon", live: false, over: false, troubled: true },
  ending: { badge: "Ending", live: true, over: false, troubled: false },
  ended: { badge: "Ended", live: false, over: true, troubled: false },
  failed: { badge: "Ended", live: false, over: true, troubled: false },
};

// A newer server may know a state that these pages do not: it is shown as open and quiet.
const UNKNOWN = { badge: "On air", live: false, over: false, troubled: false };

/** @param {BroadcastState} state */
export function describe(state) {
  return STATES[state] ?? UNKNOWN;
}

/** @param {Broadcast | null} broadcast */
export function isOver(broadcast) {
  return broadcast !== null && describe(broadcast.state).over;
}

/** @param {Broadcast | null} broadcast */
export function isTroubled(broadcast) {
  return broadcast !== null && describe(broadcast.state).troubled;
}

/** What stands over a picture that has stopped. @param {Broadcast} broadcast */
export function troubleWords(broadcast) {
  if (broadcast.state === "interrupted") return "The broadcaster lost the connection; waiting…";
  return "The broadcast has a hiccup; it goes on in a moment…";
}

/** @param {Broadcast} broadcast */
export function titleOf(broadcast) {
  return broadcast.title || `Live on ${broadcast.channel}`;
}

/** How many of them by WebRTC; empty when nobody does. @param {{ peers?: { viewers: number } | null }} broadcast */
export function peerWords({ peers }) {
  return peers?.viewers ? `${peers.viewers} by WebRTC` : "";
}

/** How many watch; empty when nobody does, or nobody counts. @param {{ viewers: number | null }} broadcast */
export function watchingWords({ viewers }) {
  return viewers ? `${viewers} watching` : "";
}
