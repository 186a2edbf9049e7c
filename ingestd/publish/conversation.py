"""One connection of the resumable protocol, from its greeting to its end."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable

from ingestd.publish import dialogue
from ingestd.publish.backlog import Begin, Bytes, Link, Outgoing, Violation
from ingestd.publish.clock import OwnClock
from ingestd.publish.connection import Connection
from ingestd.publish.dialogue import Ack, Clock, Ended, Error, Heard, Ready
from ingestd.publish.errors import UNEXPLAINED, Closed
from ingestd.tasks import Tasks

READY_SECONDS = 10.0
"""For the server to answer the greeting."""
SILENT_SECONDS = 8.0
"""A server says something every second; after so long without a word the connection is dead, whatever
TCP thinks of it."""
_CLOCK_SECONDS = 1.0  # from one comparison of clocks to the next


class Conversation:
    """Lives exactly once. When :meth:`run` is over, nothing of it is left that could touch the backlog.

    ``took`` is told of all that the server says, ``sent`` of all bytes that were sent; ``began`` tells
    when the newest epoch had media time 0 (monotonic clock, s; None: nobody knows). Afterwards
    ``end`` says how it was closed (None: the server fell silent), ``error`` what the server gave as
    the reason, ``ended`` whether it has said that all of it is in the playlist.
    """

    def __init__(
        self,
        connection: Connection,
        link: Link,
        news: asyncio.Event,
        took: Callable[[Heard], None],
        sent: Callable[[Bytes], None],
        began: Callable[[], float | None],
    ) -> None:
        self.ready = False
        self.ended = False
        self.end: Closed | None = None
        self.error: Error | None = None
        self._fault: Exception | None = None
        self._connection = connection
        self._link = link
        self._news = news
        self._took = took
        self._sent = sent
        self._began = began
        self._clock_due = math.inf  # when the server is to be told our clock
        self._clock = OwnClock()
        self._tasks = Tasks("publish connection")

    @property
    def unanswered(self) -> bool:
        """Whether the connection went away without the server having given any reason."""
        return self.error is None and (self.end is None or self.end.code in UNEXPLAINED)

    async def run(self, greeting: str) -> None:
        """Greet, send what is to be sent, hear what is said; until the end. Raises :class:`Violation`."""
        try:
            with contextlib.suppress(Closed):  # what the server said before it closed comes first
                await self._connection.say(greeting)
            while not self.ended:
                limit = SILENT_SECONDS if self.ready else READY_SECONDS
                self._hear(await self._connection.hear(limit))
            await self._connection.leave()
        except Closed as end:
            self.end = end
        except TimeoutError:
            pass
        finally:
            self._connection.abort()
            await self._tasks.close()
        if self._fault:
            raise self._fault

    def _hear(self, said: str | bytes) -> None:
        message = dialogue.heard(said)
        match message:
            case Ready():
                self._begin(message)
            case Ack():
                self._link.ack(message.epoch, message.offset, message.media_time)
            case Clock():
                self._clock.answered(message.sent, time.monotonic())
            case Error():
                self.error = message
            case Ended():
                self.ended = True
        if message:
            self._took(message)

    def _begin(self, ready: Ready) -> None:
        if self.ready:
            raise Violation("The server has said ready twice.")
        self._link.ready(ready.broadcast, ready.epoch, ready.offset)
        self.ready = True
        if ready.clock:
            self._clock_due = 0.0
        self._tasks.spawn(self._send(), "send")

    async def _send(self) -> None:
        """Send what is next, for ever; the end of the connection is for the listener to see."""
        try:
            while True:
                outgoing = self._link.next()
                if outgoing is None:
                    self._news.clear()
                    await self._news.wait()
                else:
                    await self._say(outgoing)
        except Closed:
            return
        except Exception as fault:  # ours: nobody must wait for bytes that will never be sent
            self._fault = fault
            self._connection.abort()

    async def _say(self, outgoing: Outgoing) -> None:
        match outgoing:
            case Bytes():
                await self._connection.say(outgoing.data)
                self._sent(outgoing)
                await self._tell_clock()
            case Begin():
                await self._connection.say(dialogue.begin(outgoing))
            case _:
                await self._connection.say(dialogue.STOP)

    async def _tell_clock(self) -> None:
        """Between two pieces, so that it is clear of which epoch it speaks."""
        now = time.monotonic()
        if now >= self._clock_due:
            self._clock_due = now + _CLOCK_SECONDS
            began = self._began() if self._link.at_newest else None
            await self._connection.say(dialogue.clock(now, self._clock.told(now), began))
