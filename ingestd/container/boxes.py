"""Boxes of ISO/IEC 14496-12 (MP4). All positions are indices into the buffer."""

from __future__ import annotations

from collections.abc import Iterator

from ingestd.container.limits import Refused

Box = tuple[bytes, int, int]
"""Type of four characters, index of the body, index one past the box."""


def header(buf: bytes, pos: int) -> Box | None:
    """The header of the box at ``pos`` (section 4.2); None where it is not whole yet."""
    if pos + 8 > len(buf):
        return None
    size, kind, body = int.from_bytes(buf[pos : pos + 4], "big"), buf[pos + 4 : pos + 8], pos + 8
    if size == 1:
        body += 8
        if body > len(buf):
            return None
        size = int.from_bytes(buf[pos + 8 : body], "big")
    if not all(0x20 <= letter < 0x7F or letter == 0xA9 for letter in kind):
        raise Refused(f"No MP4 box starts here: {kind.hex()} is not the name of one.", pos)
    if size == 0:
        raise Refused(
            f"The box {name(kind)} has no size: it lasts to the end of a file, and a stream has none.", pos
        )
    if size < body - pos:
        raise Refused(f"The box {name(kind)} claims {size} bytes, less than its own header.", pos)
    return kind, body, pos + size


def children(buf: bytes, pos: int, end: int) -> Iterator[Box]:
    """The boxes in ``buf[pos:end]``, the whole body of a box."""
    while pos < end:
        found = header(buf, pos)
        if found is None or found[2] > end:
            raise Refused("An MP4 box reaches past the end of the box that it stands in.", pos)
        yield found
        pos = found[2]


def u32(buf: bytes, pos: int, end: int) -> int:
    """An unsigned integer of four bytes, which must lie before ``end``."""
    return _unsigned(buf, pos, 4, end)


def u64(buf: bytes, pos: int, end: int) -> int:
    """An unsigned integer of eight bytes, which must lie before ``end``."""
    return _unsigned(buf, pos, 8, end)


def u16(buf: bytes, pos: int, end: int) -> int:
    """An unsigned integer of two bytes, which must lie before ``end``."""
    return _unsigned(buf, pos, 2, end)


def name(kind: bytes) -> str:
    """The type of a box, to be read by a person."""
    return kind.decode("latin-1").strip()


def _unsigned(buf: bytes, pos: int, size: int, end: int) -> int:
    if pos + size > end:
        raise Refused("An MP4 box is too short for its fields.", pos)
    return int.from_bytes(buf[pos : pos + size], "big")
