"""What the resumable protocol's ``status`` message says, once a second, for the publisher's page."""

from __future__ import annotations

from ingestd.broadcast.broadcast import Broadcast


def status(one: Broadcast) -> dict[str, object]:
    """State, its sentence, and how the encoder keeps up.

    ``latency`` is seconds received but not yet in the playlist, ``media_time`` seconds that are;
    ``dropped`` the renditions that are not encoded at present; what is not known is null.
    """
    progress = one.supervisor.encoder.progress if one.supervisor.encoder else None
    return {
        "state": one.state.value,
        "message": one.message,
        "speed": round(progress.speed, 2) if progress else None,
        "fps": round(progress.fps, 1) if progress else None,
        "renditions": [listed.rendition.name for listed in one.delivery.listed],
        "dropped": [made.name for made in one.supervisor.dropped],
        "viewers": one.viewers,
        "latency": round(one.commit_lag, 2),
        "media_time": round(one.media_time, 2),
        "restarts": one.supervisor.restarts.total(),
    }
