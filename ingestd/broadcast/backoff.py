"""How long to wait before the next generation: at once, then longer and longer. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_DOUBLINGS = 64  # beyond any cap; a power without bound overflows


@dataclass(slots=True)
class Backoff:
    """Counts failures in a row.

    The first restart is immediate, so that a single fault costs viewers nothing; then ``base``
    seconds, doubled each time up to ``cap``, and spread by up to half of it (jitter), so that
    many broadcasts that fell together do not come back together.
    """

    limit: int  # failures in a row after which the breaker opens
    base: float = 0.25  # seconds
    cap: float = 8.0  # seconds
    failures: int = 0

    def fail(self, random: float) -> float | None:
        """Note a failure; seconds to wait (``random`` in 0…1 spreads them), None: give up."""
        self.failures += 1
        if self.failures > self.limit:
            return None
        if self.failures == 1:
            return 0.0
        delay = min(self.cap, self.base * 2.0 ** min(self.failures - 2, _DOUBLINGS))
        return delay * (1 - 0.5 * random)

    def succeed(self) -> None:
        """Media reached the playlist: the next failure is a first one again."""
        self.failures = 0
