"""Whether the encoder keeps up with real time: when to drop the top rendition, when to try it again. Pure.

The encoder is too slow when media waits for it all the time and its lag behind the clock grows all the
time. A backlog alone says nothing: after a reconnect or a restart there is one, and it shrinks. So what
is judged is the lag of each segment at the moment at which it came into the playlist: over a window
of ``slow_timeout`` seconds, or longer ones for a lag that grows slowly, each third of the window has
to end further behind than it began. One hiccup lies in one third; an encoder that has nothing to do is
never behind; and one that delivers nothing at all is not slow but stalled, which is for others to see.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

_IDLE = 2.0  # seconds that wait, beyond two segments, when the encoder is not the bottleneck
_SEGMENTS = 6  # in the shortest window: two for each third
_WINDOWS = (1, 2, 4)  # times the shortest
_PARTS = 3
_JITTER = 0.1  # seconds by which a segment is seen late, now more and now less
_FELT = 0.5  # seconds of lag that no jitter makes, not even on a busy machine
_DRIFT = 0.01  # seconds a second: an encoder this close to real time is left alone
_FLOWED = 0.5  # of the time during which all was well, media has to have come in
_DOUBLINGS = 4
_CRAWL = 0.5  # of the frame rate


class Verdict(StrEnum):
    """What the supervisor should do: each is a new generation."""

    DROP = "drop"  # with one rendition less, the largest
    CLIMB = "climb"  # with one more


@dataclass(frozen=True, slots=True)
class _Segment:
    """A look at which something new stood in the playlist; seconds."""

    at: float
    lag: float  # of media time behind the clock; only differences mean anything
    waiting: float


class Pace:
    """Judges generation after generation of one broadcast.

    ``slow_timeout``: seconds for which the encoder may fall behind, but six segments at least.
    ``climb_after``: seconds of good running after which a dropped rendition is tried again, doubled
    for each time in a row that the try fails within that time, up to sixteen times as long.
    """

    def __init__(self, slow_timeout: float, climb_after: float, segment: float = 1.0) -> None:
        self._window = max(slow_timeout, _SEGMENTS * segment)
        self._climb_after = climb_after
        self._little = 2 * segment + _IDLE
        self._dropped = 0
        self._commit: float | None = None  # as it was at the last look
        self._behind: deque[_Segment] = deque()  # since media waits without a break
        self._well: tuple[float, float] | None = None  # since when, and the commit then
        self._climbed: int | None = None  # how many were left out after the last climb
        self._climbed_at = 0.0
        self._failed: dict[int, int] = {}  # tries in a row that failed, by how many were left out

    def begin(self, dropped: int) -> None:
        """A generation starts, with so many renditions left out; what was before does not count."""
        self._dropped = dropped
        self._commit = None
        self._forget()

    def _forget(self) -> None:
        self._behind.clear()
        self._well = None

    def look(self, now: float, waiting: float, commit: float) -> Verdict | None:
        """Judge what is seen now, several times a second; each verdict is given once.

        ``waiting``: seconds of media that were received and do not stand in the playlist;
        ``commit``: media time that does.
        """
        if self._commit is None:
            self._commit = commit
        fresh, self._commit = commit > self._commit, commit
        if waiting <= self._little:
            self._behind.clear()
            self._well = self._well or ((now, commit) if fresh else None)
            return self._climb(now, commit)
        self._well = None
        if fresh:
            self._behind.append(_Segment(now, now - commit, waiting))
            return self._drop(now)
        return None

    def _drop(self, now: float) -> Verdict | None:
        while now - self._behind[0].at > _WINDOWS[-1] * self._window + self._little:
            self._behind.popleft()
        if not any(self._falls_behind(now, times * self._window) for times in _WINDOWS):
            return None
        self._blame(now)
        self._forget()
        return Verdict.DROP

    def _blame(self, now: float) -> None:
        """A rendition is dropped: if it had come back only lately, that try has failed."""
        level = self._dropped
        lately = self._climbed == level and now - self._climbed_at <= self._wait(level)
        self._failed[level] = min(_DOUBLINGS, self._failed.get(level, 0) + 1) if lately else 0
        self._climbed = None

    def _falls_behind(self, now: float, window: float) -> bool:
        """Whether the lag has grown in each third of the window that ends now, and no less media waits."""
        ends = [self._at(now - window * (1 - part / _PARTS)) for part in range(_PARTS + 1)]
        if ends[0] is None:
            return False
        lags = [end.lag for end in ends if end]  # none after the first is missing
        enough = _JITTER + _DRIFT * window / _PARTS
        grown = all(later - earlier > enough for earlier, later in zip(lags, lags[1:], strict=False))
        return grown and lags[-1] - lags[0] > _FELT and self._behind[-1].waiting > ends[0].waiting - _JITTER

    def _at(self, time: float) -> _Segment | None:
        """The newest segment at that time."""
        return next((segment for segment in reversed(self._behind) if segment.at <= time), None)

    def _climb(self, now: float, commit: float) -> Verdict | None:
        if not self._dropped or self._well is None:
            return None
        since, begun = self._well
        wait = self._wait(self._dropped - 1)
        if now - since < wait or commit - begun < _FLOWED * wait:
            return None
        self._climbed, self._climbed_at = self._dropped - 1, now
        self._forget()
        return Verdict.CLIMB

    def _wait(self, level: int) -> float:
        """Seconds of good running before it is tried to leave out only ``level`` renditions."""
        return float(self._climb_after * 2 ** self._failed.get(level, 0))


def crawls(frames: int, fps: float, frame_rate: int) -> bool:
    """Whether an encoder that delivers nothing in time does work, but far too slowly.

    ``frames`` and ``fps`` (the mean since its start) are what it says of itself. So slow an encoder
    brings no segment in time for :class:`Pace` to see; it looks stalled, and restarting it as it was
    would not help. One that hangs has no frames, or had them at full speed.
    """
    return frames > 0 and fps < _CRAWL * frame_rate
