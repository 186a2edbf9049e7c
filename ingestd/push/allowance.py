"""How much somebody may ask of us: an amount a second, and some of it saved up. Pure."""

from __future__ import annotations

from ingestd.push.amf import Malformed


class Allowance:
    """``rate`` a second, ``burst`` at most at once; times are handed in (monotonic seconds)."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._left = burst
        self._at: float | None = None

    def take(self, amount: float, now: float) -> None:
        """Raises :class:`Malformed` when there is not so much left."""
        since = now - (now if self._at is None else self._at)
        self._left = min(self._burst, self._left + since * self._rate) - amount
        self._at = now
        if self._left < 0:
            raise Malformed("it says more than a server has to say")
