"""Whether somebody has set the machine's clock. Pure."""

from __future__ import annotations

_LEAST = 1.0  # seconds: by less it is moved a little at a time, or was read slowly
_SLOW = 0.1  # seconds that a reading may take


class WallClock:
    """Compared with one that nobody can set; that one stands still while a machine sleeps."""

    def __init__(self) -> None:
        self._ahead: float | None = None  # by which the wall clock shows more

    def read(self, before: float, wall: float, after: float) -> float:
        """By how many seconds it jumped since the last reading, 0 where it did not.

        ``wall``: Unix time; ``before`` and ``after`` it was read, the other clock's time (s).
        """
        if after - before > _SLOW:  # we were held up between them, which is no jump
            return 0.0
        ahead = wall - before
        jump = 0.0 if self._ahead is None else ahead - self._ahead
        self._ahead = ahead
        return jump if abs(jump) >= _LEAST else 0.0
