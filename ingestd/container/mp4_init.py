"""The init segment of fragmented MP4 (ISO/IEC 14496-12): what the moov says."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingestd.container import boxes
from ingestd.container.limits import Refused
from ingestd.container.model import Track, TrackKind

NOT_FRAGMENTED = (
    "This is an ordinary MP4 file, which is not fragmented: it cannot be played while it is being sent. "
    "Send WebM, Matroska or fragmented MP4."
)

_KINDS = {b"vide": TrackKind.VIDEO, b"soun": TrackKind.AUDIO}

_CODECS = {
    b"avc1": "h264",
    b"avc3": "h264",
    b"hvc1": "hevc",
    b"hev1": "hevc",
    b"vp08": "vp8",
    b"vp09": "vp9",
    b"av01": "av1",
    b"mp4a": "aac",
    b"Opus": "opus",
    b".mp3": "mp3",
    b"ipcm": "pcm",
    b"fpcm": "pcm",
    b"lpcm": "pcm",
    b"sowt": "pcm",
    b"twos": "pcm",
}

NON_SYNC = 0x10000
"""The bit ``sample_is_non_sync_sample`` of sample flags (section 8.8.3.1)."""


@dataclass(slots=True)
class Defaults:
    """What a trex says of a track's samples: ticks, and flags."""

    duration: int = 0
    flags: int = 0


@dataclass(slots=True)
class Movie:
    """What is needed of a moov. ``timescales``: ticks a second, by track number."""

    tracks: list[Track] = field(default_factory=list)
    timescales: dict[int, int] = field(default_factory=dict)
    defaults: dict[int, Defaults] = field(default_factory=dict)


def movie(buf: bytes, pos: int, end: int) -> Movie:
    """Read the body of a moov."""
    found = Movie()
    fragmented = False
    for kind, body, stop in boxes.children(buf, pos, end):
        if kind == b"trak":
            _trak(found, buf, body, stop)
        elif kind == b"mvex":
            fragmented = True
            _mvex(found, buf, body, stop)
    if not fragmented:
        raise Refused(NOT_FRAGMENTED, pos)
    if not found.tracks:
        raise Refused("The recording has no video or audio track: its moov names none.", pos)
    return found


def _mvex(found: Movie, buf: bytes, pos: int, end: int) -> None:
    for kind, body, stop in boxes.children(buf, pos, end):
        if kind == b"trex":
            duration, flags = boxes.u32(buf, body + 12, stop), boxes.u32(buf, body + 20, stop)
            found.defaults[boxes.u32(buf, body + 4, stop)] = Defaults(duration, flags)


def _trak(found: Movie, buf: bytes, pos: int, end: int) -> None:
    inside = {kind: (body, stop) for kind, body, stop in boxes.children(buf, pos, end)}
    inside |= _flat(buf, inside, b"mdia")
    inside |= _flat(buf, inside, b"minf")
    inside |= _flat(buf, inside, b"stbl")
    missing = [boxes.name(kind) for kind in (b"tkhd", b"mdhd", b"hdlr", b"stsd") if kind not in inside]
    if missing:
        raise Refused(f"A track of the moov has no {missing[0]}.", pos)
    number = _after_dates(buf, *inside[b"tkhd"])
    found.timescales[number] = _after_dates(buf, *inside[b"mdhd"])
    if not found.timescales[number]:
        raise Refused("A track of the moov has a timescale of 0.", pos)
    handler = inside[b"hdlr"][0]
    kind = _KINDS.get(buf[handler + 8 : handler + 12])
    if kind:
        found.tracks.append(_track(number, kind, buf, *inside[b"stsd"]))


def _flat(buf: bytes, inside: dict[bytes, tuple[int, int]], kind: bytes) -> dict[bytes, tuple[int, int]]:
    body, end = inside.get(kind, (0, 0))
    return {kind: (at, stop) for kind, at, stop in boxes.children(buf, body, end)}


def _after_dates(buf: bytes, pos: int, end: int) -> int:
    """The field after creation and modification time: a tkhd's track number, an mdhd's timescale."""
    long = boxes.u32(buf, pos, end) >> 24 == 1
    return boxes.u32(buf, pos + (20 if long else 12), end)


def _track(number: int, kind: TrackKind, buf: bytes, pos: int, end: int) -> Track:
    """From the first sample entry of an stsd (sections 8.5.2, 12.1.3, 12.2.3)."""
    for name, body, stop in boxes.children(buf, pos + 8, end):
        codec = _CODECS.get(name) or boxes.name(name)
        if kind is TrackKind.VIDEO:
            width, height = boxes.u16(buf, body + 24, stop), boxes.u16(buf, body + 26, stop)
            return Track(number, kind, codec, width, height)
        channels, rate = boxes.u16(buf, body + 16, stop), boxes.u16(buf, body + 24, stop)
        return Track(number, kind, codec, channels=channels, sample_rate=rate)
    raise Refused("A track of the moov has no sample entry.", pos)
