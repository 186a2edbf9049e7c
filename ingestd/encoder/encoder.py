"""One life of one FFmpeg: an object of this class is started once, ends once, and is thrown away.

Many lives, one broadcast: that is the supervisor's matter (``ingestd.broadcast``).
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from ingestd.encoder.argv import Plan, argv
from ingestd.encoder.feed import Feed, Source
from ingestd.encoder.progress import Progress
from ingestd.encoder.words import parse
from ingestd.processes import Child, Exit
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.encoder")

# Said at every start, because nothing is probed; it means nothing here.
EXPECTED = (
    "not enough frames to estimate rate",
    "Could not find codec parameters",
    "Consider increasing the value for the 'analyzeduration'",
    "Estimating duration",
    "Changing video frame properties",
)


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """What every generation has in common; ``memory`` is in MiB, 0: no limit."""

    program: str
    scratch: Path
    nice: int = 0
    memory: int = 0


class Encoder:
    """FFmpeg, fed from the replay buffer, pushing its renditions by RTMP."""

    def __init__(self, child: Child, feed: Feed, name: str) -> None:
        self._child = child
        self.feed = feed
        self.progress = Progress()
        self._tasks = Tasks(f"encoder/{name}")
        self._progress = self._tasks.spawn(self._read_progress(), "progress")
        self.pid = child.pid

    @classmethod
    async def start(
        cls, plan: Plan, source: Source, first: int, settings: EncoderSettings, on_drained: Callable[[], None]
    ) -> Encoder:
        """Spawn FFmpeg for ``plan`` and feed it from fragment ``first`` on."""
        feed = Feed(source, plan.init, first, on_drained)
        name = next(iter(plan.targets.values())).rpartition("/")[2].rpartition("-")[0]
        try:
            child = await Child.start(
                argv(settings.program, plan),
                name=name,
                cwd=settings.scratch,
                stdin=feed.read_end,
                on_line=log_line,
                ignore=EXPECTED,
                nice=settings.nice,
                memory=settings.memory,
                expendable=True,
            )
        except BaseException:
            feed.close()
            raise
        feed.close_read_end()
        encoder = cls(child, feed, name)
        feed.pump()
        return encoder

    async def _read_progress(self) -> None:
        async for line in self._child.output():
            self.progress.line(line)

    async def wait(self) -> Exit:
        """Until FFmpeg has ended by itself, and its last report was read."""
        await asyncio.wait({self._progress})
        ended = await self._child.wait()
        await self._close()
        return ended

    def kill(self) -> None:
        """End FFmpeg at once; :meth:`wait` tells when it is over."""
        self._child.signal(signal.SIGKILL)

    async def stop(self) -> Exit:
        """End FFmpeg, if it still runs: what of it is not listed is made again anyway."""
        ended = await self._child.stop(0)
        await self._close()
        return ended

    async def _close(self) -> None:
        self.feed.close()
        await self._tasks.close()


def log_line(line: str) -> None:
    """A line of FFmpeg's stderr, at its own level."""
    level, words = parse(line)
    log.log(logging.getLevelNamesMapping()[level.upper()], "ffmpeg", line=words)
