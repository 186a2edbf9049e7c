"""What changes, told to everybody who reads it as events: made into text once, and told in rounds.

Thousands of pages are open while one broadcast is live, and each of its segments is a change. So a round
begins once a second at most, with all that has changed since the last. In it one stream is told after the
other, a few at a time: other work has its turn in between, and however many there are, they take no more
than a part of the processor; a round just takes longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ingestd.accounts.failures import by_address
from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.registry import Broadcasts
from ingestd.broadcast.subscriber import Subscriber
from ingestd.errors import Code, Refusal, Refused
from ingestd.tasks import Tasks
from ingestd.web.views import broadcast_view

OF_ONE = 100  # streams open at a time for one address: a school behind one is still served

_EVERY = 1.0  # seconds from the beginning of one round to that of the next, at least
_AT_ONCE = 50  # streams
_PAUSE = 0.01  # seconds between so many and the next: 5,000 streams a second
_FRESH = 1.0  # seconds for which a text of a broadcast is good for a newcomer
_COME_BACK = 15  # seconds

_TOO_MANY = Refusal(
    Code.TOO_MANY, f"Your address has {OF_ONE} event streams open: close some.", retry_after=10
)


@dataclass(frozen=True, slots=True)
class News:
    """A broadcast that has changed, and the event that says so."""

    broadcast: Broadcast
    event: bytes


class Reading:
    """What one stream has yet to be told: of each broadcast the newest, so a slow reader costs no memory.

    ``channel``: the one that it is about; None: all.
    """

    def __init__(self, channel: str | None) -> None:
        self._channel = channel
        self._news: dict[str, News] = {}
        self._wake = asyncio.Event()
        self._closed = False

    def tell(self, news: Sequence[News]) -> None:
        for one in news:
            if self._channel in (None, one.broadcast.channel):
                self._news[one.broadcast.id] = one
                self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    async def next(self, seconds: float) -> list[News] | None:
        """What is new, as soon as anything is; nothing after so many seconds. None: the server stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        if self._closed:
            return None
        self._wake.clear()
        news, self._news = list(self._news.values()), {}
        return news


class Feed:
    """Takes ``most`` streams at a time; ``most_of_one`` from one address."""

    def __init__(self, broadcasts: Broadcasts, most: int, most_of_one: int = OF_ONE) -> None:
        self._broadcasts = broadcasts
        self._most, self._most_of_one = most, most_of_one
        self._open = Counter[str]()  # streams, by the place of who reads
        self._count = 0
        self._readings: dict[Reading, None] = {}  # as they came
        self._texts: dict[str, tuple[float, str]] = {}
        self._tasks = Tasks("feed")

    def __len__(self) -> int:
        """Streams that are open."""
        return self._count

    def start(self) -> None:
        self._tasks.spawn(self._tell(), "tell")

    async def close(self) -> None:
        await self._tasks.close()
        self._let_go()

    @contextlib.contextmanager
    def place(self, address: str) -> Iterator[None]:
        """One of the streams there may be. Raises :class:`Refused`."""
        place = by_address(address)
        if self._open[place] >= self._most_of_one:
            raise Refused(_TOO_MANY)
        if self._count >= self._most:
            words = f"The server has {self._count} event streams open, and takes no more of them."
            raise Refused(
                Refusal(Code.NO_CAPACITY, f"{words} Try again in {_COME_BACK} s.", retry_after=_COME_BACK)
            )
        self._open[place] += 1
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
            self._open[place] -= 1
            if not self._open[place]:
                del self._open[place]

    @contextlib.contextmanager
    def reading(self, one: Reading) -> Iterator[None]:
        """It is told what changes."""
        if self._broadcasts.closing:
            one.close()
        self._readings[one] = None
        try:
            yield
        finally:
            del self._readings[one]

    def snapshot(self, found: Sequence[Broadcast]) -> bytes:
        """The event that tells of these broadcasts. What is not true of it any more the next round tells."""
        now = time.monotonic()
        kept = (self._texts.get(one.id) or (0.0, "") for one in found)
        texts = [
            text if now - made < _FRESH else self._text(one, now)
            for one, (made, text) in zip(found, kept, strict=True)
        ]
        return event("snapshot", f'{{"broadcasts":[{",".join(texts)}]}}')

    def _text(self, one: Broadcast, now: float) -> str:
        text = dumped(broadcast_view(one))
        self._texts[one.id] = now, text
        return text

    async def _tell(self) -> None:
        """Until the server stops."""
        try:
            with self._broadcasts.subscribe() as subscriber:
                async for changed in subscriber.changes():
                    began = time.monotonic()
                    await self._round(subscriber, changed, began)
                    await subscriber.rest(began + _EVERY - time.monotonic())
        finally:
            self._let_go()

    async def _round(self, subscriber: Subscriber, changed: Sequence[Broadcast], now: float) -> None:
        self._texts.clear()  # before anybody can come who would not be told that they are old
        if not self._readings:
            return
        news = [News(one, event("broadcast", self._text(one, now))) for one in changed]
        readings = list(self._readings)
        for begin in range(0, len(readings), _AT_ONCE):
            for reading in readings[begin : begin + _AT_ONCE]:
                reading.tell(news)
            await subscriber.rest(_PAUSE)

    def _let_go(self) -> None:
        for reading in self._readings:
            reading.close()


def event(name: str, data: str) -> bytes:
    """As it is sent; ``data`` is one line."""
    return f"event: {name}\r\ndata: {data}\r\n\r\n".encode(errors="replace")


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
