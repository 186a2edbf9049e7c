"""HLS playlists: nginx-rtmp's private ones read, the public ones kept and written. Pure (RFC 8216)."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ingestd.encoder.ladder import Rendition


@dataclass(frozen=True, slots=True)
class PrivateSegment:
    """A segment that nginx-rtmp has closed: its number in the generation, file name, seconds."""

    number: int
    file: str
    duration: float


def parse_private(text: str) -> list[PrivateSegment]:
    """The segments that a playlist of nginx-rtmp lists; what cannot be read is passed over."""
    number, duration, found = 0, None, []
    for line in text.splitlines():
        if match := re.fullmatch(r"#EXT-X-MEDIA-SEQUENCE:(\d{1,18})", line):
            number = int(match[1])
        elif match := re.fullmatch(r"#EXTINF:(\d+(?:\.\d+)?),.*", line):
            duration = float(match[1])
        elif re.fullmatch(r"[\w.-]+\.ts", line) and duration is not None:
            found.append(PrivateSegment(number, line, duration))
            number, duration = number + 1, None
    return found


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a public playlist; ``date`` is the wall clock of its first frame (Unix time)."""

    uri: str
    duration: float  # seconds
    date: float
    discontinuity: bool = False


@dataclass(slots=True)
class MediaPlaylist:
    """A rendition's playlist for one broadcast: it only grows at the end and slides at the front."""

    target: int  # seconds; never changes (RFC 8216 §4.3.3.1)
    window: float  # seconds listed while live
    sequence: int = 0  # of the first segment listed
    discontinuities: int = 0  # discontinuity sequence of the first segment listed
    segments: deque[Segment] = field(default_factory=deque)
    ended: bool = False

    def append(self, segment: Segment) -> None:
        self.segments.append(segment)

    def slide(self) -> list[Segment]:
        """Take segments from the front as long as a whole window stays; they are returned.

        At least three target durations stay (RFC 8216 §6.2.2).
        """
        removed = []
        least = max(self.window, 3 * self.target)
        total = self.duration
        while self.segments and total - self.segments[0].duration >= least:
            gone = self.segments.popleft()
            total -= gone.duration
            removed.append(gone)
            self.sequence += 1
            self.discontinuities += gone.discontinuity
        return removed

    @property
    def duration(self) -> float:
        """Seconds listed."""
        return math.fsum(segment.duration for segment in self.segments)

    @property
    def end_date(self) -> float:
        """Wall clock (Unix time, s) of its end; 0 while it is empty."""
        last = self.segments[-1] if self.segments else None
        return last.date + last.duration if last else 0.0

    def copy(self) -> MediaPlaylist:
        """A second playlist with the same past: for a rendition that is encoded from now on."""
        return replace(self, segments=deque(self.segments))

    def render(self) -> str:
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:3",
            f"#EXT-X-TARGETDURATION:{self.target}",
            f"#EXT-X-MEDIA-SEQUENCE:{self.sequence}",
            f"#EXT-X-DISCONTINUITY-SEQUENCE:{self.discontinuities}",
            "#EXT-X-INDEPENDENT-SEGMENTS",
        ]
        # RFC 8216 §4.3.3.1; only sound that goes on after the last picture makes a longer one
        longest = self.target + 0.499
        for segment in self.segments:
            lines += ["#EXT-X-DISCONTINUITY"] * segment.discontinuity
            duration = min(segment.duration, longest)
            lines += [f"#EXT-X-PROGRAM-DATE-TIME:{_date(segment.date)}", f"#EXTINF:{duration:.3f},"]
            lines.append(segment.uri)
        return "\n".join(lines + ["#EXT-X-ENDLIST"] * self.ended) + "\n"


def _date(unix: float) -> str:
    moment = datetime.fromtimestamp(unix, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def target_duration(segment: float, frame_rate: int) -> int:
    """Seconds that no segment's rounded duration exceeds (RFC 8216 §4.3.3.1).

    A segment is cut at the first frame at or after ``segment`` seconds, one of sound alone at the
    first packet, which lasts up to 0.05 s.
    """
    return max(1, math.floor(segment + max(0.05, 1 / frame_rate) + 0.5))


@dataclass(frozen=True, slots=True)
class Variant:
    """A line of a multivariant playlist: bandwidths in bit/s."""

    rendition: Rendition
    bandwidth: int
    average_bandwidth: int


_GROUP = "sound"


def multivariant(variants: Sequence[Variant], prefix: str = "") -> str:
    """The multivariant playlist; ``prefix`` leads from it to the media playlists.

    Separate sound is a rendition of every variant (RFC 8216 §4.3.4.1), and one itself only where there are
    no pictures.
    """
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-INDEPENDENT-SEGMENTS"]
    pictured = [one for one in variants if one.rendition.separate and one.rendition.video_bitrate]
    alone = [one for one in variants if one.rendition.separate and not one.rendition.video_bitrate]
    sound = alone[0] if pictured and alone else None
    if sound:
        made = f'TYPE=AUDIO,GROUP-ID="{_GROUP}",NAME="{_GROUP}",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2"'
        lines.append(f'#EXT-X-MEDIA:{made},URI="{prefix}{sound.rendition.name}.m3u8"')
    for variant in variants:
        if variant is not sound:
            attributes = _attributes(variant, sound if variant in pictured else None)
            lines += [f"#EXT-X-STREAM-INF:{','.join(attributes)}", f"{prefix}{variant.rendition.name}.m3u8"]
    return "\n".join(lines) + "\n"


def _attributes(variant: Variant, sound: Variant | None) -> list[str]:
    """What EXT-X-STREAM-INF says of a variant, with the rendition of sound that goes with it."""
    parts, made = [variant, sound] if sound else [variant], variant.rendition
    attributes = [
        f"BANDWIDTH={sum(part.bandwidth for part in parts)}",
        f"AVERAGE-BANDWIDTH={sum(part.average_bandwidth for part in parts)}",
        f'CODECS="{",".join(part.rendition.codecs for part in parts)}"',
    ]
    if made.video_bitrate:
        attributes += [f"RESOLUTION={made.width}x{made.height}", f"FRAME-RATE={made.frame_rate:.3f}"]
    return attributes + ([f'AUDIO="{_GROUP}"'] if sound else [])
