"""How large and how long the broadcasts are, how their server is set, and when a fault strikes. Pure.

Of what Debian's Python has, like all that runs inside of boxes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from tests.chaos.clip import RTMP, WHIP

EARLIEST = 2.0  # seconds of media in the playlist before anything is done
START_SECONDS = 60.0  # until they stand there
END_SECONDS = 90.0  # for the end, beyond the length of clip and fault
_RTMP_WINDOW = 3  # seconds: by RTMP nobody can say that this was all, so each broadcast ends in this way

_SETTINGS: dict[str, object] = {
    "hls_window": 3600,  # every segment stays listed to the end
    "hls_poster_every": 0,
    "data_min_free": 0,
    "ingest_max_load": 0,
    "ingest_max_broadcasts": 64,
    "encoder_preset": "ultrafast",
}


@dataclass(frozen=True, slots=True)
class Form:
    """How large and how long: pixels, kb/s of the renditions, and seconds of a clip."""

    width: int
    height: int
    ladder: str
    seconds: int
    longer: bool  # recording goes on for as long as the fault lasts


QUICK = Form(256, 144, "[{height=144,bitrate=200},{height=72,bitrate=100}]", 14, longer=False)
FULL = Form(640, 360, "[{height=360,bitrate=700},{height=240,bitrate=400}]", 20, longer=True)
FORMS = {"quick": QUICK, "full": FULL}


def settings(form: Form, codecs: Iterable[str]) -> dict[str, object]:
    """``codecs``: of all broadcasts that the server will have."""
    made: dict[str, object] = {"encoder_ladder": form.ladder, "webrtc_enabled": WHIP in codecs}
    if RTMP in codecs:
        made["ingest_resume_window"] = _RTMP_WINDOW
    return made


def environment(settings: dict[str, object]) -> dict[str, str]:
    """What tells a server these settings, and those of all."""
    return {f"INGESTD_{name.upper()}": str(value) for name, value in (_SETTINGS | settings).items()}


def moment(form: Form, chance: Random) -> float:
    """A random one: seconds after the broadcast stands in the playlist."""
    return chance.uniform(0, form.seconds / 4)
