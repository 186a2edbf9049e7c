"""The picture of a broadcast on the pages, made again while anything new comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from ingestd.delivery.delivery import Delivery
from ingestd.delivery.poster import make_poster
from ingestd.errors import StartError

log = structlog.get_logger("ingestd.posters")


class Posters:
    """One with the first segment, then one every ``every`` seconds (0: none)."""

    def __init__(
        self, delivery: Delivery, program: str, every: float, poll: float, changed: Callable[[], None]
    ) -> None:
        self.made = 0
        self.path = delivery.directory / "poster.jpg"
        self._delivery = delivery
        self._program = program
        self._every = every
        self._poll = poll  # seconds between two looks for the first segment
        self._changed = changed

    async def run(self, over: asyncio.Event) -> None:
        """Until the broadcast is over."""
        last: Path | None = None
        while self._every > 0 and not over.is_set():
            segment = self._delivery.newest_file
            if segment is not None and segment != last and segment.exists():
                last = segment
                await self._make(segment)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every if last else self._poll):
                    await over.wait()

    async def _make(self, segment: Path) -> None:
        try:
            made = await make_poster(self._program, segment, self.path)
        except (StartError, OSError) as error:
            log.warning("poster_not_made", error=str(error))
            return
        if made:
            self.made += 1
            self._changed()
