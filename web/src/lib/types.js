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
 * @property {string | null} [whep] where it can be watched by WebRTC; null: nowhere
 * @property {{ viewers: number, publisher: { state: string, way: string | null } | null } | null} [peers] who is connected by WebRTC; null: there is none
 * @property {{ kind: string, since: string }[]} [sources] who publishes now
 * @property {string | null} poster
 * @property {{ video: { codec: string, width: number, height: number } | null, audio: { codec: string, channels: number, sample_rate: number } | null } | null} source
 * @property {Rendition[]} renditions
 * @property {number} left_out how many of the top ones are not made now: the server is short of processor time
 * @property {{ generation: number, restarts: number, speed: number, fps: number } | null} encoder
 * @property {number | null} viewers of its channel now; null: it is over, or nobody counts them
 * @property {number | null} viewers_peak the most at one time
 * @property {number | null} commit_lag seconds from the server's door to the playlist
 * @property {number} received_bytes
 */

/**
 * How the publisher's own broadcast goes, told to it once a second.
 * @typedef {object} Status
 * @property {string} [broadcast] its id, where that was not known before
 * @property {BroadcastState} state
 * @property {string} message a plain sentence on the state
 * @property {number | null} speed of the encoder; 1 is real time
 * @property {number | null} fps
 * @property {string[]} renditions what viewers get
 * @property {string[]} dropped what they do not get for now: the server is short of processor time
 * @property {number | null} viewers null: nobody counts them
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
 * @property {string | null} [picture] what stands for it while it is not live
 * @property {string | null} [next_at] ISO 8601: what is to come
 * @property {string} [next_title]
 * @property {string | null} [last_live_at] ISO 8601: until when its last broadcast went
 * @property {boolean} [embeddable] on some other site
 * @property {string[] | null} [embed_sites] where; told to who manages it
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

/** Measurements a step apart, oldest first; null: not measured. @typedef {(number | null)[]} Column */

/**
 * How the whole server did lately.
 * @typedef {object} Overview
 * @property {number | null} newest the number of the newest measurement; it grows by one with each
 * @property {number} step seconds
 * @property {number | null} seconds_ago the age of the newest
 * @property {Column} viewers
 * @property {Column} publishers
 * @property {Column} webrtc_viewers those of them that are connected by WebRTC
 * @property {Column} webrtc_publishers
 * @property {Column} bandwidth_in bits per second
 * @property {Column} bandwidth_out bits per second
 * @property {Column} cpu the share in use, as are memory and disk
 * @property {Column} memory
 * @property {Column} disk
 * @property {Column} lag seconds, of the worst broadcast
 * @property {Column} restarts of encoders
 * @property {Record<string, Column>} broadcasts open ones, by state
 * @property {{ cores: number, memory_bytes: number | null, memory_available_bytes: number | null, disk_bytes: number | null, disk_free_bytes: number | null }} machine
 */

/** @typedef {{ at: string, event: string, state: BroadcastState, sentence: string }} Turn */

/**
 * One connection of a publisher.
 * @typedef {object} Visit
 * @property {string} since
 * @property {string | null} until
 * @property {string} way
 * @property {string | null} address told to admins
 * @property {number} received_bytes
 * @property {number} epoch
 * @property {number | null} resumed_at the byte of the epoch from which it went on
 * @property {number | null} close_code
 * @property {string} reason why the server ended it
 */

/**
 * One life of an encoder, after its end.
 * @typedef {object} Generation
 * @property {number} number
 * @property {number} epoch
 * @property {string[]} argv
 * @property {string[]} renditions
 * @property {number} started_at Unix time
 * @property {number} lifetime seconds
 * @property {string} reason empty: its work was done
 * @property {string} sentence the reason in plain words
 * @property {string} exit
 * @property {string[]} lines
 * @property {number} frames
 * @property {number} doubled
 * @property {number} dropped
 * @property {number} speed
 * @property {number} fps
 */

/**
 * Why a broadcast went as it did.
 * @typedef {object} Diagnosis
 * @property {string} broadcast
 * @property {string} channel
 * @property {BroadcastState} state
 * @property {string} message
 * @property {Turn[]} timeline
 * @property {Visit[]} publishers
 * @property {Generation[]} generations
 * @property {string[]} lines each one JSON
 * @property {{ seconds_ago: number | null, bitrate: Column, speed: Column, lag: Column }} samples a second apart
 */

export {};
