"""A rendition that viewers can choose: its playlist, its weight, its lines for the journal. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ingestd.delivery.measured import Measured
from ingestd.delivery.playlist import MediaPlaylist, Segment
from ingestd.encoder.ladder import Rendition
from ingestd.journal.journal import SegmentRow


@dataclass(slots=True)
class Listed:
    """A rendition that the multivariant playlist names, for as long as the broadcast lasts."""

    rendition: Rendition
    media: MediaPlaylist
    measured: Measured = field(default_factory=Measured)
    broken: bool = True  # the next segment does not go on where the last one ended

    def bandwidths(self, over: bool) -> tuple[float, float]:
        """Peak and average in bit/s: as designed while live, as measured when it is over."""
        made, weighed = self.rendition, self.measured
        if over:
            return max(weighed.peak, weighed.average), weighed.average
        return max(made.bandwidth, weighed.peak), made.average_bandwidth

    def rows(self) -> Iterator[SegmentRow]:
        """All lines of its playlist, as if they weighed nothing."""
        before = self.media.discontinuities
        for sequence, line in enumerate(self.media.segments, self.media.sequence):
            yield self._row(sequence, before, line, 0)
            before += line.discontinuity

    def last_row(self, size: int) -> SegmentRow:
        """The last line, whose segment has ``size`` bytes."""
        media, line = self.media, self.media.segments[-1]
        before = media.discontinuities + sum(one.discontinuity for one in media.segments) - line.discontinuity
        return self._row(media.sequence + len(media.segments) - 1, before, line, size)

    def _row(self, sequence: int, before: int, line: Segment, size: int) -> SegmentRow:
        name = self.rendition.name
        return SegmentRow(
            name, sequence, before, line.uri, line.duration, line.date, line.discontinuity, size
        )
