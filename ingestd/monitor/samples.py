"""A ring of measurements, one at each step of time, of a fixed size. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import isnan, nan
from typing import Any

SECONDS = 600


class Samples:
    """The last ``size`` measurements of each of ``names``, ``step`` seconds apart; where nothing was
    measured stands nothing."""

    def __init__(self, names: Sequence[str], size: int = SECONDS, step: float = 1.0) -> None:
        self._size = size
        self._step = step
        self._rings = {name: array("f", [nan]) * size for name in names}
        self._first = 0  # the step (monotonic clock) of the first that was measured
        self._last = -1  # of the last; none: below the first

    def add(self, now: float, values: Sequence[float | None]) -> None:
        """The values of this step, in the order of the names; steps that were missed stay empty."""
        tick = int(now / self._step)
        if self._last < self._first:
            self._first, self._last = tick, tick - 1
        for missed in range(max(self._last + 1, tick - self._size + 1), tick):
            self._put(missed, [None] * len(self._rings))
        self._last = max(self._last, tick)
        self._put(tick, values)

    def _put(self, tick: int, values: Sequence[float | None]) -> None:
        for ring, value in zip(self._rings.values(), values, strict=True):
            ring[tick % self._size] = nan if value is None else value

    @property
    def newest(self) -> int | None:
        """The number of the newest step: the clock's time of it, in steps."""
        return self._last if self._last >= self._first else None

    def view(self, now: float, last: int | None = None) -> dict[str, Any]:
        """For the API: ``seconds_ago`` is the age of the newest; lists are a step apart, oldest first.

        ``last``: no more than so many of them.
        """
        first = max(self._first, self._last + 1 - min(self._size, last or self._size))
        newest = self.newest
        return {
            "seconds_ago": None if newest is None else round(max(0.0, now - newest * self._step), 3),
            **{
                name: [_shown(ring[tick % self._size]) for tick in range(first, self._last + 1)]
                for name, ring in self._rings.items()
            },
        }


def until_next(now: float, step: float = 1.0) -> float:
    """Seconds to sleep until the middle of the next step: who wakes a little too early or too late has
    then measured in each step once."""
    return (now // step + 1.5) * step - now


def _shown(value: float) -> float | None:
    return None if isnan(value) else round(value, 3)
