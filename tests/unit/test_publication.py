"""A publisher's hold on its channel: one at a time, and nothing of one that lost it arrives."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.websockets import WebSocket

from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.epoch import Bounds, Epoch
from ingestd.broadcast.publication import Publication
from ingestd.broadcast.recording import Recording
from ingestd.broadcast.registry import Broadcasts
from ingestd.broadcast.story import Story
from ingestd.container.model import Fragment, InitSegment
from ingestd.errors import Code, Refusal, Refused
from ingestd.ingest.connection import Connection, PlainConnection, ResumableConnection
from ingestd.ingest.session import STOP_CODE, Patience
from tests.unit.live import BLOCK, HALF, INIT, running
from tests.unit.nginx_output import R360

BEGUN = InitSegment(b"init", "matroska", ())
GONE = Refusal(Code.CONFLICT, "Another connection took over the channel demo.")


class Heard:
    """A broadcast that notes what it is told, and a registry that does."""

    def __init__(self, *, begun: bool = False, ahead: int = 1000) -> None:
        self.told: list[str] = []
        self.bounds = Bounds(1 << 20, ahead)
        self.epochs = [self.epoch()] if begun else []
        self.reception = SimpleNamespace(
            newest=self.epochs[-1] if begun else None, has_room=True, taken=asyncio.Event(), number=0
        )
        self.received, self.open, self.failure = 0, True, ""
        self.story = Story()

    def epoch(self) -> Epoch:
        return Epoch(0, BEGUN, (R360,), self.bounds, 1e9)

    def begin_epoch(self, init: InitSegment) -> Epoch:
        self.told.append("begin")
        self.epochs.append(self.epoch())
        return self.epochs[-1]

    def next_epoch(self, recording: Recording | None = None) -> None:
        self.told.append("next")

    def continued_plainly(self) -> None:
        self.told.append("plainly")

    def publisher_left(self) -> None:
        self.told.append("left")

    def stop(self) -> None:
        self.told.append("stop")

    # the registry

    def open_plainly(self, channel: str, title: str) -> Broadcast:
        self.told.append(f"open {channel} {title}")
        return cast(Broadcast, self)

    def release(self, publication: Publication) -> None:
        self.told.append("release")

    def count(self, size: int) -> None:
        self.told.append(f"count {size}")


def resumable(heard: Heard) -> Publication:
    return Publication(heard, "demo", "Title", cast(Broadcast, heard))


def fragment(size: int = 10) -> Fragment:
    return Fragment(0, memoryview(bytes(size)), 0.0, 1.0, True)


# What arrives


def test_a_plain_one_makes_its_broadcast_when_its_first_recording_begins() -> None:
    heard = Heard()
    one = Publication(heard, "demo", "Title")
    assert (one.broadcast, one.has_room) == (None, True)
    one.count(7)
    one.begin(BEGUN)
    one.append(fragment())
    assert heard.told == ["count 7", "open demo Title", "plainly", "begin"]
    assert heard.epochs[0].buffer.end == 1


def test_a_plain_ones_next_recording_is_an_epoch() -> None:
    heard = Heard()
    one = Publication(heard, "demo", "Title")
    one.begin(BEGUN)
    one.begin(BEGUN)
    one.append(fragment())
    assert heard.told == ["open demo Title", "plainly", "begin", "next", "begin"]
    assert [epoch.buffer.end for epoch in heard.epochs] == [0, 1]


def test_a_resumable_one_says_itself_when_an_epoch_begins() -> None:
    heard = Heard()
    one = resumable(heard)
    one.begin(BEGUN)
    one.next_epoch(Recording())
    one.begin(BEGUN)
    one.append(fragment())
    assert heard.told == ["begin", "next", "begin"]
    assert [epoch.buffer.end for epoch in heard.epochs] == [0, 1]


def test_a_resumable_one_goes_on_with_the_epoch_under_way() -> None:
    heard = Heard(begun=True)
    resumable(heard).append(fragment())
    assert heard.epochs[0].buffer.end == 1


def test_bytes_count_for_the_broadcast_also_those_before_there_was_one() -> None:
    heard = Heard()
    one = Publication(heard, "demo", "Title")
    one.count(7)
    one.count(5)
    one.begin(BEGUN)
    assert heard.received == 0
    one.count(3)
    one.count(1)
    assert heard.received == 16


# Silence


def test_it_is_silent_since_its_last_message() -> None:
    before = time.monotonic()
    one = resumable(Heard())
    now = time.monotonic()
    assert 5.0 <= one.silent_for(now + 5) <= 5.0 + now - before
    one._heard = now - 100
    assert one.silent_for(now) == 100
    before = time.monotonic()
    one.count(1)
    now = time.monotonic()
    assert one.silent_for(now) <= now - before


def test_while_it_is_not_read_its_silence_is_ours() -> None:
    async def story() -> None:
        heard = Heard(begun=True, ahead=1)
        one = resumable(heard)
        one.append(fragment())
        assert not one.has_room
        one._heard = time.monotonic() - 100
        waiting = asyncio.create_task(one.room())
        await asyncio.sleep(0)
        assert one.silent_for(time.monotonic() + 100) == 0.0
        epoch = heard.epochs[0]
        epoch.fed = 1  # the encoder has it
        epoch.changed.set()
        before = time.monotonic()
        await waiting
        assert one.has_room
        now = time.monotonic()
        assert one.silent_for(now) <= now - before
        assert one.silent_for(now + 100) >= 100.0

    asyncio.run(story())


def test_whose_silence_the_server_in_front_of_us_knows_is_silent_though_it_is_not_read() -> None:
    async def story() -> None:
        heard = Heard(begun=True, ahead=1)
        one = resumable(heard)
        one.append(fragment())
        waiting = asyncio.create_task(one.room())
        await asyncio.sleep(0)
        now = time.monotonic()
        one.alive(due=0.5)
        late = time.monotonic() - now
        assert one.silent_for(now + 0.4) == 0.0
        assert 99.5 - late <= one.silent_for(now + 100) <= 99.5
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        one.count(7)  # what it had sent before
        assert 99.5 - late <= one.silent_for(now + 100) <= 99.5

    asyncio.run(story())


def test_a_wait_for_room_that_is_cancelled_leaves_it_readable() -> None:
    async def story() -> None:
        one = resumable(Heard(begun=True, ahead=1))
        one.append(fragment())
        waiting = asyncio.create_task(one.room())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert one.silent_for(time.monotonic() + 100) > 99.0

    asyncio.run(story())


def test_while_too_many_recordings_wait_for_the_encoder_it_is_not_read() -> None:
    async def story() -> None:
        heard = Heard()
        one = resumable(heard)
        heard.reception.has_room = False
        assert not one.has_room
        waiting = asyncio.create_task(one.room())
        await asyncio.sleep(0)
        assert one.silent_for(time.monotonic() + 100) == 0.0
        heard.reception.has_room = True
        heard.reception.taken.set()
        await asyncio.wait_for(waiting, 20)
        assert one.has_room

    asyncio.run(story())


def test_there_is_always_room_before_an_epoch() -> None:
    asyncio.run(asyncio.wait_for(resumable(Heard()).room(), 5))
    asyncio.run(asyncio.wait_for(Publication(Heard(), "demo", "").room(), 5))


@pytest.mark.parametrize(("failure", "words"), [("It died.", "It died."), ("", "The broadcast is over.")])
def test_nobody_waits_for_the_room_of_a_broadcast_that_is_over(failure: str, words: str) -> None:
    heard = Heard(begun=True, ahead=1)
    one = resumable(heard)
    one.append(fragment())
    heard.open, heard.failure = False, failure
    with pytest.raises(Refused, match=words) as caught:
        asyncio.run(one.room())
    assert caught.value.refusal.code is Code.INTERNAL


# The end


def test_a_connection_that_is_gone_lets_go_of_its_channel() -> None:
    heard = Heard(begun=True)
    resumable(heard).close()
    assert heard.told == ["release", "left"]
    other = Heard()
    Publication(other, "demo", "").close()
    assert other.told == ["release"]


def test_a_broadcast_that_is_over_is_not_left() -> None:
    heard = Heard(begun=True)
    heard.open = False
    resumable(heard).close()
    assert heard.told == ["release"]


def test_a_stop_is_handed_on() -> None:
    heard = Heard(begun=True)
    resumable(heard).stop()
    Publication(heard, "demo", "").stop()
    assert heard.told == ["stop"]


def test_one_that_was_fenced_off_says_nothing_more_of_its_broadcast() -> None:
    heard = Heard(begun=True)
    one = resumable(heard)
    assert not one.fenced.is_set()
    one.fence(GONE)
    one.fence(Refusal(Code.RESTARTING, "too late"))
    assert (one.verdict, one.fenced.is_set()) == (GONE, True)
    one.stop()
    one.close()
    assert heard.told == ["release"]


# A fence between two connections


class Wire:
    """A connection as the server has it: what the client sends, and what it is told."""

    def __init__(self, registry: Broadcasts, channel: str = "demo") -> None:
        self.registry = registry
        self.channel = channel
        self.told: list[dict[str, Any]] = []
        self.news = asyncio.Event()
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._inbox.put_nowait({"type": "websocket.connect"})
        scope = {"type": "websocket", "headers": [], "query_string": b"", "path": "/ws"}
        self.socket = WebSocket(scope, self._inbox.get, self._send)
        self.connection: Connection | None = None
        self.run: asyncio.Task[None] | None = None

    async def _send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            self.told.append(json.loads(message["text"]))
        elif message["type"] == "websocket.close":
            self.told.append({"type": "close", "code": message["code"]})
            self._inbox.put_nowait({"type": "websocket.disconnect", "code": message["code"]})
        self.news.set()

    def say(self, **message: Any) -> None:
        self._inbox.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def send(self, data: bytes) -> None:
        self._inbox.put_nowait({"type": "websocket.receive", "bytes": data})

    def hang_up(self, code: int = 1006) -> None:
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": code})

    async def resumable(self) -> Wire:
        await self.socket.accept()
        names = (self.channel, "Title")
        self._start(
            ResumableConnection(self.socket, names, self.registry, Patience(1 << 20, 60.0), lambda: None)
        )
        return self

    async def plain(self) -> Wire:
        await self.socket.accept()
        publication = self.registry.claim(self.channel, "Title")
        self._start(PlainConnection(self.socket, publication, Patience(1 << 20, 60.0), {}, lambda: None))
        return self

    def _start(self, connection: Connection) -> None:
        self.connection = connection
        self.run = asyncio.create_task(connection.run())

    async def hear(self, kind: str) -> dict[str, Any]:
        """The first message of that type, as soon as it is there."""
        async with asyncio.timeout(20):
            while True:
                self.news.clear()
                if found := next((one for one in self.told if one["type"] == kind), None):
                    return found
                await self.news.wait()

    async def arrived(self, what: Any, wanted: Any) -> None:
        """Until the server has taken what was sent."""
        async with asyncio.timeout(20):
            while what() != wanted:  # noqa: ASYNC110 - reading sends no event
                await asyncio.sleep(0.001)

    async def gone(self) -> None:
        if self.run:
            await asyncio.wait_for(self.run, 20)


def test_nothing_of_a_fenced_connection_arrives(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            old = await Wire(registry).resumable()
            old.say(type="start", mime="video/webm")
            identity = (await old.hear("ready"))["broadcast"]
            (broadcast,) = registry
            old.send(HALF[:100])
            await old.arrived(lambda: broadcast.reception.recording.received, 100)
            new = await Wire(registry).resumable()
            new.say(type="resume", broadcast=identity, epoch=0, offset=0)
            ready = await new.hear("ready")
            assert (ready["epoch"], ready["offset"]) == (0, 100)
            assert (await old.hear("error"))["code"] == "already_live"
            assert (await old.hear("close"))["code"] == 4409
            old.send(b"x" * 50)
            await old.gone()
            new.send(HALF[100:])
            await new.arrived(lambda: broadcast.reception.recording.received, len(HALF))
            assert (broadcast.reception.number, broadcast.order.value) == (0, "live")
            assert (broadcast.publisher_present, broadcast.received) == (True, len(HALF))
            assert broadcast.reception.newest is not None
            assert broadcast.reception.newest.init.data == INIT
            new.hang_up()
            await new.gone()
            assert not broadcast.publisher_present

    asyncio.run(story())


def test_what_a_fenced_connection_had_waiting_does_not_arrive(tmp_path: Path) -> None:
    """The newcomer is told the byte after the last one taken; nothing may be taken between."""

    async def story() -> None:
        async with running(tmp_path) as registry:
            old = await Wire(registry).resumable()
            old.say(type="start", mime="video/webm")
            identity = (await old.hear("ready"))["broadcast"]
            (broadcast,) = registry
            for byte in HALF[:100]:
                old.send(bytes((byte,)))
            await old.arrived(lambda: broadcast.reception.recording.received > 2, True)
            for byte in HALF[100:]:
                old.send(bytes((byte,)))
            publication = registry.resume("demo", identity, 0, 0)
            assert isinstance(publication, Publication)
            told = broadcast.reception.recording.received
            assert told < len(HALF)
            old.say(type="epoch", epoch=1, mime="")
            old.say(type="stop")
            await old.gone()
            assert (broadcast.reception.number, broadcast.order.value) == (0, "live")
            assert broadcast.reception.recording.received == told
            publication.close()

    asyncio.run(story())


def test_a_plain_connection_that_is_fenced_ends_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            old = await Wire(registry).plain()
            old.send(HALF)
            await old.arrived(lambda: len(list(registry)), 1)
            (broadcast,) = registry
            epochs = list(broadcast.reception.waiting) + [broadcast.reception.newest]
            new = registry.claim("demo", "Title", takeover=True)
            old.send(BLOCK[50:])
            old.hang_up(STOP_CODE)
            await old.gone()
            assert broadcast.order.value == "live"
            assert broadcast.accepts_publisher
            assert all(epoch is None or epoch.buffer.end == 0 for epoch in epochs)
            assert new.verdict is None
            new.close()

    asyncio.run(story())


def test_a_connection_that_breaks_leaves_its_broadcast_interrupted_and_one_that_stops_ends_it(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            first = await Wire(registry).resumable()
            first.say(type="start", mime="video/webm")
            identity = (await first.hear("ready"))["broadcast"]
            (broadcast,) = registry
            first.hang_up()
            await first.gone()
            assert broadcast.state.value == "interrupted"
            again = await Wire(registry).resumable()
            again.say(type="resume", broadcast=identity, epoch=0)
            await again.hear("ready")
            again.say(type="stop")
            assert (await again.hear("ended"))["media_time"] == 0.0
            assert (await again.hear("close"))["code"] == 1000
            await again.gone()
            late = await Wire(registry).resumable()
            late.say(type="resume", broadcast=identity, epoch=0)
            await late.hear("ended")
            assert (await late.hear("close"))["code"] == 1000
            await late.gone()

    asyncio.run(story())


def test_clocks_are_compared_so_that_the_server_knows_when_media_was_captured(tmp_path: Path) -> None:
    ahead = 1000.0

    async def story() -> None:
        async with running(tmp_path) as registry:
            wire = await Wire(registry).resumable()
            wire.say(type="start", mime="video/webm")
            assert (await wire.hear("ready"))["clock"] is True
            (broadcast,) = registry
            wire.send(HALF)
            sent = time.monotonic() + ahead
            wire.say(type="clock", sent=sent, began=sent - 5)
            assert (await wire.hear("clock"))["sent"] == sent
            assert broadcast.reception.newest is not None
            trace = broadcast.reception.newest.trace
            assert trace.began is None  # the way back is not known yet
            heard = time.monotonic() + ahead
            wire.say(type="clock", sent=heard, heard=heard, began=sent - 5)
            await wire.arrived(lambda: trace.began is not None, True)
            assert trace.began == pytest.approx(sent - ahead - 5, abs=heard - sent)
            wire.hang_up()
            await wire.gone()

    asyncio.run(story())
