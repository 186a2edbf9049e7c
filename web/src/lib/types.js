// The shapes that the server's API answers with. They are written down here once.

/**
 * @typedef {"starting" | "live" | "stalled" | "backing_off" | "interrupted" | "ending" | "ended" | "failed"} BroadcastState
 */

/**
 * @typedef {object} Rendition
 * @property {string} name
 * @property {number} width
 * @property {number} height
 * @property {number} frame_rate
 * @property {number} bandwidth
 */

/**
 * @typedef {object} Broadcast
 * @property {string} id
 * @property {string} channel
 * @property {string} title
 * @property {BroadcastState} state
 * @property {string} message a plain sentence on the state
 * @property {string} started_at
 * @property {string | null} ended_at
 * @property {number} media_time seconds that stand in the playlist
 * @property {string | null} hls the playlist, once there is something to play
 * @property {string | null} poster
 * @property {{ video: { codec: string, width: number, height: number } | null, audio: { codec: string, channels: number, sample_rate: number } | null } | null} source
 * @property {Rendition[]} renditions
 * @property {number} left_out how many of the top ones are not made now: the server is short of processor time
 * @property {{ generation: number, restarts: number, speed: number, fps: number } | null} encoder
 * @property {number | null} commit_lag seconds from the server's door to the playlist
 * @property {number} received_bytes
 */

/**
 * How the publisher's own broadcast goes, told to it once a second.
 * @typedef {object} Status
 * @property {BroadcastState} state
 * @property {string} message a plain sentence on the state
 * @property {number | null} speed of the encoder; 1 is real time
 * @property {number | null} fps
 * @property {string[]} renditions what viewers get
 * @property {string[]} dropped what they do not get for now: the server is short of processor time
 * @property {number | null} viewers
 * @property {number | null} latency seconds that were received and are not yet in the playlist
 * @property {number} media_time
 * @property {number} restarts
 */

/**
 * @typedef {object} Channel
 * @property {string} channel
 * @property {string} title
 * @property {Broadcast | null} broadcast the newest, open or over
 */

export {};
