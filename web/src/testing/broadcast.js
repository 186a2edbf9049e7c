// A broadcast as the server tells of it.

/** @param {Partial<import("../lib/types.js").Broadcast>} [changes] @returns {import("../lib/types.js").Broadcast} */
export function broadcast(changes = {}) {
  return {
    id: "b1",
    channel: "demo",
    title: "A title",
    state: "live",
    message: "The broadcast is live.",
    started_at: "2026-11-21T02:00:00Z",
    ended_at: null,
    media_time: 12,
    hls: "/hls/demo/index.m3u8",
    poster: null,
    source: null,
    renditions: [],
    left_out: 0,
    encoder: null,
    viewers: 0,
    viewers_peak: 0,
    commit_lag: 1.2,
    received_bytes: 1,
    ...changes,
  };
}
