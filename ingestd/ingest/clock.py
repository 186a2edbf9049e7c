"""How far a publisher's clock is from ours, as NTP estimates it (RFC 5905 §8). Pure.

The publisher says what its clock shows, we answer at once, and its next message says when it heard that, if
it has: not when it heard the answer to an earlier one, which may come in between where the way is long, and
would make the estimate wrong by seconds. Of NTP's four times two are the same then. Whatever had to wait on
one of the two ways makes the estimate wrong by half of that wait, so of the last exchanges the one with the
shortest way counts (§10).
"""

from __future__ import annotations

from collections import deque

_EXCHANGES = 8  # RFC 5905 §7.2, NSTAGE
_LONGEST_WAY = 1.0  # seconds there and back: half of it is how wrong the estimate may be


class PeerClock:
    """Times are seconds: ``sent`` and ``heard`` by the publisher's clock, whatever its zero is, all others
    by ours. Neither goes back."""

    def __init__(self) -> None:
        self._exchanges: deque[tuple[float, float]] = deque(maxlen=_EXCHANGES)  # way, and what to add
        self._last: tuple[float, float] | None = None  # when the last message was sent, and when it came

    def asked(self, sent: float, heard: float | None, now: float) -> None:
        """A message came, and is answered now. ``heard``: when the answer to the one before was; None: it was
        not yet, or that is not said."""
        if self._last and heard is not None:
            before, answered = self._last
            way = heard - before
            if 0 <= way <= _LONGEST_WAY and heard <= sent:  # else it says what cannot be, or is of no use
                self._exchanges.append((way, ((answered - before) + (answered - heard)) / 2))
        self._last = sent, now

    def ours(self, theirs: float) -> float | None:
        """The same moment by our clock; None as long as nobody knows."""
        return theirs + min(self._exchanges)[1] if self._exchanges else None
