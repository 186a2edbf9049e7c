"""Recordings, hand-made ones too, and what a splitter makes of them."""

from __future__ import annotations

import json
import re
import struct
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ingestd.container.model import Fragment, InitSegment, Malformed, NextRecording
from ingestd.container.splitter import Splitter

RECORDINGS = Path(__file__).parent.parent / "recordings"
CLEAN = sorted(path.name.removesuffix(".json") for path in RECORDINGS.glob("*.json"))
VP8 = "vp8-opus_ts250_kf2000.webm"
MP4 = "mp4-avc1-opus_ts250_kf1000.mp4"
ENDED = "vp8_audiotrack-ends-2.5s.webm"

SILENT = re.compile(rb"\xa3\x87[\x80-\xff]..\x80\xf8\xff\xfe", re.DOTALL)
"""A block of silence that the splitter put in. No recording here has one of its own."""


@dataclass
class Unit:
    """A unit, whatever the fragments were in which it came."""

    offset: int
    media_time: float
    end_time: float
    prefix: bytes
    data: bytearray


@dataclass
class Seen:
    init: InitSegment | None = None
    units: list[Unit] = field(default_factory=list)
    fragments: list[Fragment] = field(default_factory=list)
    malformed: Malformed | None = None
    rest: bytes | None = None
    most_buffered: int = 0

    def stream(self, first: int = 0, last: int | None = None) -> bytes:
        """What an encoder is given, from one unit on."""
        assert self.init
        units = self.units[first:last]
        return self.init.data + units[0].prefix + b"".join(bytes(unit.data) for unit in units)


def see(messages: Iterable[bytes | memoryview], splitter: Splitter | None = None) -> Seen:
    splitter, seen = splitter or Splitter(), Seen()
    for message in messages:
        for event in splitter.feed(message):
            _note(seen, event)
        seen.most_buffered = max(seen.most_buffered, splitter.buffered)
    for event in splitter.finish():
        _note(seen, event)
    assert splitter.buffered == 0
    return seen


def _note(seen: Seen, event: InitSegment | Fragment | Malformed | NextRecording) -> None:
    assert seen.malformed is None and seen.rest is None, "nothing follows the end"
    match event:
        case InitSegment():
            assert seen.init is None
            seen.init = event
        case Fragment():
            assert len(event.data)
            assert event.starts_unit or not event.prefix
            seen.fragments.append(event)
            if event.starts_unit:
                seen.units.append(
                    Unit(event.offset, event.media_time, event.end_time, event.prefix, bytearray())
                )
            seen.units[-1].data += event.data
            seen.units[-1].end_time = max(seen.units[-1].end_time, event.end_time)
        case Malformed():
            seen.malformed = event
        case NextRecording():
            seen.rest = bytes(event.rest)


def same(one: Seen, other: Seen) -> None:
    """Both saw the same, but for the cuts into fragments."""
    assert one.init == other.init
    assert one.units == other.units
    assert one.malformed == other.malformed
    assert one.rest == other.rest


def without_silence(units: Iterable[Unit]) -> list[tuple[int, float, bytes, bytes]]:
    """What is the recording's own. Not so the end: silence may be the last of a unit."""
    return [(u.offset, u.media_time, u.prefix, SILENT.sub(b"", u.data)) for u in units]


def silent(seen: Seen) -> list[Fragment]:
    """The fragments of silence."""
    return [f for f in seen.fragments if SILENT.match(f.data)]


def read(name: str) -> bytes:
    return (RECORDINGS / name).read_bytes()


def blobs(name: str) -> Iterator[bytes]:
    """A recording in the pieces in which the browser handed it over."""
    data, pos = read(name), 0
    for blob in json.loads((RECORDINGS / f"{name}.json").read_text())["blobs"]:
        yield data[pos : pos + blob["size"]]
        pos += blob["size"]
    assert pos == len(data)


