"""Who has a channel: bytes of two connections never mix, and a newcomer knows where it stands.

Every clip has its frames numbered, so that a mixture shows in the final playlist.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Barrier, Thread

import pytest
from websockets.exceptions import ConnectionClosed

from tests.chaos.clip import Clip
from tests.support.resumable import Resumable, refused
from tests.support.server import PATIENCE, Server, running, wait_for
from tests.system.numbered import (
    NUMBERED,
    WINDOW,
    check_whole,
    recording,
    state,
    wait_received,
)

SILENT = 3  # seconds


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Nobody loses anything for being silent."""
    settings = NUMBERED | dict.fromkeys(("ingest_idle_timeout", "ingest_silent_after"), 2 * PATIENCE)
    with running(channels=16, ingest_resume_window=WINDOW, **settings) as made:
        yield made


@pytest.fixture
def source() -> Clip:
    return recording()


# Two at once


def test_a_resumed_connection_fences_off_its_predecessor(server: Server, source: Clip) -> None:
    """The old one goes on sending, into the void: bytes of two connections never mix."""
    channel, data = server.on("demo7"), source.path.read_bytes()
    old = Resumable.start(channel)
    old.send(data[:30000])
    wait_received(channel, 30000)
    new = Resumable.resume(channel, old.broadcast)
    assert new.offset == 30000
    with suppress(ConnectionClosed):
        old.send(data[30000:60000])
    assert old.wait_closed() == 4409
    new.send(data[30000:])
    new.finish()
    check_whole(channel, old.broadcast, 0, source.frames)


def test_two_resumes_at_once_leave_one_winner(server: Server, source: Clip) -> None:
    channel, data = server.on("demo8"), source.path.read_bytes()
    first = Resumable.start(channel)
    first.send(data[:25000])
    wait_received(channel, 25000)
    first.vanish()
    channel.wait_state("interrupted")
    together, codes = Barrier(4), []

    def come_back() -> None:
        client = Resumable(channel)
        together.wait(PATIENCE)
        with suppress(ConnectionClosed):
            client.say("resume", broadcast=first.broadcast, epoch=0)
            together.wait(PATIENCE)  # nobody is done before all have asked
            client.wait_ready()
            client.send(data[client.offset :])
            client.say("stop")
        codes.append(client.wait_closed())

    threads = [Thread(target=come_back) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)
    assert sorted(codes) == [1000, 4409, 4409, 4409]
    check_whole(channel, first.broadcast, 0, source.frames)


# Takeover


def test_a_live_channel_is_taken_over_only_by_one_who_says_so(server: Server, source: Clip) -> None:
    channel, data = server.on("demo9"), source.path.read_bytes()
    first = Resumable.start(channel)
    first.send(data[:30000])
    newcomer = Resumable(channel)
    newcomer.say("start", mime="video/webm")
    assert newcomer.wait_closed() == 4409
    assert newcomer.error["message"]
    first.send(data[30000:40000])  # it has felt nothing
    taker = Resumable.start(channel, takeover=True)
    assert taker.broadcast != first.broadcast
    assert first.wait_closed() == 4409
    taker.send(data)
    taker.finish()
    check_whole(channel, taker.broadcast, 0, source.frames)
    assert refused(channel, first.broadcast)[0] == 4404
    wait_for("the end of the old one", lambda: state(channel, first.broadcast) == "ended")


def test_a_silent_connection_loses_its_channel_to_whoever_comes(source: Clip) -> None:
    data = source.path.read_bytes()
    with running(ingest_silent_after=SILENT, ingest_idle_timeout=2 * PATIENCE, **NUMBERED) as server:
        silent = Resumable.start(server)
        alive = time.monotonic()
        silent.send(data[:30000])

        def take() -> Resumable | None:
            with suppress(ConnectionClosed):
                return Resumable.start(server)
            return None

        newcomer = wait_for("the channel", take)
        assert time.monotonic() - alive > SILENT  # not at once: it was only just alive
        assert silent.wait_closed() == 4409
        newcomer.send(data)
        newcomer.finish()
        check_whole(server, newcomer.broadcast, 0, source.frames)


def test_an_interrupted_broadcast_ends_when_another_one_starts(server: Server, source: Clip) -> None:
    channel, data = server.on("demo11"), source.path.read_bytes()
    gone = Resumable.start(channel)
    gone.send(data)
    wait_received(channel, len(data))
    gone.vanish()
    channel.wait_state("interrupted")
    newcomer = Resumable.start(channel)
    newcomer.send(data)
    newcomer.finish()
    wait_for("the end of the old one", lambda: state(channel, gone.broadcast) == "ended")
    check_whole(channel, gone.broadcast, 0, source.frames)
    check_whole(channel, newcomer.broadcast, 0, source.frames)
