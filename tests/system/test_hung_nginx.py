"""An nginx that hangs while a broadcast is on the air costs time, and no frame.

Every frame says its number, so that one that is lost or doubled shows in the final playlist.
"""

from __future__ import annotations

from typing import Any

import psutil
import pytest

from tests.chaos.clip import Clip, clip
from tests.support.foreign import serving
from tests.support.resumable import Resumable
from tests.support.server import Server, running
from tests.system.numbered import NUMBERED, check_whole

SECONDS = 12  # of the clip
LIVE_FOR = 4  # seconds of it that are in the playlist before nginx hangs
SETTINGS: dict[str, Any] = NUMBERED | {"ingest_idle_timeout": 60}
NEVER = 60.0  # seconds: longer than the test takes


@pytest.fixture(scope="module")
def source() -> Clip:
    return clip("vp8", 256, 144, SECONDS)


def go_live(server: Server, source: Clip) -> tuple[Resumable, bytes]:
    """A broadcast that is on the air, and what of it has not been sent."""
    data = source.path.read_bytes()
    half = len(data) // 2
    publisher = Resumable.start(server)
    publisher.send(data[:half], pace=source.bytes_per_second)
    server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= LIVE_FOR)
    return publisher, data[half:]


def reasons(server: Server, broadcast: str) -> list[str]:
    found = server.get(f"/api/v1/broadcasts/{broadcast}/generations")["generations"]
    return [one["reason"] for one in found]


def stop(master: psutil.Process) -> None:
    for process in (master, *master.children()):
        process.suspend()


@pytest.mark.parametrize(
    ("hang", "stall"), [(1.5, NEVER), (8.0, 1.5)], ids=["nginx is watched", "the broadcast stalls first"]
)
def test_a_hung_nginx_is_replaced_and_not_a_frame_is_lost(source: Clip, hang: float, stall: float) -> None:
    with running(nginx_hang_timeout=hang, encoder_stall_timeout=stall, **SETTINGS) as server:
        publisher, rest = go_live(server, source)
        stop(server.master())
        publisher.send(rest, pace=source.bytes_per_second)
        publisher.finish()
        assert '"nginx_hung"' in server.logged()
        ended = reasons(server, publisher.broadcast)
        assert ended[-1] == ""
        assert ("stalled" in ended) is (stall < hang)
        check_whole(server, publisher.broadcast, 0, source.frames)


def test_a_hung_nginx_of_somebody_else_that_comes_back_has_cost_no_frame(source: Clip) -> None:
    """What it was sent before it hung, it writes when it goes on: by then that was made again."""
    with serving(encoder_stall_timeout=1.5, **SETTINGS) as (server, master):
        publisher, rest = go_live(server, source)
        stop(master)
        publisher.send(rest, pace=source.bytes_per_second)
        server.wait_for("a stall", lambda one: "stalled" in reasons(server, one["id"]))
        for process in (*master.children(), master):
            process.resume()
        publisher.finish()
        assert reasons(server, publisher.broadcast)[-1] == ""
        check_whole(server, publisher.broadcast, 0, source.frames)
