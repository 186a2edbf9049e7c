"""What a stream of bytes is, by how it begins."""

from __future__ import annotations

from ingestd.container.limits import Limits, Reader, Refused
from ingestd.container.matroska import Matroska
from ingestd.container.mp4 import Mp4

ENOUGH = 12
"""Bytes with which every format below is told apart."""

_EBML = b"\x1a\x45\xdf\xa3"
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_MIDDLE_BOXES = (b"moof", b"styp", b"sidx", b"emsg", b"prft")
_MIDDLES = (b"\x1f\x43\xb6\x75", b"\xa3", b"\xa0")

_NAMES = (
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"OggS", "an Ogg stream"),
    (b"fLaC", "a FLAC file"),
    (b"FLV\x01", "an FLV stream"),
    (b"ID3", "an MP3 file"),
    (b"\xff\xfb", "MP3 audio"),
    (b"\xff\xf1", "AAC audio (ADTS)"),
    (b"\x00\x00\x00\x01", "a raw H.264 or H.265 stream (Annex B)"),
    (b"\x00\x00\x01\xba", "an MPEG programme stream"),
    (b"G@", "an MPEG transport stream"),
    (b"#EXTM3U", "an HLS playlist"),
    (b"\x03\x00\x00\x00\x00", "an RTMP connection"),
)

_RIFF = {b"WAVE": "a WAV file", b"AVI ": "an AVI file", b"WEBP": "a WebP image"}

_SEND = "Send WebM, Matroska or fragmented MP4."


def reader(start: bytes, limits: Limits) -> Reader | None:
    """The reader for a stream that starts with these bytes; None where more are needed."""
    if start.startswith(_EBML):
        return Matroska(limits)
    if len(start) < ENOUGH:
        return None
    if start[4:8] in _BOXES:
        return Mp4(limits)
    if start[4:8] in _MIDDLE_BOXES or start.startswith(_MIDDLES):
        raise Refused(
            "These bytes are from the middle of a recording. Send it from its start: a decoder needs what "
            "stands there (the init segment).",
            0,
        )
    name = _name(start[:ENOUGH])
    if name:
        raise Refused(f"These bytes are {name}, not a recording. {_SEND}", 0)
    seen = start[:8].hex(" ")
    raise Refused(f"These bytes are no recording of a kind that we know: they start with {seen}. {_SEND}", 0)


def _name(start: bytes) -> str:
    for magic, name in _NAMES:
        if start.startswith(magic):
            return name
    if start.startswith(b"RIFF"):
        return _RIFF.get(start[8:], "a RIFF file")
    return "plain text" if all(byte in b"\t\n\r" or 0x20 <= byte < 0x7F for byte in start) else ""
