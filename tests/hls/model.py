"""What a playlist says, without judging it: RFC 8216 §4.3, read as a lenient client would."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tests.hls.syntax import Line, Text, attributes, split, unquote
from tests.hls.tags import RULES, Scope, date_time, is_integer

_DURATION = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")


@dataclass(frozen=True)
class Segment:
    """One media segment; `line` is that of its URI."""

    uri: str
    duration: float
    sequence: int
    discontinuity_sequence: int
    discontinuities: int  # tags right before it; the RFC does not forbid more than one
    program_date_time: datetime | None  # what its own tag says
    starts_at: float | None  # Unix time: of its own tag, or carried on from one before by durations
    line: int
    tags: tuple[str, ...]  # those that apply to it alone, as written
    shared: tuple[str, ...]  # EXT-X-KEY and EXT-X-MAP in force, as written

    @property
    def discontinuity(self) -> bool:
        """§4.3.2.3: between this segment and the one before."""
        return self.discontinuities > 0


@dataclass(frozen=True)
class MediaPlaylist:
    """A media playlist; `header` has the whole line of each tag that speaks of the playlist."""

    version: int
    target_duration: int | None
    media_sequence: int
    discontinuity_sequence: int
    playlist_type: str | None
    endlist: bool
    independent_segments: bool
    segments: tuple[Segment, ...]
    header: Mapping[str, Line]

    @property
    def duration(self) -> float:
        """§4.1: "the sum of the durations of the Media Segments within it"."""
        return sum(segment.duration for segment in self.segments)


@dataclass(frozen=True)
class Variant:
    """One EXT-X-STREAM-INF with its URI; `attributes` are all of them, as written."""

    uri: str
    bandwidth: int | None
    average_bandwidth: int | None
    codecs: tuple[str, ...]
    resolution: tuple[int, int] | None
    frame_rate: float | None
    attributes: Mapping[str, str]
    line: int


@dataclass(frozen=True)
class Rendition:
    """One EXT-X-MEDIA; `attributes` are all of them, as written."""

    type: str | None
    group_id: str | None
    name: str | None
    uri: str | None
    attributes: Mapping[str, str]
    line: int


@dataclass(frozen=True)
class Multivariant:
    """A multivariant ("Master") playlist."""

    version: int
    variants: tuple[Variant, ...]
    renditions: tuple[Rendition, ...]
    independent_segments: bool


def parse_media(text: Text) -> MediaPlaylist:
    """The first of each tag counts; what is malformed counts as absent."""
    lines = split(text)
    header = _header(lines)
    kind = header.get("EXT-X-PLAYLIST-TYPE")
    return MediaPlaylist(
        version=_number(header, "EXT-X-VERSION") or 1,
        target_duration=_number(header, "EXT-X-TARGETDURATION"),
        media_sequence=_number(header, "EXT-X-MEDIA-SEQUENCE") or 0,
        discontinuity_sequence=_number(header, "EXT-X-DISCONTINUITY-SEQUENCE") or 0,
        playlist_type=kind.value if kind else None,
        endlist="EXT-X-ENDLIST" in header,
        independent_segments="EXT-X-INDEPENDENT-SEGMENTS" in header,
        segments=_segments(lines, header),
        header=header,
    )


def parse_multivariant(text: Text) -> Multivariant:
    """A variant without a URI is left out; what is malformed counts as absent."""
    lines = split(text)
    header = _header(lines)
    return Multivariant(
        version=_number(header, "EXT-X-VERSION") or 1,
        variants=tuple(
            _variant(line, uri)
            for line, uri in zip(lines, lines[1:], strict=False)
            if line.name == "EXT-X-STREAM-INF" and uri.is_uri
        ),
        renditions=tuple(_rendition(line) for line in lines if line.name == "EXT-X-MEDIA"),
        independent_segments="EXT-X-INDEPENDENT-SEGMENTS" in header,
    )


def seconds(value: str | None) -> float | None:
    """The duration in an EXTINF or an attribute."""
    match = _DURATION.match(value or "")
    return float(match[0]) if match else None


def decimal(value: str | None) -> int | None:
    """A decimal-integer of §4.2."""
    return int(value) if value is not None and is_integer(value) else None


def _header(lines: list[Line]) -> dict[str, Line]:
    header: dict[str, Line] = {}
    for line in lines:
        if (rule := RULES.get(line.name)) and rule.scope in (Scope.BASIC, Scope.MEDIA, Scope.EITHER):
            header.setdefault(line.name, line)
    return header


def _number(header: Mapping[str, Line], name: str) -> int | None:
    line = header.get(name)
    return decimal(line.value) if line else None


@dataclass
class _Walk:
    """Where the reader is: what holds from here on, and the tags that wait for their URI."""

    sequence: int
    discontinuity_sequence: int
    clock: float | None = None
    segments: list[Segment] = field(default_factory=list)
    pending: list[Line] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    map: str = ""

    def take(self, line: Line) -> None:
        """One line more."""
        if line.name == "EXT-X-KEY":
            self._take_key(line)
        elif line.name == "EXT-X-MAP":
            self.map = line.text
        elif line.is_uri:
            self._take_uri(line)
        elif line.name != "EXT-X-DATERANGE" and is_segment_tag(line):
            self.pending.append(line)

    def _take_key(self, line: Line) -> None:
        """§4.3.2.4: a key holds until the next one with the same KEYFORMAT; NONE ends them all."""
        key = attributes(line.value)
        if key.get("METHOD") == "NONE":
            self.keys.clear()
        else:
            self.keys[key.get("KEYFORMAT", '"identity"')] = line.text

    def _take_uri(self, line: Line) -> None:
        breaks = sum(tag.name == "EXT-X-DISCONTINUITY" for tag in self.pending)
        date = self._date()
        if date or breaks:
            self.clock = date.timestamp() if date else None
        self.discontinuity_sequence += breaks
        duration = self._duration()
        self.segments.append(
            Segment(
                uri=line.text,
                duration=duration,
                sequence=self.sequence,
                discontinuity_sequence=self.discontinuity_sequence,
                discontinuities=breaks,
                program_date_time=date,
                starts_at=self.clock,
                line=line.number,
                tags=tuple(tag.text for tag in self.pending),
                shared=(*self.keys.values(), *([self.map] if self.map else ())),
            )
        )
        self.sequence += 1
        self.clock = None if self.clock is None else self.clock + duration
        self.pending.clear()

    def _duration(self) -> float:
        return next((seconds(tag.value) or 0.0 for tag in self.pending if tag.name == "EXTINF"), 0.0)

    def _date(self) -> datetime | None:
        dates = (date_time(tag.value or "") for tag in self.pending if tag.name == "EXT-X-PROGRAM-DATE-TIME")
        return next(dates, None)


def is_segment_tag(line: Line) -> bool:
    """§4.3.2: one of the Media Segment tags."""
    rule = RULES.get(line.name)
    return rule is not None and rule.scope is Scope.SEGMENT


def _segments(lines: list[Line], header: Mapping[str, Line]) -> tuple[Segment, ...]:
    walk = _Walk(
        _number(header, "EXT-X-MEDIA-SEQUENCE") or 0,
        _number(header, "EXT-X-DISCONTINUITY-SEQUENCE") or 0,
    )
    for line in lines:
        walk.take(line)
    return tuple(walk.segments)


def _variant(line: Line, uri: Line) -> Variant:
    found = attributes(line.value)
    width, _, height = found.get("RESOLUTION", "").partition("x")
    codecs = unquote(found.get("CODECS"))
    return Variant(
        uri=uri.text,
        bandwidth=decimal(found.get("BANDWIDTH")),
        average_bandwidth=decimal(found.get("AVERAGE-BANDWIDTH")),
        codecs=tuple(codecs.split(",")) if codecs else (),
        resolution=(int(width), int(height)) if is_integer(width) and is_integer(height) else None,
        frame_rate=seconds(found.get("FRAME-RATE")),
        attributes=found,
        line=line.number,
    )


def _rendition(line: Line) -> Rendition:
    found = attributes(line.value)
    return Rendition(
        type=found.get("TYPE"),
        group_id=unquote(found.get("GROUP-ID")),
        name=unquote(found.get("NAME")),
        uri=unquote(found.get("URI")),
        attributes=found,
        line=line.number,
    )
