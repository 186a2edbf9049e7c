"""Whether there is room for one broadcast more: measures once a second, and asks :mod:`load`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

import structlog

from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.lifecycle import State
from ingestd.broadcast.load import Load, Meter, cores, ladder_cost
from ingestd.errors import Code, Refusal

log = structlog.get_logger("ingestd.room")

_EVERY = 1.0  # seconds between two measurements


class Room:
    """Admission control; ``cost`` are the cores that a whole ladder is expected to take.

    A source's size is not known before it is taken, so the configured ladder counts.
    """

    def __init__(self, cost: float, preset: str, max_load: float) -> None:
        self._cost = cost
        self._preset = preset
        self._load = Load(cores(), max_load)

    def limit(self, max_load: float) -> None:
        """From now on this share of the machine may be in use."""
        self._load.max_load = max_load

    def refusal(self) -> Refusal | None:
        """Why no broadcast can be taken now, and when to ask again."""
        found = self._load.refusal(self._cost, self._load.starting(time.monotonic()))
        return Refusal(Code.NO_CAPACITY, *found) if found else None

    def take(self) -> None:
        """One was taken; its use will show later."""
        self._load.take(time.monotonic(), self._cost)

    def beside(self, cost: float) -> bool:
        """Whether so many cores are free for something beside the encoders, which has them from now on."""
        now = time.monotonic()
        if self._load.refusal(cost, self._load.starting(now)):
            return False
        self._load.take(now, cost)
        return True

    async def watch(self, broadcasts: Callable[[], Iterable[Broadcast]]) -> None:
        """Measure for ever, also where that fails for a while: what was measured last counts."""
        meter, failed = Meter(), False
        while True:
            try:
                self._measure(meter, broadcasts())
                failed = False
            except OSError as error:
                if not failed:
                    log.error(
                        "not_measured", what="the load, by which broadcasts are taken", error=str(error)
                    )
                failed = True
            await asyncio.sleep(_EVERY)

    def _measure(self, meter: Meter, broadcasts: Iterable[Broadcast]) -> None:
        live = {one.supervisor.encoder.pid: one for one in broadcasts if one.supervisor.encoder}
        reading = meter.read(time.monotonic(), live)
        if reading:
            steady = [pid for pid, one in live.items() if one.state is State.LIVE and pid in reading.used]
            used = sum(reading.used[pid] for pid in steady)
            expected = sum(self._expected(live[pid]) for pid in steady)
            self._load.sample(time.monotonic(), reading.busy, used, expected)

    def _expected(self, one: Broadcast) -> float:
        made = one.supervisor.active
        if not made:
            return 0.0
        return ladder_cost([(rung.width, rung.height) for rung in made], made[0].frame_rate, self._preset)
