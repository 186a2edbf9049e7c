"""What the API says of a broadcast: one place, for JSON answers and events alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ingestd.accounts.model import Channel
from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.story import interruptions
from ingestd.container.model import InitSegment
from ingestd.delivery.listed import Listed


def broadcast_view(one: Broadcast) -> dict[str, Any]:
    """A broadcast as JSON. Times are ISO 8601 in UTC; ``media_time`` and ``commit_lag`` seconds.

    ``left_out`` is the number of renditions, from the top, that are not encoded at present.
    ``viewers`` are those of its channel now, null when it is over or nobody counts them; ``viewers_peak``
    were the most at one time.
    ``hls`` and ``poster`` are paths below nginx's address, null while there is nothing to fetch.
    ``hls`` is the channel's own address while the broadcast is open, and then the broadcast's. ``whep``
    is a path of this server, null where it cannot be watched by WebRTC. ``rtmp``: where encoders publish;
    nginx-rtmp lets nobody play what they send.
    """
    base = f"/hls/{one.channel}"
    lasting = f"{base}/{one.id}/index.m3u8"
    return {
        "id": one.id,
        "channel": one.channel,
        "title": one.title,
        "state": one.state.value,
        "wanted": one.order.value,
        "message": one.message,
        "started_at": iso(one.started_at),
        "ended_at": None if one.ended_at is None else iso(one.ended_at),
        "media_time": round(one.media_time, 3),
        "commit_lag": round(one.commit_lag, 3),
        "received_bytes": one.received,
        "hls": (f"{base}/index.m3u8" if one.open else lasting) if one.delivery.playable else None,
        "hls_broadcast": lasting if one.delivery.playable else None,
        "poster": poster_path(one),
        "whep": f"/whep/{one.channel}" if one.whep else None,
        "rtmp": one.terms.rtmp if one.open else None,
        "source": source_view(one.source),
        "sources": _sources(one),
        "peers": _peers(one) if one.open and one.terms.whep else None,
        "renditions": [_rendition(listed) for listed in one.delivery.listed],
        "left_out": len(one.supervisor.dropped),
        "encoder": _encoder(one),
        "viewers": one.viewers if one.open else None,
        "viewers_peak": None if one.viewers is None else one.viewers_peak,
    }


def _sources(one: Broadcast) -> list[dict[str, Any]]:
    """Who publishes now: one connection, or none."""
    visit = one.story.visits[-1] if one.story.visits else None
    if visit is None or visit.until is not None or not (visit.way and one.open and one.publisher_present):
        return []
    tracks = source_view(one.source) or {"video": None, "audio": None}
    return [{"kind": visit.way, "since": iso(visit.since), **tracks}]


def _peers(one: Broadcast) -> dict[str, Any]:
    """By WebRTC. A publisher by WHIP is told where it is this broadcast's."""
    link = one.peers.publisher
    mine = link and any(source["kind"] == "whip" for source in _sources(one))
    publisher = {"state": link.state, "way": link.way or None} if link and mine else None
    return {"viewers": one.peers.viewers, "publisher": publisher}


def record_view(one: Broadcast, now: float) -> dict[str, Any]:
    """A broadcast with what becomes of it until ``now`` (Unix time)."""
    broken = interruptions(one.story.turns, now)
    return {
        "broadcast": broadcast_view(one),
        "complete": one.complete,
        "given_up_bytes": one.given_up,
        "interruptions": [
            {
                "since": iso(found.since),
                "seconds": round(found.seconds, 3),
                "what": "publisher" if found.publisher else "encoder",
            }
            for found in broken
        ],
    }


def source_view(init: InitSegment | None) -> dict[str, Any] | None:
    """The source: codecs, pixels, channels, Hz."""
    if init is None:
        return None
    video, audio = init.video, init.audio
    return {
        "video": video and {"codec": video.codec, "width": video.width, "height": video.height},
        "audio": audio
        and {"codec": audio.codec, "channels": audio.channels, "sample_rate": audio.sample_rate},
    }


def _rendition(listed: Listed) -> dict[str, Any]:
    made = listed.rendition
    return {
        "name": made.name,
        "width": made.width,
        "height": made.height,
        "frame_rate": made.frame_rate,
        "bandwidth": made.bandwidth,
    }


def _encoder(one: Broadcast) -> dict[str, Any] | None:
    if one.supervisor.generations == 0:
        return None
    progress = one.supervisor.encoder.progress if one.supervisor.encoder else None
    return {
        "generation": one.supervisor.generations - 1,
        "restarts": one.supervisor.restarts.total(),
        "running": progress is not None,
        "speed": round(progress.speed, 3) if progress else None,
        "fps": round(progress.fps, 2) if progress else None,
    }


def poster_path(one: Broadcast) -> str | None:
    """Below nginx's address; another one for each new picture."""
    return f"/hls/{one.channel}/{one.id}/poster.jpg?{one.posters.made}" if one.posters.made else None


def picture_path(channel: Channel) -> str | None:
    """Where the channel's picture is, on this server; None: it has none."""
    version = picture_version(channel)
    return f"/api/v1/channels/{channel.name}/picture?v={version}" if version else None


def picture_version(channel: Channel) -> str:
    """Another one for another picture; "": there is none."""
    return channel.picture[17:33]


def iso(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
