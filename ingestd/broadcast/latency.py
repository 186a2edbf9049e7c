"""How long media takes from the publisher's hand into the playlist, step by step. Pure.

Of each segment its first picture counts: so old is it when a player can have it at the earliest. Times
are seconds of one clock that never goes back, given by the caller.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate

BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 60.0)
"""Upper bounds of a histogram's buckets, in seconds; above them is one more."""

# Fragments whose times are remembered. A publisher's message is one or two: those of 250 ms, as the page
# sends, may wait a quarter of an hour for the playlist. Smaller ones, or the pieces in which RTMP is read,
# some minutes; what waits longer is not measured.
_MARKS = 4096
_ROUNDED = 0.001  # seconds by which the place of a segment and that of a fragment may differ
_LONGEST = 3600.0  # seconds: what is said to be older was told by a clock that is wrong


class Step(StrEnum):
    """A part of the way, or all of it; the values are those of a label."""

    RECEIVED_TO_ENCODER = "received_to_encoder"
    ENCODER_TO_SEGMENT = "encoder_to_segment"
    SEGMENT_TO_PLAYLIST = "segment_to_playlist"
    RECEIVED_TO_PLAYLIST = "received_to_playlist"
    GLASS_TO_PLAYLIST = "glass_to_playlist"


@dataclass(slots=True)
class Histogram:
    """Of seconds. ``counts``: in each bucket alone, the last one has no bound; ``total``: their sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def add(self, other: Histogram) -> None:
        self.counts = [mine + more for mine, more in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """Every bound, the last of which is infinite, and how many lie at or below it."""
        return zip((*BOUNDS, float("inf")), accumulate(self.counts), strict=True)


class Latency:
    """What was measured, by step."""

    def __init__(self) -> None:
        self.steps = {step: Histogram() for step in Step}

    def observe(self, step: Step, seconds: float) -> None:
        self.steps[step].observe(max(0.0, seconds))

    def add(self, other: Latency) -> None:
        for step, histogram in self.steps.items():
            histogram.add(other.steps[step])


@dataclass(slots=True)
class _Mark:
    """A fragment: where it begins (media time), and when it came and was first fed to an encoder."""

    number: int
    media_time: float
    received: float
    fed: float | None = None


class Trace:
    """When the media of one epoch came, as far as it does not stand in the playlist yet.

    ``began`` is the moment at which media time 0 was captured, where the publisher tells.
    """

    def __init__(self) -> None:
        self.began: float | None = None
        self._marks: deque[_Mark] = deque(maxlen=_MARKS)
        self._unfed: deque[_Mark] = deque(maxlen=_MARKS)

    def received(self, number: int, media_time: float, now: float) -> None:
        """The fragment of that number came."""
        mark = _Mark(number, media_time, now)
        self._marks.append(mark)
        self._unfed.append(mark)

    def fed(self, number: int, now: float) -> None:
        """An encoder has all before that number. What a later one gets again has been fed already."""
        while self._unfed and self._unfed[0].number < number:
            self._unfed.popleft().fed = now

    def listed(self, media_time: float, closed: float, now: float, latency: Latency) -> None:
        """A segment that begins at ``media_time`` and was ``closed`` then now stands in the playlist."""
        place = media_time + _ROUNDED
        while len(self._marks) > 1 and self._marks[1].media_time <= place:
            self._marks.popleft()
        if not self._marks or self._marks[0].media_time > place:
            return  # it came before our time
        mark = self._marks[0]
        if mark.fed is not None:
            latency.observe(Step.RECEIVED_TO_ENCODER, mark.fed - mark.received)
            latency.observe(Step.ENCODER_TO_SEGMENT, closed - mark.fed)
        latency.observe(Step.SEGMENT_TO_PLAYLIST, now - closed)
        latency.observe(Step.RECEIVED_TO_PLAYLIST, now - mark.received)
        if self.began is not None and 0 <= (glass := now - self.began - media_time) <= _LONGEST:
            latency.observe(Step.GLASS_TO_PLAYLIST, glass)
