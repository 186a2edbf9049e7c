"""A file's slices enter the backlog when they are due, connection or not: a camera does not wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

from ingestd.publish.backlog import Backlog
from ingestd.publish.errors import Failure
from ingestd.publish.pacing import Slice


class Recorder:
    """Paces one recording.

    ``live`` is set by its owner when the first slice may be sent: from then on time runs. ``news`` is
    set here whenever there is more to send, ``freed`` by the owner whenever something has become safe.
    Where the backlog is full the file waits, and the rest of it is due that much later: that is better
    than to lose it. ``waiting`` says so. ``began`` is when the newest epoch had media time 0 (monotonic
    clock, s), as if a camera had made it; None: it is not paced as one.
    """

    def __init__(self, backlog: Backlog, speed: float) -> None:
        self.live = asyncio.Event()
        self.news = asyncio.Event()
        self.freed = asyncio.Event()
        self.waiting = False
        self.began: float | None = None
        self._backlog = backlog
        self._speed = speed
        self._clock = asyncio.get_running_loop().time

    async def run(self, first: Slice, rest: AsyncGenerator[Slice, None]) -> Failure | None:
        """Record ``rest``; ``first`` is in the backlog already. Returns why the file could not be read
        to its end. However this ends, the recording is complete then."""
        try:
            await self.live.wait()
            began = self._clock() - self._at(first)
            async for piece in rest:
                await self._until(began + self._at(piece))
                began += await self._room(piece)
                self._backlog.append(piece)
                self.began = time.monotonic() - piece.time if self._speed == 1 else None
                self.news.set()
        except Failure as failure:
            return failure
        finally:
            self._backlog.finish()
            self.news.set()
        return None

    def _at(self, piece: Slice) -> float:
        return piece.due / self._speed if self._speed else 0.0

    async def _until(self, when: float) -> None:
        """What is overdue goes at once."""
        late = when - self._clock()
        if self._speed and late > 0:
            await asyncio.sleep(late)

    async def _room(self, piece: Slice) -> float:
        """Wait until the backlog has room; how many seconds that took."""
        began = self._clock()
        while not self._backlog.has_room(piece):
            self.waiting = True
            self.freed.clear()
            await self.freed.wait()
        waited = self._clock() - began if self.waiting else 0.0
        self.waiting = False
        return waited
