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
 * @typedef {object} Rtmp
 * @property {string | null} host null: the one by which the page was reached
 * @property {number} port
 * @property {number | null} tls_port null: there is no RTMPS
 * @property {boolean} local what comes without TLS is taken from the server's own machine only
 */

/**
 * @typedef {object} Channel
 * @property {string} channel
 * @property {string} title
 * @property {string} [description]
 * @property {boolean} [private]
 * @property {boolean} [record]
 * @property {string | null} [owner] told to who may publish there
 * @property {{ publish: boolean, manage: boolean }} [may] what the person who asks may do there
 * @property {Rtmp | null} [rtmp] for encoders; only to who may publish
 * @property {Broadcast | null} broadcast the newest, open or over
 */

/** @typedef {"admin" | "broadcaster"} Role */

/** All times are ISO 8601. @typedef {{ name: string, role: Role, disabled: boolean, created_at: string }} User */

/** Who is signed in; `first_start`: the server was installed just now. @typedef {{ user: User | null, first_start: boolean }} SignedIn */

/**
 * A browser in which the person is signed in.
 * @typedef {{ id: string, device: string, address: string, created_at: string, last_used_at: string, current: boolean }} DeviceSession
 */

/** @typedef {{ id: string, label: string, created_at: string, last_used_at: string | null, last_used_from: string | null }} StreamKey */

/** A key or a token in clear is in the answer that makes it, and nowhere else. @typedef {StreamKey & { key: string }} FreshKey */

/** @typedef {{ token: string, id: string, expires_at: string }} FreshToken */

/**
 * Another place to which a channel is pushed. Its own key is never told.
 * @typedef {object} Target
 * @property {string} id
 * @property {string} url
 * @property {string} rendition
 * @property {boolean} [enabled]
 * @property {string} state
 * @property {string} [message] a plain sentence on the state
 * @property {number | null} [bitrate] bits per second
 * @property {number | null} [speed] 1 is real time
 */

/**
 * What the publisher of a channel sends, and what it would better do.
 * @typedef {object} SourceReport
 * @property {string} kind the way by which it comes
 * @property {{ codec?: string, width?: number, height?: number } | null} video
 * @property {{ codec?: string, channels?: number, sample_rate?: number } | null} audio
 * @property {number | null} bitrate bits per second
 * @property {number | null} frame_rate
 * @property {number | null} keyframe_distance seconds
 * @property {string[]} advice sentences
 */

/** @typedef {{ id: number, at: string, who: string, action: string, subject: string, address: string, detail: string }} AuditEntry */

export {};
