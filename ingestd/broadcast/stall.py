"""Whether an encoder stands still: nothing new comes into the playlist, though media waits. Pure."""

from __future__ import annotations

_SEGMENTS = 3  # what lies in an open segment and in the encoder is less


class Stall:
    """Of one generation; times are seconds of one clock that never goes back.

    Media waits when that of three segments does, or the last of it: less lies in an open segment and in the
    encoder, also when the publisher is cut off, and then nothing is wrong here. Of a high bitrate and long
    segments so much never waits, for nothing more is read once ``ingest.ahead`` is full: then an encoder
    that does not take any of it stands still as well.
    """

    def __init__(self, segment: float, patience: float, now: float) -> None:
        """``patience``: seconds that it gets."""
        self._enough = _SEGMENTS * segment
        self._patience = patience
        self._since = now
        self._taken = now

    def listed(self, now: float) -> None:
        """Something new stands in the playlist."""
        self._since = now

    def taken(self, now: float) -> None:
        """The encoder has taken something."""
        self._taken = now

    def look(self, now: float, lag: float, *, full: bool, complete: bool) -> bool:
        """Whether it does now; to be asked several times a second.

        ``lag``: seconds of media that wait; ``full``: no more may wait for the encoder; ``complete``: no
        more will come.
        """
        if lag < self._enough and not complete:
            self._since = max(self._since, self._taken) if full else now
        return now - self._since > self._patience
