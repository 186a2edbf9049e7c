"""What an init segment says of its H.264 picture: profile, level and pixel format.

Matroska's CodecPrivate and MP4's ``avcC`` box hold the same record (ISO/IEC 14496-15, section 5.3.3);
the sequence parameter set in it is that of ITU-T H.264, section 7.3.2.1.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_PROFILES = {
    66: "Baseline",
    77: "Main",
    88: "Extended",
    100: "High",
    110: "High 10",
    122: "High 4:2:2",
    244: "High 4:4:4 Predictive",
    44: "CAVLC 4:4:4 Intra",
}
_WITH_CHROMA = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
"""Profiles whose parameter set says how colour is sampled; it is 4:2:0 with 8 bits in all others."""
_CHROMA = ("gray", "yuv420p", "yuv422p", "yuv444p")
_PRIVATE = b"\x63\xa2"  # CodecPrivate (RFC 9559, section 5.1.4.1.22)
_BOX = b"avcC"
_LONGEST = 31  # zeros before the one of an Exp-Golomb code (section 9.1)


@dataclass(frozen=True, slots=True)
class Picture:
    """``level`` is as people write it (3.1), ``pixels`` as FFmpeg names it (``yuv420p``)."""

    profile: str
    level: str
    pixels: str


def picture(init: bytes) -> Picture | None:
    """Of the first H.264 track of an init segment; None where nothing is said, or it cannot be read."""
    for record in _records(init):
        found = _picture(record)
        if found:
            return found
    return None


def _records(init: bytes) -> Iterator[bytes]:
    """What may be such a record. Searched for: the two containers wrap it in too many ways."""
    at = init.find(_BOX)
    if at >= 0:
        yield init[at + len(_BOX) :]
    at = init.find(_PRIVATE)
    while at >= 0:
        size = at + len(_PRIVATE)  # a number of one to eight bytes (RFC 8794, section 4)
        width = 9 - init[size].bit_length() if size < len(init) else 9
        yield init[size + width :]
        at = init.find(_PRIVATE, size)


def _picture(record: bytes) -> Picture | None:
    # version, profile, compatibility, level, size of lengths, one parameter set, its size, its type
    if len(record) < 12 or record[0] != 1 or record[4] | 0x03 != 0xFF or record[8] & 0x1F != 7:
        return None
    profile, level = record[1], record[3]
    name = _PROFILES.get(profile, str(profile))
    return Picture(name, f"{level // 10}.{level % 10}", _pixels(record[9:], profile))


def _pixels(parameters: bytes, profile: int) -> str:
    """``parameters``: from the profile on, behind the type of the unit."""
    if profile not in _WITH_CHROMA:
        return _CHROMA[1]
    bits = _Bits(parameters.replace(b"\0\0\3", b"\0\0")[3:])
    try:
        bits.golomb()  # number of the parameter set
        chroma = bits.golomb()
        if chroma == 3:
            bits.take()  # whether the planes are separate
        depth = 8 + bits.golomb()
    except IndexError:
        return ""
    if chroma >= len(_CHROMA):
        return ""
    return _CHROMA[chroma] + (f"{depth}le" if depth > 8 else "")


class _Bits:
    """Raises IndexError past its end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self) -> int:
        byte, shift = self._data[self._at >> 3], 7 - (self._at & 7)
        self._at += 1
        return byte >> shift & 1

    def golomb(self) -> int:
        zeros = 0
        while not self.take():
            zeros += 1
            if zeros > _LONGEST:
                raise IndexError
        value = 1
        for _ in range(zeros):
            value = value << 1 | self.take()
        return value - 1
