"""What the segments of a rendition really weigh: the bandwidths of a multivariant playlist. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Measured:
    """What the segments of a rendition really weigh."""

    size: int = 0  # bytes
    duration: float = 0.0  # seconds
    peak: float = 0.0  # bit/s of the heaviest segments that last about a target duration
    _latest: deque[tuple[int, float]] = field(default_factory=deque)  # that may belong to one run

    def add(self, size: int, duration: float, target: int) -> None:
        """Peak segment bit rate by RFC 8216 §4.1: of any segments in a row that last 0.5 to 1.5 targets."""
        self.size += size
        self.duration += duration
        self._latest.append((size, duration))
        bytes_, seconds, run = 0, 0.0, 0
        for weight, length in reversed(self._latest):
            if run and seconds + length > 1.5 * target:
                break
            bytes_, seconds, run = bytes_ + weight, seconds + length, run + 1
            if seconds >= 0.5 * target:
                self.peak = max(self.peak, bytes_ * 8 / seconds)
        while len(self._latest) > run:
            self._latest.popleft()

    @property
    def average(self) -> float:
        return self.size * 8 / self.duration if self.duration else 0.0
