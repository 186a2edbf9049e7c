"""From the replay buffer into a real pipe."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable, Iterator

import pytest

from ingestd.broadcast.replay import ReplayBuffer
from ingestd.container.model import Fragment, InitSegment
from ingestd.encoder.feed import Feed

INIT = InitSegment(b"<init>", "matroska", ())
LARGE = 1 << 20  # bytes: more than the pipe takes at once


@pytest.fixture(autouse=True)
def no_descriptor_is_left() -> Iterator[None]:
    before = set(os.listdir("/proc/self/fd"))
    yield
    assert set(os.listdir("/proc/self/fd")) <= before


def buffer(*pieces: bytes, complete: bool = True, prefix: bytes = b"") -> ReplayBuffer:
    made = ReplayBuffer(1 << 30)
    for number, piece in enumerate(pieces):
        put(made, piece, starts=number == 0, prefix=prefix)
    made.complete = complete
    return made


def put(to: ReplayBuffer, piece: bytes, *, starts: bool = False, prefix: bytes = b"") -> None:
    to.append(Fragment(0, memoryview(piece), 0.0, 0.0, starts, prefix))


class Reader:
    """The encoder's end of the pipe."""

    def __init__(self, feed: Feed) -> None:
        self._file = os.fdopen(os.dup(feed.read_end), "rb", buffering=0)
        os.set_blocking(self._file.fileno(), False)
        feed.close_read_end()

    def now(self) -> bytes | None:
        """What is there at this moment; None: nothing yet."""
        return self._file.read(100_000)

    async def all(self) -> bytes:
        """Everything up to the end, while the feed goes on writing."""
        found = bytearray()
        while (piece := self.now()) != b"":
            found += piece or b""
            await asyncio.sleep(0)
        return bytes(found)

    def close(self) -> None:
        self._file.close()


Story = Callable[[Feed, Reader, list[int]], Awaitable[None]]


def play(source: ReplayBuffer, story: Story, start: int = 0) -> list[int]:
    """Play a story with a feed; the numbers that it had come to whenever something was written."""
    drained: list[int] = []

    async def run() -> None:
        feed = Feed(source, INIT, start, lambda: drained.append(feed.number))
        reader = Reader(feed)
        try:
            await story(feed, reader, drained)
        finally:
            feed.close()
            reader.close()

    asyncio.run(run())
    return drained


def test_the_init_segment_and_every_fragment_arrive_in_order_and_then_the_end() -> None:
    async def story(feed: Feed, reader: Reader, _: list[int]) -> None:
        feed.pump()
        assert feed.finished
        assert await reader.all() == b"<init>onetwothree"

    assert play(buffer(b"one", b"two", b"three"), story) == [3]


def test_a_unit_inside_a_cluster_gets_its_prefix_and_no_later_one_does() -> None:
    async def story(feed: Feed, reader: Reader, _: list[int]) -> None:
        feed.pump()
        assert await reader.all() == b"<init><cluster>twothree"

    source = buffer(b"one", complete=False)
    put(source, b"two", starts=True, prefix=b"<cluster>")
    put(source, b"three", starts=True, prefix=b"<another>")
    source.complete = True
    play(source, story, start=1)


def test_fragments_that_come_later_are_written_when_they_come() -> None:
    source = buffer(complete=False)

    async def story(feed: Feed, reader: Reader, drained: list[int]) -> None:
        feed.pump()
        assert (feed.number, feed.finished) == (0, False)
        put(source, b"one", starts=True)
        feed.pump()
        put(source, b"two")
        feed.pump()
        assert (feed.number, drained) == (2, [0, 1, 2])
        assert reader.now() == b"<init>onetwo"
        source.complete = True
        feed.pump()
        assert feed.finished
        assert await reader.all() == b""

    play(source, story)


def test_what_does_not_fit_into_the_pipe_waits_and_goes_on() -> None:
    pieces = [bytes((number,)) * LARGE for number in range(3)]

    async def story(feed: Feed, reader: Reader, drained: list[int]) -> None:
        feed.pump()
        assert (feed.finished, feed.number, drained) == (False, 1, [1])
        feed.pump()  # one more arrival changes nothing: the pipe is still full
        assert drained == [1]
        assert await reader.all() == b"<init>" + b"".join(pieces)
        assert feed.finished

    drained = play(buffer(*pieces), story)
    assert drained[-1] == 3
    assert drained == sorted(drained)


def test_a_reader_that_is_gone_closes_the_feed() -> None:
    async def story(feed: Feed, reader: Reader, _: list[int]) -> None:
        reader.close()
        feed.pump()
        assert not feed.finished
        feed.pump()

    assert play(buffer(b"one", b"two"), story) == [0]


def test_a_reader_that_goes_while_the_pipe_is_full_closes_the_feed() -> None:
    source = buffer(bytes(LARGE), complete=False)

    async def story(feed: Feed, reader: Reader, drained: list[int]) -> None:
        feed.pump()
        reader.close()
        while len(drained) < 2:  # noqa: ASYNC110 - until the event loop has told the feed
            await asyncio.sleep(0)
        feed.pump()
        assert not feed.finished
        assert len(drained) == 2

    play(source, story)


def test_a_feed_that_is_closed_while_the_pipe_is_full_writes_no_more() -> None:
    async def story(feed: Feed, reader: Reader, drained: list[int]) -> None:
        feed.pump()
        feed.close()
        feed.close()
        loop = asyncio.get_running_loop()
        assert not any(loop.remove_writer(number) for number in range(100)), "the event loop has let go of it"
        feed.pump()
        assert (feed.finished, drained) == (False, [1])

    play(buffer(bytes(LARGE)), story)


def test_the_pipe_is_large_and_not_inherited_and_its_ends_are_closed() -> None:
    feed = Feed(buffer(), INIT, 0, lambda: None)
    ends = set(os.listdir("/proc/self/fd"))
    assert not os.get_inheritable(feed.read_end)
    assert fcntl.fcntl(feed.read_end, fcntl.F_GETPIPE_SZ) > 64 * 1024, "takes a message of a quarter second"
    feed.close()
    assert feed.read_end == -1
    assert len(ends - set(os.listdir("/proc/self/fd"))) >= 2
