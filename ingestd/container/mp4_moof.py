"""One movie fragment of MP4 (ISO/IEC 14496-12, section 8.8): its time, and whether it is a keyframe's."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ingestd.container import boxes
from ingestd.container.limits import Refused
from ingestd.container.mp4_init import NON_SYNC, Defaults, Movie

_BASE_DATA_OFFSET = 0x1
_DEFAULT_BASE_IS_MOOF = 0x20000


@dataclass(slots=True)
class Traf:
    """What a moof says of one track. Times are ticks."""

    track: int
    start: int
    end: int
    key: bool | None = None  # of its first sample; None while it has none
    absolute: int = 0  # index of a tfhd with a base-data-offset; no tfhd stands at 0


def trafs(movie: Movie, following: dict[int, int], buf: bytes, pos: int, end: int) -> list[Traf]:
    """Read the body of a moof. ``following`` are the ticks at which each track goes on, kept up here."""
    found = []
    for kind, body, stop in boxes.children(buf, pos, end):
        if kind == b"traf":
            traf = _traf(movie, following, buf, body, stop)
            following[traf.track] = traf.end
            found.append(traf)
    return found


def relocatable(moof: bytes, found: list[Traf], shift: int) -> bytes:
    """The moof without base-data-offsets, which count from the start of a file; its size stays.

    Fragments are dropped and replayed, so data has to be counted from the moof. All known muxers
    let base-data-offset be the moof's own place, so that nothing but the flags changes. The eight
    bytes become an empty ``free`` box. ``shift`` is the index of the moof where ``found`` was read.
    """
    changed = bytearray(moof)
    for traf in found:
        if traf.absolute:
            at = traf.absolute - shift
            size = int.from_bytes(changed[at : at + 4], "big")
            flags = int.from_bytes(changed[at + 9 : at + 12], "big")
            flags = flags & ~_BASE_DATA_OFFSET | _DEFAULT_BASE_IS_MOOF
            head = (size - 8).to_bytes(4, "big") + changed[at + 4 : at + 9] + flags.to_bytes(3, "big")
            body = changed[at + 12 : at + 16] + changed[at + 24 : at + size]
            changed[at : at + size] = head + body + b"\0\0\0\x08free"
    return bytes(changed)


def _traf(movie: Movie, following: dict[int, int], buf: bytes, pos: int, end: int) -> Traf:
    inside = list(boxes.children(buf, pos, end))
    tfhd = next((box for box in inside if box[0] == b"tfhd"), None)
    if tfhd is None:
        raise Refused("A traf has no tfhd.", pos)
    _, body, stop = tfhd
    track = boxes.u32(buf, body + 4, stop)
    if track not in movie.timescales:
        raise Refused(f"A fragment is of track {track}, which the moov does not name.", pos)
    start = _decode_time(inside, buf)
    traf = Traf(track, 0, 0)
    traf.start = traf.end = following.get(track, 0) if start is None else start
    if boxes.u32(buf, body, stop) & _BASE_DATA_OFFSET:
        traf.absolute = _start_of_tfhd(buf, body, stop)
    defaults = _defaults(movie.defaults.get(track, Defaults()), buf, body, stop)
    for kind, body, stop in inside:
        if kind == b"trun":
            _trun(traf, defaults, buf, body, stop)
    return traf


def _start_of_tfhd(buf: bytes, body: int, end: int) -> int:
    start = body - 8
    if boxes.u32(buf, start, end) != end - start or body + 16 > end:
        raise Refused("A tfhd with a base-data-offset is too short, or has a size of 64 bits.", start)
    return start


def _decode_time(inside: list[boxes.Box], buf: bytes) -> int | None:
    """The baseMediaDecodeTime, in ticks."""
    for kind, body, stop in inside:
        if kind == b"tfdt":
            long = boxes.u32(buf, body, stop) >> 24 == 1
            return boxes.u64(buf, body + 4, stop) if long else boxes.u32(buf, body + 4, stop)
    return None


def _defaults(track: Defaults, buf: bytes, body: int, end: int) -> Defaults:
    """Those of the tfhd, over those of the trex."""
    flags, at = boxes.u32(buf, body, end), body + 8
    found = {}
    for bit, size in ((0x1, 8), (0x2, 4), (0x8, 4), (0x10, 4), (0x20, 4)):
        if flags & bit:
            found[bit] = boxes.u32(buf, at, end)
            at += size
    return Defaults(found.get(0x8, track.duration), found.get(0x20, track.flags))


def _trun(traf: Traf, defaults: Defaults, buf: bytes, body: int, end: int) -> None:
    flags, count, at = boxes.u32(buf, body, end), boxes.u32(buf, body + 4, end), body + 8
    at += 4 if flags & 0x1 else 0
    first_flags = boxes.u32(buf, at, end) if flags & 0x4 else None
    at += 4 if flags & 0x4 else 0
    width = 4 * (flags & 0xF00).bit_count()
    if at + width * count > end:
        raise Refused("A trun is too short for its samples.", body)
    if count and traf.key is None:
        if first_flags is None:
            # the flags stand after duration and size, where those are given
            own = at + 4 * (flags & 0x300).bit_count()
            first_flags = boxes.u32(buf, own, end) if flags & 0x400 else defaults.flags
        traf.key = not first_flags & NON_SYNC
    if flags & 0x100:
        traf.end += _sum(buf[at : at + width * count], width // 4)
    else:
        traf.end += count * defaults.duration


def _sum(rows: bytes, columns: int) -> int:
    """The sum of the first of ``columns`` integers of four bytes in each row."""
    return sum(first for (first,) in struct.iter_unpack(f">I{4 * columns - 4}x", rows))
