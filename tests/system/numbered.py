"""Recordings with numbered frames for tests of the resumable protocol: nothing lost, doubled or mixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.chaos.analysis import examine
from tests.chaos.clip import Clip, clip
from tests.support import http
from tests.support.server import Server, wait_for
from tests.system.conftest import SMALL

SECONDS = 4  # of a clip
WINDOW = 60  # seconds that a publisher has to come back, where no test waits for its end

NUMBERED: dict[str, Any] = SMALL | {
    "encoder_ladder": "[{height=144,bitrate=200},{height=72,bitrate=100}]",
    "hls_window": 3600,
    "ingest_max_load": 0,
}


def recording() -> Clip:
    """Frames 0 to 119."""
    return clip("vp8", 256, 144, SECONDS)


def fetch(server: Server) -> Callable[[str], bytes]:
    def get(path: str) -> bytes:
        answer = http.get(server.hls + path, timeout=30)
        if answer.status_code != 200:
            raise OSError(f"{path}: {answer.status_code}")
        return answer.content

    return get


def check_whole(server: Server, broadcast: str, first: int, frames: int) -> None:
    """Every frame exactly once, in every rendition."""
    path = f"/hls/{server.channel}/{broadcast}/index.m3u8"
    found = examine(fetch(server), path, first, frames)
    assert {name: one.runs for name, one in found.renditions.items() if one.damage} == {}
    assert found.complaints == ()
    assert len(found.renditions) == 2


def received(server: Server) -> int:
    """Bytes of the channel's newest broadcast so far."""
    found = server.newest()
    return int(found["received_bytes"]) if found else 0


def wait_received(server: Server, count: int) -> None:
    wait_for(f"{count} bytes", lambda: received(server) == count)


def state(server: Server, broadcast: str) -> str:
    """Of one of the newest broadcasts; empty: there is none of that id."""
    return next((one["state"] for one in server.broadcasts() if one["id"] == broadcast), "")
