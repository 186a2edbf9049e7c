"""Which segments of a playlist are sent, and when a tag of them is due. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

_EDGE = 2  # segments from the end of the playlist at which a push begins
_FAR = 15.0  # seconds behind the end of the playlist after which a push jumps back to it
_RATE = 1.25  # how much faster than real time may be sent


class Listed(Protocol):
    """A segment of a playlist."""

    @property
    def uri(self) -> str: ...
    @property
    def duration(self) -> float: ...
    @property
    def discontinuity(self) -> bool: ...


class Playlist(Protocol):
    """A media playlist: ``sequence`` is the number of the first segment."""

    @property
    def sequence(self) -> int: ...
    @property
    def segments(self) -> Sequence[Listed]: ...
    @property
    def ended(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """The segment that comes next; ``fresh``: it does not go on where the last one ended."""

    uri: str
    fresh: bool


class Follow:
    """Goes along a playlist, each segment once.

    What a connection that broke has taken is not sent again; one that is too slow for the stream
    leaves out what it is too far behind with, for the other side wants it live.
    """

    def __init__(self) -> None:
        self._next: int | None = None
        self._broken = True

    def reconnected(self) -> None:
        """Another connection: whatever comes first begins a run."""
        self._broken = True

    def take(self, playlist: Playlist) -> Piece | None:
        """The next segment, if it is listed."""
        segments, first = playlist.segments, playlist.sequence
        end = first + len(segments)
        edge = max(first, end - _EDGE)
        if self._next is None or self._next < first or self.behind(playlist) > _FAR:
            self._broken = self._broken or self._next != edge
            self._next = edge
        if self._next >= end:
            return None
        segment = segments[self._next - first]
        piece = Piece(segment.uri, segment.discontinuity or self._broken)
        self._next += 1
        self._broken = False
        return piece

    def has_more(self, playlist: Playlist) -> bool:
        return self._next is None or self._next < playlist.sequence + len(playlist.segments)

    def behind(self, playlist: Playlist) -> float:
        """Seconds that are listed and were not taken."""
        if self._next is None:
            return 0.0
        left = max(0, playlist.sequence + len(playlist.segments) - self._next)
        segments = list(playlist.segments)
        return sum(segment.duration for segment in segments[max(0, len(segments) - left) :])


class Pace:
    """Spreads a segment, which comes at once, over its time.

    A quarter faster than real time, so that whoever is behind catches up, and nobody is sent
    minutes at once.
    """

    def __init__(self) -> None:
        self._anchor: tuple[float, float] | None = None  # now, media time (s)

    def wait(self, media_time: float, now: float) -> float:
        """Seconds until a tag of this time is due."""
        if self._anchor is None:
            self._anchor = (now, media_time)
        began, start = self._anchor
        due = began + (media_time - start) / _RATE
        if due <= now:
            self._anchor = (now, media_time)
        return max(0.0, due - now)
