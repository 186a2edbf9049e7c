"""The machine, as far as it says why a broadcast does badly; read at most once a second, whoever asks."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import psutil
import structlog

from ingestd.broadcast.load import Meter, cores
from ingestd.monitor.wall import WallClock
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.monitor.host")

FRESH = 1.0
"""Seconds for which what was read is good: a scrape a hundred times a second costs no more than one."""

_BEAT = 0.5  # seconds between two looks at how late the event loop is
_BEATS = 30  # looks that are remembered: as long as Prometheus may leave between two scrapes

_JUMPED = (
    "The machine's clock was set, or the machine slept. Broadcasts go on, for media go by another clock;"
    " dates that are shown, and when sessions, tokens and ended broadcasts run out, go by this one."
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Machine:
    """``cpu``: the share in use (0…1) of the processors that we may use, None at the first reading. Bytes.

    None: it cannot be read now, for want of a descriptor, or of the disk.
    """

    cpu: float | None
    memory: int | None
    memory_available: int | None
    disk: int | None
    disk_free: int | None


@dataclass(frozen=True, slots=True)
class Process:
    """CPU-seconds since its start, and resident bytes; zeros where it is gone, or cannot be read."""

    cpu: float = 0.0
    memory: int = 0


class Fresh:
    """What was read lately, by what it is of. What nobody asks for any more is let go."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._read: dict[Hashable, tuple[float, object]] = {}

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        now = self._clock()
        if key not in self._read or now - self._read[key][0] >= FRESH:
            self._read = {one: found for one, found in self._read.items() if now - found[0] < FRESH}
            self._read[key] = now, read()
        return cast(T, self._read[key][1])


class Host:
    """``data`` lies on the disk that matters; ``clock`` gives seconds and never goes back."""

    def __init__(self, data: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._data = data
        self._clock = clock
        self._fresh = Fresh(clock)
        self._meter = Meter()
        self._meter.read(clock(), ())
        self._late: deque[float] = deque([0.0], maxlen=_BEATS)
        self._tasks = Tasks("host")

    def start(self) -> None:
        self._tasks.spawn(self._beat(), "beat", eternal=True)

    async def close(self) -> None:
        await self._tasks.close()

    async def _beat(self) -> None:
        wall = WallClock()
        while True:
            due = self._clock() + _BEAT
            await asyncio.sleep(_BEAT)
            self._late.append(max(0.0, self._clock() - due))
            if jump := wall.read(self._clock(), time.time(), self._clock()):
                log.warning("clock_jumped", seconds=round(jump, 3), sentence=_JUMPED)

    @property
    def loop_lag(self) -> float:
        """Seconds by which the event loop was late, at worst in the last quarter of a minute."""
        return max(self._late)

    @property
    def machine(self) -> Machine:
        return self._fresh.get("machine", self._machine)

    def _machine(self) -> Machine:
        memory, disk = _try(psutil.virtual_memory), _try(lambda: shutil.disk_usage(self._data))
        busy = _try(lambda: self._meter.read(self._clock(), ()))
        return Machine(
            min(1.0, busy.busy / cores()) if busy else None,
            memory.total if memory else None,
            memory.available if memory else None,
            disk.total if disk else None,
            disk.free if disk else None,
        )

    def process(self, pid: int) -> Process:
        return self._fresh.get(pid, lambda: _process(pid))


def _try(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except OSError:
        return None


def _process(pid: int) -> Process:
    try:
        one: Any = psutil.Process(pid)
        times = one.cpu_times()
        return Process(times.user + times.system, one.memory_info().rss)
    except (psutil.Error, OSError):
        return Process()
