"""What the container splitter finds: init segments and fragments of whole elements.

Offsets are bytes from the first byte of the epoch (one recording); times are seconds of the
recording's own clock (media time), which MediaRecorder starts near 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TrackKind(StrEnum):
    VIDEO = "video"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class Track:
    """One track of the init segment.

    ``codec`` is the field's short name (``vp8``, ``vp9``, ``av1``, ``h264``, ``hevc``, ``opus``,
    ``vorbis``, ``aac``, ``mp3``, ``pcm``) or, for anything else, the container's own identifier.
    Width and height are pixels (0 for audio), ``sample_rate`` is Hz (0 for video).
    """

    number: int
    kind: TrackKind
    codec: str
    width: int = 0
    height: int = 0
    channels: int = 0
    sample_rate: int = 0


@dataclass(frozen=True, slots=True)
class InitSegment:
    """The bytes of an epoch that a decoder needs first.

    WebM and Matroska: everything up to the first Cluster (RFC 8794, RFC 9559). MP4: ``ftyp`` and
    ``moov`` (ISO/IEC 14496-12).
    """

    data: bytes
    container: str  # "matroska" or "mp4"
    tracks: tuple[Track, ...]

    @property
    def video(self) -> Track | None:
        """The first video track."""
        return next((t for t in self.tracks if t.kind is TrackKind.VIDEO), None)

    @property
    def audio(self) -> Track | None:
        """The first audio track."""
        return next((t for t in self.tracks if t.kind is TrackKind.AUDIO), None)


@dataclass(frozen=True, slots=True)
class Fragment:
    """Whole elements, in order, that belong to one unit.

    A unit is a run of fragments of which only the first has ``starts_unit``. A decoder that is
    given the init segment, then ``prefix``, then this and all following fragments decodes clean,
    if and only if ``starts_unit``. Silence that the splitter put in is a fragment of its own, of bytes
    that are not the recording's; the next one has the same offset.
    """

    offset: int  # of data[0] in the epoch; of silence, of the block before which it stands
    data: memoryview
    media_time: float  # of the first block in it; of the keyframe where it starts a unit of video
    end_time: float  # the largest time stamp in it: where the epoch has come to
    starts_unit: bool
    prefix: bytes = b""  # a Cluster header, where a unit starts inside a Cluster


@dataclass(frozen=True, slots=True)
class NextRecording:
    """A second recording starts inside the stream: ``rest`` are its first bytes.

    A recorder that was restarted on the same connection does this. Fed on as it is, FFmpeg loses
    the picture in a storm of DTS errors; it has to become a new epoch.
    """

    rest: memoryview


@dataclass(frozen=True, slots=True)
class Malformed:
    """The bytes are not a recording that we can take; nothing after ``offset`` was read."""

    message: str
    offset: int


Event = InitSegment | Fragment | NextRecording | Malformed