def pieces(data: bytes, size: int = 1) -> Iterator[bytes]:
    return (data[pos : pos + size] for pos in range(0, len(data), size))


# Matroska by hand

UNKNOWN = -1


def el(ident: int, body: bytes = b"", size: int | None = None, width: int = 0) -> bytes:
    """An element; ``size`` may lie, or be UNKNOWN; ``width`` is that of the size field."""
    name = ident.to_bytes((ident.bit_length() + 7) // 8, "big")
    size = len(body) if size is None else size
    if size == UNKNOWN:
        return name + b"\x01" + b"\xff" * 7 + body
    width = width or next(w for w in range(1, 9) if size < (1 << 7 * w) - 1)
    return name + (size | 1 << 7 * width).to_bytes(width, "big") + body


def uint(ident: int, value: int) -> bytes:
    return el(ident, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def ebml(doc_type: bytes = b"webm", extra: bytes = b"") -> bytes:
    return el(0x1A45DFA3, el(0x4282, doc_type) + extra)


def video_track(number: int = 1, codec: bytes = b"V_VP8") -> bytes:
    size = el(0xE0, uint(0xB0, 64) + uint(0xBA, 48))
    return el(0xAE, uint(0xD7, number) + uint(0x83, 1) + el(0x86, codec) + size)


def audio_track(number: int = 2, codec: bytes = b"A_OPUS") -> bytes:
    sound = el(0xE1, el(0xB5, struct.pack(">f", 48000)) + uint(0x9F, 2))
    return el(0xAE, uint(0xD7, number) + uint(0x83, 2) + el(0x86, codec) + sound)


def init(tracks: bytes = video_track() + audio_track(), scale: int = 1_000_000, extra: bytes = b"") -> bytes:
    info = el(0x1549A966, uint(0x2AD7B1, scale))
    return ebml() + el(0x18538067, size=UNKNOWN) + info + el(0x1654AE6B, tracks) + extra


def head(track: int, ticks: int, flags: int) -> bytes:
    number = bytes((0x80 | track,)) if track < 127 else (0x4000 | track).to_bytes(2, "big")
    return number + struct.pack(">hB", ticks, flags)


def sb(track: int, ticks: int, key: bool = False, size: int = 100, width: int = 0) -> bytes:
    return el(0xA3, head(track, ticks, 0x80 if key else 0) + bytes(size), width=width)


def bg(track: int, ticks: int, key: bool = False, size: int = 100) -> bytes:
    return el(0xA0, el(0xA1, head(track, ticks, 0) + bytes(size)) + (b"" if key else uint(0xFB, 33)))


def cluster(time: int, *children: bytes, known: bool = False) -> bytes:
    return el(0x1F43B675, uint(0xE7, time) + b"".join(children), size=None if known else UNKNOWN)


# MP4 by hand


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, flags: int, *numbers: int, version: int = 0) -> bytes:
    return box(kind, struct.pack(f">{1 + len(numbers)}I", version << 24 | flags, *numbers))


# ffmpeg


def run(*argv: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(argv, input=given, capture_output=True, timeout=60, check=False)


def decodes(data: bytes, container: str) -> None:
    """Real FFmpeg decodes it from a pipe, without a word."""
    kind = "mp4" if container == "mp4" else "matroska"
    done = run("ffmpeg", "-v", "warning", "-xerror", "-f", kind, "-i", "pipe:", "-f", "null", "-", given=data)
    said = [line for line in done.stderr.decode().splitlines() if "Guessed Channel Layout" not in line]
    assert (done.returncode, [line for line in said if line]) == (0, [])


def key_times(data: bytes) -> list[float]:
    """When the keyframes of the first video track are, after ffprobe."""
    argv = ("ffprobe", "-v", "quiet", "-select_streams", "v:0", "-show_entries", "packet=pts_time,flags")
    rows = run(*argv, "-of", "csv=p=0", "-i", "pipe:", given=data).stdout.decode().split()
    return [float(row.split(",")[0]) for row in rows if "K" in row]
