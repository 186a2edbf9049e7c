"""Who wants to know which broadcasts have changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from ingestd.broadcast.broadcast import Broadcast


class Subscriber:
    """Which broadcasts have changed since it last looked: a set, so a slow reader costs no memory."""

    def __init__(self) -> None:
        self._dirty: dict[str, Broadcast] = {}
        self._wake = asyncio.Event()
        self._closed = asyncio.Event()

    def note(self, broadcast: Broadcast) -> None:
        self._dirty[broadcast.id] = broadcast
        self._wake.set()

    def close(self) -> None:
        self._closed.set()
        self._wake.set()

    async def changes(self) -> AsyncIterator[list[Broadcast]]:
        """Lists of broadcasts that have changed, until the server stops."""
        while not self._closed.is_set():
            await self._wake.wait()
            self._wake.clear()
            changed, self._dirty = list(self._dirty.values()), {}
            if changed:
                yield changed

    async def rest(self, seconds: float) -> None:
        """Let so much time pass, unless the server stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()
