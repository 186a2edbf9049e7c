"""How long to wait before the next attempt to reach the server. Pure; times are seconds."""

from __future__ import annotations

from random import Random

_FIRST = 0.25
_SOON = 1.0  # the longest wait while the loss is recent: a server that restarts is met at once
_RECENT = 60.0
_LATE = 5.0
_SPREAD = 0.2  # the share of a wait that the server asked for, that chance adds to it
_JITTER = 0.5  # the share of a wait that chance takes off, so that not all publishers come at once


class Waits:
    """At once, then 0.25 s doubled up to 1 s, later up to 5 s; always jittered by up to half."""

    def __init__(self, random: Random | None = None) -> None:
        self._random = random or Random()
        self._attempt = 0

    def reset(self) -> None:
        """A connection has held: the next loss is another one."""
        self._attempt = 0

    def next(self, since_loss: float, *, later: bool = False, at_least: float = 0.0) -> float:
        """The next wait; ``later``: the server is there, and asks to be left alone for a while, or for
        ``at_least`` so long. Then chance adds to it, as nobody is to come earlier."""
        if at_least:
            return at_least * (1 + _SPREAD * self._random.random())
        longest = _LATE if later or since_loss >= _RECENT else _SOON
        first = _SOON if later else _FIRST
        step, self._attempt = self._attempt, min(self._attempt + 1, 30)
        if later:
            step += 1
        if step == 0:
            return 0.0
        return min(longest, first * 2.0 ** (step - 1)) * (1 - _JITTER * self._random.random())
