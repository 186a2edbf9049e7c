"""What is counted of broadcasts, in plain integers: of one that is open, and of all since the start. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ingestd.broadcast.latency import Latency


@dataclass(slots=True)
class Counts:
    """Of one broadcast, or of several; each only grows."""

    segments: int = 0
    segment_bytes: int = 0
    discontinuities: int = 0  # lines in public playlists
    given_up: int = 0  # bytes
    dropped: int = 0  # frames that encoders left out
    duplicated: int = 0  # frames that encoders repeated
    restarts: Counter[str] = field(default_factory=Counter)  # by reason
    latency: Latency = field(default_factory=Latency)

    def add(self, other: Counts) -> None:
        self.segments += other.segments
        self.segment_bytes += other.segment_bytes
        self.discontinuities += other.discontinuities
        self.given_up += other.given_up
        self.dropped += other.dropped
        self.duplicated += other.duplicated
        self.restarts.update(other.restarts)
        self.latency.add(other.latency)


@dataclass(slots=True)
class Totals(Counts):
    """Since the start: what :class:`Counts` has, of broadcasts that are over; the rest, of all."""

    messages: int = 0
    received: int = 0  # bytes
    resumes: int = 0
    connections: Counter[str] = field(
        default_factory=lambda: Counter(websocket=0, rtmp=0, whip=0)
    )  # let in, by way
    refusals: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)  # by last state
