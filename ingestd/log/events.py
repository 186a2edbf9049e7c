"""Every event that is logged: what it means, and what it says. A test holds the code to it.

On lines that belong to one stand also ``request_id``, ``user``, ``broadcast``, ``channel``,
``generation`` and ``target``; on every line ``timestamp``, ``level`` and ``logger``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """What one means, in a sentence, and its own fields."""

    meaning: str
    fields: frozenset[str]


def _event(meaning: str, fields: str = "") -> Event:
    return Event(meaning, frozenset(fields.split()))


EVENTS: dict[str, Event] = {
    # The server
    "ready": _event("Everything listens; these are the ports.", "http hls rtmp"),
    "welcome": _event(
        "Where people go, and what its operator does first; in a terminal, plain words.", "words"
    ),
    "not_started": _event("The server does not start, or not go on: why, and what to do.", "reason"),
    "stopping": _event("The server was told to stop."),
    "configuration_reloaded": _event(
        "Settings were read again: what holds now, and what a restart takes.", "applied restart_needed_for"
    ),
    "configuration_not_reloaded": _event("Settings cannot be read again: the old ones stay.", "reason"),
    "orphans_ended": _event("Children of an earlier, killed server were still there.", "pids"),
    "task_failed": _event("A part of the server failed: a mistake of ours.", "task exc_info"),
    "task_ended_unexpectedly": _event("A part that should run for good has ended.", "task"),
    "systemd_not_told": _event("systemd does not take what it is told.", "error"),
    "not_measured": _event("The machine cannot be measured: that is tried again and again.", "what error"),
    "clock_jumped": _event(
        "The machine's clock shows so much more (or less) than it should.", "seconds sentence"
    ),
    "repeated": _event("Equal lines came too often and were held back: so many.", "what held_back"),
    "request": _event("An HTTP request was answered (log.access).", "method path status seconds bytes"),
    # Broadcasts
    "broadcast_started": _event("Somebody goes live.", "broadcast channel resumable"),
    "broadcast_restored": _event("A broadcast of the time before a restart goes on.", "broadcast channel"),
    "broadcast_not_restored": _event(
        "One cannot go on; again: it is tried once more.", "journal reason again"
    ),
    "broadcast_failed": _event("A broadcast ended by a mistake of ours."),
    "broadcast_over": _event("A broadcast has ended, with so many seconds of media.", "state media_time"),
    "leftovers_closed": _event("Playlists of broadcasts without a journal were ended.", "broadcasts"),
    "state": _event("A broadcast's state has changed, by an event.", "state before event_"),
    "epoch_started": _event("A new recording begins in a broadcast.", "epoch renditions"),
    "journal_not_made": _event("The disk takes no journal: no broadcast can begin.", "error"),
    "journal_not_written": _event("The disk does not take what has to be remembered.", "error"),
    "expired_not_removed": _event("Broadcasts whose time is over cannot be deleted.", "error"),
    "picture_not_stored": _event("A channel's picture could not be made or written.", "reason"),
    "poster_not_made": _event("There is no new picture of a broadcast.", "error"),
    # Publishers
    "publisher_connected": _event("A publisher's WebSocket was let in."),
    "publisher_ready": _event("A resumable publisher was told where to go on.", "epoch offset"),
    "publisher_gone": _event("A publisher has closed, or its connection broke (1006).", "close_code"),
    "publisher_dropped": _event("We ended a publisher's connection.", "code reason close_code"),
    "publisher_refused": _event("A publisher was not let in.", "code reason status"),
    "rtmp_publisher_connected": _event(
        "An RTMP publisher was let in, by the key with this id.", "stream key"
    ),
    "rtmp_publisher_gone": _event("An RTMP publisher has ended, or its connection broke."),
    "rtmp_publisher_dropped": _event("We ended an RTMP publisher's connection.", "code reason"),
    "rtmp_publisher_refused": _event("An RTMP publisher was not let in.", "code reason address channel"),
    "relay_killed": _event("The FFmpeg that reads from nginx was killed; another one goes on.", "stream"),
    "relay_not_started": _event("The FFmpeg that reads from nginx cannot be started.", "reason"),
    "whip_publisher_connected": _event("A WHIP publisher was let in.", "stream"),
    "whip_publisher_gone": _event("A WHIP publisher has ended, or was ended.", "reason"),
    "whip_publisher_refused": _event("A WHIP publisher was not let in.", "code reason address"),
    "sfu_refused": _event("Janus does not do what it was asked to.", "code reason"),
    "not_forwarded": _event("Janus does not hand on a publisher's media.", "reason"),
    "whep_begins": _event("Somebody watches a channel by WebRTC."),
    "whep_ends": _event("Nobody watches a channel by WebRTC any more."),
    "loopback_begins": _event("A browser sends a picture to get it back (/diagnose).", "address"),
    "loopback_ends": _event("It had it back, or not; the time is over, or it took leave.", "played"),
    "webrtc_off": _event("There is no WebRTC, and why.", "reason"),
    # Encoders and what they make
    "encoder_started": _event("A generation begins at this media time.", "pid epoch origin"),
    "encoder_stalled": _event("No new segment came, though media waits: it is restarted.", "seconds lag"),
    "encoder_died": _event("A generation ended too early.", "reason sentence exit retry_in lines"),
    "renditions_changed": _event("More or fewer renditions are encoded now.", "reason left_out sentence"),
    "ffmpeg": _event("A line of an FFmpeg's own, at its own level.", "line"),
    "playlist_not_written": _event("The disk does not take a playlist; it is tried again.", "error"),
    "playlist_not_ended": _event("The playlist of a broadcast that is over has no end."),
    "segment_missing": _event("A segment that nginx listed is not there.", "file"),
    "segment_spoiled": _event("A segment cannot be used.", "file reason"),
    "media_removed": _event("What a channel that is deleted had shown is gone.", "channel"),
    "segments_missing": _event("nginx has written fewer frames than were made: made again.", "frames"),
    "sound_ends_early": _event("Sound ends before the pictures do: made again, to be sure.", "media_time"),
    # nginx
    "nginx": _event("A line of nginx's own.", "line"),
    "nginx_started": _event("nginx runs.", "pid"),
    "nginx_died": _event("nginx has ended, and is started again.", "sentence exit lines"),
    "nginx_hung": _event("nginx did not answer for so long, and is killed.", "pid seconds"),
    "nginx_not_started": _event("nginx cannot be started.", "reason"),
    "nginx_breaker_open": _event(
        "nginx died time after time: the next try waits.", "in_a_row sentence retry_in"
    ),
    # Janus (WebRTC): "in" is for publishers, "out" for viewers
    "janus": _event("A line of Janus's own, at its own level.", "role line"),
    "janus_started": _event("Janus runs.", "role pid"),
    "janus_died": _event("Janus has ended, and is started again.", "role sentence exit lines"),
    "janus_hung": _event("Janus did not answer for so long, and is killed.", "role pid seconds"),
    "janus_not_started": _event("Janus cannot be started.", "role reason"),
    "janus_breaker_open": _event(
        "Janus died time after time: the next try waits.", "role in_a_row sentence retry_in"
    ),
    "janus_connected": _event("We talk to Janus, in a session.", "role"),
    "janus_disconnected": _event("The connection to Janus broke; it is made again.", "role reason"),
    "janus_session_failed": _event("Janus gives us no session; it is tried again.", "role reason"),
    "janus_lost": _event("Janus, or our session, is no more, with so many handles.", "role handles reason"),
    "janus_garbage": _event("Janus says what is no message.", "role text"),
    "peers_not_measured": _event("Janus does not say how its peers do; it is asked again.", "role reason"),
    "janus_event_failed": _event("What follows from an event was a mistake of ours.", "kind"),
    "memory_limit_low": _event(
        "This container may take less memory than a broadcast needs beside the daemon.", "mib advised"
    ),
    "nginx_runs_as_root": _event("nginx's workers run as root, and why.", "reason"),
    "nginx_statistics_missing": _event("nginx does not tell its statistics.", "reason"),
    "nginx_statistics_back": _event("nginx tells its statistics again."),
    "nginx_configuration_other": _event(
        "nginx has to be restarted: it has read another configuration.", "reason"
    ),
    "nginx_configuration_fits": _event("nginx has read the configuration that fits."),
    "viewers_not_all_counted": _event("Some of nginx's lines on viewers were lost.", "reason"),
    "certificate_taken": _event("A certificate is served from now on.", "file expires"),
    "certificate_not_taken": _event("A new certificate cannot be used; the old one stays.", "reason"),
    "certificate_expired": _event("The certificate is no longer good.", "file since"),
    # Other places
    "push": _event("How pushing to another place goes has changed.", "state words"),
    "push_failed": _event("A push ended by a mistake of ours."),
    "push_key_unreadable": _event("The stored key of a target cannot be decrypted.", "kind"),
    # People and secrets
    "sign_in_refused": _event("A wrong name or password came from this address.", "address"),
    "database_gone": _event("The database does not answer.", "reason exc_info"),
    "database_back": _event("The database answers again."),
    "directory_late": _event("A change stands in the database, but is not yet known here."),
    "change_in_force": _event("What could not be put in force, now is."),
    "change_not_in_force": _event(
        "A change stands in the database, but what nginx serves does not follow it yet.", "reason exc_info"
    ),
    "uses_of_keys_lost": _event("When keys were used last could not be written.", "reason"),
    "token_files_unusable": _event("What tokens are checked with cannot be read.", "error"),
    "jwks_unavailable": _event(
        "The identity provider's keys cannot be read; known ones stay.", "reason keys"
    ),
}
