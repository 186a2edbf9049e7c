"""A machine whose processors are taken: who comes next is told so in time, and is taken when there is room.

The ladder costs more than the machine has, by whatever measure, though the encoder of the small clip hardly
works: so the second broadcast never fits beside the first one, and each of them fits alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ingestd.broadcast.load import _RATIOS, ladder_cost
from ingestd.publish.errors import Exit
from tests.chaos.clip import Clip
from tests.support.publisher import dial
from tests.support.resumable import Resumable
from tests.support.server import PATIENCE, Server, running, wait_for
from tests.system.numbered import NUMBERED, check_whole, recording, wait_received

QUIET = (sys.executable, "-P", str(Path(__file__).parents[1] / "support" / "quiet_machine.py"))
HEIGHTS = (4320, 2880, 2160, 1440, 144, 72)  # of which the clip gets the last two
LIMIT = 1.0  # cores


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    sizes = [(height * 16 // 9, height) for height in HEIGHTS]
    assert ladder_cost(sizes, 30, "ultrafast") * _RATIOS[0] > LIMIT  # whatever it learns of this machine
    ladder = ",".join(f"{{height={height},bitrate=200}}" for height in HEIGHTS)
    share = LIMIT / len(os.sched_getaffinity(0))
    settings = NUMBERED | {"encoder_ladder": f"[{ladder}]", "ingest_max_load": share}
    # nor is anybody restarted, or dropped, because this machine is slow
    patient: dict[str, Any] = {"ingest_idle_timeout": PATIENCE, "encoder_stall_timeout": PATIENCE}
    with running(channels=4, program=QUIET, **settings, **patient) as made:
        yield made


@pytest.fixture
def source() -> Clip:
    return recording()


def test_a_broadcast_that_does_not_fit_is_refused_until_the_one_before_it_is_over(
    server: Server, source: Clip
) -> None:
    first, second, data = server, server.on("demo1"), source.path.read_bytes()
    half = len(data) * 6 // 10
    on_air = Resumable.start(first)
    on_air.send(data[:half])
    first.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 1)
    refused_in_words(second)
    refused_before_the_upgrade(second)
    refused_on_the_command_line(second, source)
    assert second.newest() is None
    assert server.metric("ingestd_refusals_total", reason="no_capacity") == 3

    wait_received(first, half)
    on_air.send(data[half:])
    on_air.finish()
    check_whole(first, on_air.broadcast, 0, source.frames)
    assert first.newest()["encoder"]["restarts"] == 0  # type: ignore[index]

    newcomer = wait_for("room for the second", lambda: taken(second))
    newcomer.send(data)
    newcomer.finish()
    check_whole(second, newcomer.broadcast, 0, source.frames)


def check_words(words: str) -> None:
    assert "processors are busy" in words
    assert "Try again in 15 s" in words


def refused_in_words(server: Server) -> None:
    client = Resumable(server)
    client.say("start", mime="video/webm")
    assert client.until_any("ready", "error")["type"] == "error"
    assert client.wait_closed() == 1013
    assert client.error["code"] == "no_capacity"
    check_words(client.error["message"])
    check_wait(client.error)


def check_wait(error: dict[str, object]) -> None:
    """What a program reads says the same as the words."""
    assert type(error["retry_after"]) is int
    assert error["retry_after"] == 15


def refused_before_the_upgrade(server: Server) -> None:
    with pytest.raises(InvalidStatus) as caught:
        dial(server)
    response = caught.value.response
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "15"
    error = json.loads(response.body or b"")["error"]
    assert error["code"] == "no_capacity"
    check_words(error["message"])


def refused_on_the_command_line(server: Server, source: Clip) -> None:
    secrets = {"INGESTD_STREAM_KEY": server.stream_key, "INGESTD_TOKEN": server.token}
    command = [sys.executable, "-m", "ingestd", "publish", str(source.path), "--server", server.http]
    ended = subprocess.run(
        command, env=os.environ | secrets, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode == Exit.BUSY
    check_words(ended.stderr)


def taken(server: Server) -> Resumable | None:
    with suppress(ConnectionClosed):
        return Resumable.start(server)
    return None
