"""RFC 8216 §4.3.2, §4.3.3 and §4.3.5: is this a valid media playlist?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from tests.hls.model import MediaPlaylist, Segment, is_segment_tag, parse_media, seconds
from tests.hls.syntax import Line, Text, Violation, attributes, check_text, split
from tests.hls.tags import Scope, check_tags, check_version, date_time

DATE_TOLERANCE = 0.001  # seconds for each segment: EXTINF and date-time are both rounded to this
_LASTING = ("EXT-X-KEY", "EXT-X-MAP", "EXT-X-DATERANGE")  # these do not wait for one URI


def check_media(text: Text, *, final: bool = False) -> list[Violation]:
    """Everything that one media playlist alone can break; `final`: the presentation is over."""
    lines = split(text)
    playlist = parse_media(text)
    found = [
        *check_text(text),
        *check_tags(lines, {Scope.MULTIVARIANT}),
        *check_version(lines),
        *_check_order(lines),
        *_check_segment_tags(lines),
        *_check_target_duration(playlist),
        *_check_byte_ranges(lines),
        *_check_dates(playlist),
        *_check_keys(lines),
        *_check_date_ranges(lines),
        *_check_end(playlist, final),
    ]
    return sorted(found, key=lambda violation: (violation.line, violation.clause))


def _check_order(lines: list[Line]) -> Iterator[Violation]:
    """§4.3.3.2, §4.3.3.3: both sequences "MUST appear before the first Media Segment"."""
    first_segment = _first(lines, lambda line: line.is_uri or line.name == "EXTINF")
    first_break = _first(lines, lambda line: line.name == "EXT-X-DISCONTINUITY")
    for line in lines:
        if line.name == "EXT-X-MEDIA-SEQUENCE" and line.number > first_segment:
            yield Violation("§4.3.3.2", line.number, f"{line.name} MUST appear before the first segment")
        if line.name == "EXT-X-DISCONTINUITY-SEQUENCE":
            if line.number > first_segment:
                yield Violation("§4.3.3.3", line.number, f"{line.name} MUST appear before the first segment")
            if line.number > first_break:
                yield Violation("§4.3.3.3", line.number, f"{line.name} MUST appear before any discontinuity")


def _first(lines: list[Line], wanted: Callable[[Line], bool]) -> float:
    return next((line.number for line in lines if wanted(line)), float("inf"))


def _check_segment_tags(lines: list[Line]) -> Iterator[Violation]:
    """§4.3.2: segment tags, then the URI that they apply to; §4.3.2.1: EXTINF is REQUIRED for each."""
    pending: list[Line] = []
    for line in lines:
        if line.is_uri:
            yield from _check_one_segment(pending, line)
            pending = []
        elif is_segment_tag(line) and line.name not in _LASTING:
            pending.append(line)
    for line in pending:
        yield Violation("§4.3.2", line.number, f"{line.name} is followed by no segment to apply to")


def _check_one_segment(tags: list[Line], uri: Line) -> Iterator[Violation]:
    counts = Counter(tag.name for tag in tags)
    if not counts["EXTINF"]:
        yield Violation("§4.3.2.1", uri.number, "EXTINF is REQUIRED for each segment")
    for name in ("EXTINF", "EXT-X-BYTERANGE", "EXT-X-PROGRAM-DATE-TIME"):
        if counts[name] > 1:
            yield Violation("§4.3.2", uri.number, f"{name} is there {counts[name]} times for one segment")


def _check_target_duration(playlist: MediaPlaylist) -> Iterator[Violation]:
    """§4.3.3.1: "when rounded to the nearest integer, MUST be less than or equal"; REQUIRED."""
    target = playlist.target_duration
    if target is None:
        yield Violation("§4.3.3.1", 0, "EXT-X-TARGETDURATION is REQUIRED")
        return
    for segment in playlist.segments:
        if segment.duration + 0.5 >= target + 1:  # a half is rounded up: the stricter reading
            message = f"a segment of {segment.duration} s is over the target duration of {target} s"
            yield Violation("§4.3.3.1", segment.line, message)


def _check_byte_ranges(lines: list[Line]) -> Iterator[Violation]:
    """§4.3.2.2: without an offset, "a previous Media Segment MUST appear" and be of the same resource."""
    previous, waiting, ranged = "", 0, False
    for line in lines:
        if line.name == "EXT-X-BYTERANGE":
            ranged = True
            waiting = line.number if "@" not in (line.value or "") else 0
        elif line.is_uri:
            if waiting and previous != line.text:
                message = "no offset, and the segment before is no sub-range of the same resource"
                yield Violation("§4.3.2.2", waiting, message)
            previous, waiting, ranged = (line.text if ranged else ""), 0, False


def _check_dates(playlist: MediaPlaylist) -> Iterator[Violation]:
    """§4.3.2.6, §6.2.1: date-times map to media time, so within a run they advance by the durations."""
    base, elapsed, count = None, 0.0, 0
    dated = any(segment.program_date_time for segment in playlist.segments)
    for segment in playlist.segments:
        if segment.discontinuity:
            base = None
            yield from _check_dated_break(segment, dated)
        date = segment.program_date_time
        if date and base is None:
            base, elapsed, count = date.timestamp(), 0.0, 0
        elif date and base is not None:
            yield from _check_advance(segment, date.timestamp() - base, elapsed, count)
        elapsed, count = elapsed + segment.duration, count + 1


def _check_advance(segment: Segment, advance: float, elapsed: float, count: int) -> Iterator[Violation]:
    # A tenth of a millisecond more, because floats hold today's date to less than one microsecond only.
    if abs(advance - elapsed) > DATE_TOLERANCE * count + 1e-4:
        message = f"date-time is {advance:.3f} s into its run, the durations before it are {elapsed:.3f} s"
        yield Violation("§4.3.2.6", segment.line, message)


def _check_dated_break(segment: Segment, dated: bool) -> Iterator[Violation]:
    """§6.2.1: "it SHOULD apply an EXT-X-PROGRAM-DATE-TIME tag to every segment that has" a discontinuity.

    Only a SHOULD, but without it the date of everything after the discontinuity is unknown.
    """
    if dated and not segment.program_date_time:
        yield Violation("§6.2.1", segment.line, "a discontinuity SHOULD have an EXT-X-PROGRAM-DATE-TIME")


def _check_keys(lines: list[Line]) -> Iterator[Violation]:
    """§4.3.2.4: NONE has no other attribute, all else a URI; §4.3.2.5: an encrypted map needs an IV."""
    key: Mapping[str, str] = {}
    for line in lines:
        if line.name == "EXT-X-KEY":
            key = attributes(line.value)
            yield from _check_key(line, key)
        elif line.name == "EXT-X-MAP" and key.get("METHOD") == "AES-128" and "IV" not in key:
            yield Violation("§4.3.2.5", line.number, "the key of an EXT-X-MAP MUST have an IV")


def _check_key(line: Line, key: Mapping[str, str]) -> Iterator[Violation]:
    method = key.get("METHOD")
    if method == "NONE" and len(key) > 1:
        yield Violation("§4.3.2.4", line.number, "with METHOD=NONE other attributes MUST NOT be present")
    if method not in (None, "NONE") and "URI" not in key:
        yield Violation("§4.3.2.4", line.number, f"METHOD={method} without URI")


def _check_date_ranges(lines: list[Line]) -> Iterator[Violation]:
    """§4.3.2.7: every EXT-X-DATERANGE, and the EXT-X-PROGRAM-DATE-TIME that they all need."""
    ranges = [line for line in lines if line.name == "EXT-X-DATERANGE"]
    if ranges and not any(line.name == "EXT-X-PROGRAM-DATE-TIME" for line in lines):
        message = "needs at least one EXT-X-PROGRAM-DATE-TIME in the playlist"
        yield Violation("§4.3.2.7", ranges[0].number, message)
    for line in ranges:
        for problem in _date_range_problems(attributes(line.value)):
            yield Violation("§4.3.2.7", line.number, problem)
    yield from check_same_ids(ranges)


def _date_range_problems(found: Mapping[str, str]) -> Iterator[str]:
    """§4.3.2.7: what END-ON-NEXT demands, and that the three ways to give an end agree."""
    if "END-ON-NEXT" in found:
        if "CLASS" not in found:
            yield "END-ON-NEXT MUST have a CLASS"
        if "DURATION" in found or "END-DATE" in found:
            yield "END-ON-NEXT MUST NOT have DURATION or END-DATE"
    start, end = _quoted_date(found.get("START-DATE")), _quoted_date(found.get("END-DATE"))
    if start and end:
        span, duration = end.timestamp() - start.timestamp(), seconds(found.get("DURATION"))
        if span < 0:
            yield "END-DATE is before START-DATE"
        if duration is not None and abs(span - duration) > DATE_TOLERANCE:
            yield "END-DATE MUST be START-DATE plus DURATION"


def _quoted_date(value: str | None) -> datetime | None:
    return date_time((value or "").strip('"'))


def check_same_ids(ranges: Iterable[Line]) -> Iterator[Violation]:
    """§4.3.2.7: with the same ID, "any AttributeName that appears in both ... MUST" have the same value."""
    known: dict[str, dict[str, str]] = {}
    for line in ranges:
        found = attributes(line.value)
        before = known.setdefault(found.get("ID", ""), {})
        for name in sorted(found.keys() & before.keys()):
            if found[name] != before[name]:
                yield Violation("§4.3.2.7", line.number, f"{name} differs from that of the same ID before")
        before.update(found)


def _check_end(playlist: MediaPlaylist, final: bool) -> Iterator[Violation]:
    """§6.2.1: with the final segment in it, a playlist "MUST contain the EXT-X-ENDLIST tag"."""
    if final and not playlist.endlist:
        yield Violation("§6.2.1", 0, "the presentation is over: EXT-X-ENDLIST MUST be there")
    if playlist.playlist_type == "VOD" and not playlist.endlist:
        yield Violation("§6.2.1", 0, "VOD can never change, so it holds the final segment: no EXT-X-ENDLIST")
