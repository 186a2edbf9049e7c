"""The plain protocol: bytes on one connection, and no acks. What breaks it ends it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from ingestd.publish.connection import Connection
from ingestd.publish.errors import Exit, Failure
from ingestd.publish.interrupts import Interrupts
from ingestd.publish.pacing import Slice
from ingestd.publish.progress import Progress
from ingestd.tasks import Tasks


class PlainPublisher:
    """One connection that takes one file."""

    def __init__(self, connection: Connection, speed: float, progress: Progress) -> None:
        self._connection = connection
        self._speed = speed
        self._progress = progress
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()

    async def run(self, first: Slice, rest: AsyncGenerator[Slice, None], interrupts: Interrupts) -> Exit:
        """Send all; the exit code. Raises :class:`Failure` where it ended otherwise."""
        tasks = Tasks("publish")
        tasks.spawn(self._progress.run(), "progress")
        tasks.spawn(self._connection.swallow(), "swallow")
        sender = tasks.spawn(self._send(first, rest), "send")
        interrupts.first = sender.cancel
        try:
            await asyncio.wait({sender})
            failure = None if sender.cancelled() else sender.result()
            return await self._finish(failure, interrupts)
        finally:
            await tasks.close()
            self._connection.abort()

    async def _finish(self, failure: Failure | None, interrupts: Interrupts) -> Exit:
        """The recording is complete, as far as it goes: also when its file is damaged, or after Ctrl-C."""
        if failure and failure.exit is not Exit.UNUSABLE:
            self._progress.say(self._progress.summary())
            raise failure
        try:
            await self._connection.stop()
        except Failure as unconfirmed:
            if not interrupts.happened:
                raise
            self._progress.complain(str(unconfirmed))
            return Exit.INTERRUPTED
        self._progress.say(f"{self._progress.summary()}; the server has confirmed the end")
        if failure:
            raise failure
        return Exit.INTERRUPTED if interrupts.happened else Exit.SENT

    async def _send(self, first: Slice, rest: AsyncGenerator[Slice, None]) -> Failure | None:
        """Every message when it is due; why it could not go on."""
        try:
            await self._message(first)
            async for message in rest:
                await self._message(message)
        except Failure as failure:
            return failure
        return None

    async def _message(self, message: Slice) -> None:
        if self._speed:
            await self._until(self._started + message.due / self._speed)
        await self._connection.send(message.data)
        self._progress.sent(message.due, len(message.data))

    async def _until(self, when: float) -> None:
        """Wait; not longer than the connection lives."""
        if when <= self._clock():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(when):
                await self._connection.wait_closed()
