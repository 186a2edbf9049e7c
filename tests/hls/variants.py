"""RFC 8216 §6.2.4: do two variants of one presentation fit each other, and do the dates of one follow on?"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests.hls.model import MediaPlaylist, Segment, parse_media
from tests.hls.syntax import Text, Violation

_ROUNDING = 0.002  # seconds: a date and a duration have three decimals each
TOLERANCE = 0.05  # seconds; the same keyframe can be a frame off when two encodings are cut


@dataclass(frozen=True)
class _Timeline:
    """The dated segments by time; a playlist that keeps hours is too long for each against each."""

    segments: list[Segment]
    starts: list[float]
    longest: float

    @classmethod
    def of(cls, playlist: MediaPlaylist) -> _Timeline:
        dated = [(s.starts_at, s.sequence, s) for s in playlist.segments if s.starts_at is not None]
        dated.sort()
        longest = max(segment.duration for _, _, segment in dated)
        return cls([segment for _, _, segment in dated], [start for start, _, _ in dated], longest)

    def near(self, segment: Segment) -> list[Segment]:
        """All that can overlap this one, and few that do not."""
        if segment.starts_at is None:
            return []
        first = bisect_left(self.starts, segment.starts_at - self.longest)
        return self.segments[first : bisect_left(self.starts, segment.starts_at + segment.duration)]


def check_aligned(
    a: Text, b: Text, *, by_sequence: bool = False, tolerance: float = TOLERANCE
) -> list[Violation]:
    """Two variants fetched at the same time; lines are those of `b`.

    Segments correspond by date-time when both playlists have it, and by media sequence when they
    have not. `by_sequence` demands more than the RFC ("Playlists MAY have independent Media
    Sequence Numbers"): equal numbers for equal content.
    """
    one, other = parse_media(a), parse_media(b)
    dated = _is_dated(one) and _is_dated(other)
    found = [*_check_headers(one, other), *_check_all_dated(one, other)]
    if dated:
        found += [*_check_content(one, other), *_check_breaks(one, other, tolerance)]
        found += [*_check_window(one, other), *_check_holes(one, other), *_check_holes(other, one)]
    if by_sequence or not dated:
        found += _check_sequence(one, other, tolerance)
    return sorted(found, key=lambda violation: (violation.line, violation.clause))


def check_dates(text: Text) -> list[Violation]:
    """More than the RFC demands: what is listed later was recorded later, so a player that goes by dates
    never has two segments for one moment."""
    found = []
    for before, segment in pairwise(parse_media(text).segments):
        twice = _overlap(before, segment)
        if twice > _ROUNDING:
            message = f"{segment.uri} begins {twice:.3f} s before {before.uri} ends"
            found.append(Violation("dates", segment.line, message))
    return found


def _is_dated(playlist: MediaPlaylist) -> bool:
    return any(segment.program_date_time for segment in playlist.segments)


def _check_headers(one: MediaPlaylist, other: MediaPlaylist) -> Iterator[Violation]:
    """§6.2.4: "the same target duration"; the same EXT-X-PLAYLIST-TYPE in all or in none."""
    if one.target_duration != other.target_duration:
        message = f"target durations differ: {one.target_duration} and {other.target_duration}"
        yield Violation("§6.2.4", 0, message)
    if one.playlist_type != other.playlist_type:
        yield Violation("§6.2.4", 0, f"types differ: {one.playlist_type} and {other.playlist_type}")


def _check_all_dated(one: MediaPlaylist, other: MediaPlaylist) -> Iterator[Violation]:
    """§6.2.4: if any has EXT-X-PROGRAM-DATE-TIME, "all Media Playlists ... MUST contain" it."""
    if one.segments and other.segments and _is_dated(one) != _is_dated(other):
        yield Violation("§6.2.4", 0, "only one of the two has EXT-X-PROGRAM-DATE-TIME")


def _check_content(one: MediaPlaylist, other: MediaPlaylist) -> Iterator[Violation]:
    """§6.2.4: matching content "MUST have matching Discontinuity Sequence Numbers"."""
    for left, right in _matching(one, other):
        if left.discontinuity_sequence != right.discontinuity_sequence:
            yield _differ(left, right, "discontinuity sequence", "discontinuity_sequence")


def _differ(left: Segment, right: Segment, what: str, name: str) -> Violation:
    values = f"{getattr(left, name)} and {getattr(right, name)}"
    return Violation("§6.2.4", right.line, f"{left.uri} and {right.uri} differ in {what}: {values}")


def _matching(one: MediaPlaylist, other: MediaPlaylist) -> Iterator[tuple[Segment, Segment]]:
    """Pairs that share more than half of the shorter one's time: no rounding reaches that far."""
    timeline = _Timeline.of(other)
    for left in one.segments:
        for right in timeline.near(left):
            if _overlap(left, right) > min(left.duration, right.duration) / 2:
                yield left, right


def _overlap(left: Segment, right: Segment) -> float:
    if left.starts_at is None or right.starts_at is None:
        return 0.0
    end = min(left.starts_at + left.duration, right.starts_at + right.duration)
    return end - max(left.starts_at, right.starts_at)


def _check_breaks(one: MediaPlaylist, other: MediaPlaylist, tolerance: float) -> Iterator[Violation]:
    """§6.2.4: "matching timestamps": what begins after the same discontinuity begins at the same time."""
    breaks = {s.discontinuity_sequence: s for s in one.segments if s.discontinuity}
    for right in other.segments:
        left = breaks.get(right.discontinuity_sequence) if right.discontinuity else None
        if left and _apart(left, right) > tolerance:
            yield _differ(left, right, "date-time after the same discontinuity", "program_date_time")


def _apart(left: Segment, right: Segment) -> float:
    if left.starts_at is None or right.starts_at is None:
        return 0.0
    return abs(left.starts_at - right.starts_at)


def _check_window(one: MediaPlaylist, other: MediaPlaylist) -> Iterator[Violation]:
    """§6.2.4: content in one only, at either end, "MUST NOT be longer than the target duration"."""
    (begin, end), (other_begin, other_end) = _window(one), _window(other)
    most = (one.target_duration or 0) + 0.5  # durations are rounded before they are compared with it
    if abs(begin - other_begin) > most:
        yield Violation("§6.2.4", 0, f"the beginnings are {abs(begin - other_begin):.3f} s apart")
    if abs(end - other_end) > most:
        yield Violation("§6.2.4", 0, f"the ends are {abs(end - other_end):.3f} s apart")


def _window(playlist: MediaPlaylist) -> tuple[float, float]:
    starts = [(s.starts_at, s.starts_at + s.duration) for s in playlist.segments if s.starts_at is not None]
    return min(start for start, _ in starts), max(end for _, end in starts)


def _check_holes(one: MediaPlaylist, other: MediaPlaylist) -> Iterator[Violation]:
    """§6.2.4: content in one only "MUST appear either at the beginning or at the end"."""
    begin, end = _window(other)
    timeline = _Timeline.of(other)
    for segment in one.segments:
        start = segment.starts_at
        if start is None or start < begin or start + segment.duration > end:
            continue
        covered = sum(max(0.0, _overlap(segment, match)) for match in timeline.near(segment))
        if covered < segment.duration / 2:
            yield Violation("§6.2.4", 0, f"nothing in the other variant matches {segment.uri}")


def _check_sequence(one: MediaPlaylist, other: MediaPlaylist, tolerance: float) -> Iterator[Violation]:
    """Equal media sequence numbers: equal discontinuity sequence, date-time and duration."""
    numbered = {segment.sequence: segment for segment in one.segments}
    for right in other.segments:
        if left := numbered.get(right.sequence):
            if left.discontinuity_sequence != right.discontinuity_sequence:
                yield _differ(left, right, "discontinuity sequence", "discontinuity_sequence")
            if _apart(left, right) > tolerance:
                yield _differ(left, right, "date-time", "starts_at")
            if abs(left.duration - right.duration) > tolerance:
                yield _differ(left, right, "duration", "duration")
