"""EBML (RFC 8794): identifiers, sizes and small values.

All positions are indices into the buffer; ``end`` is one past the last byte.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ingestd.container.limits import Refused

UNKNOWN = -1
"""The size of a Segment or Cluster that ends where something that cannot be its child begins."""

MAX_ID_LENGTH = 4
MAX_SIZE_LENGTH = 8
"""What we read, and what RFC 9559 (section 8) fixes for Matroska."""

_ID_WIDTH = bytes(9 - first.bit_length() if first >= 0x10 else 0 for first in range(256))

Header = tuple[int, int, int]
"""Identifier, size of the body in bytes (or ``UNKNOWN``), index of the body."""


def header(buf: bytes, pos: int) -> Header | None:
    """The header of the element at ``pos``; None where it is not whole yet."""
    have = len(buf)
    if pos >= have:
        return None
    middle = pos + _ID_WIDTH[buf[pos]]
    if middle == pos:
        raise Refused(f"An EBML identifier cannot start with {buf[pos]:02x}: it has up to four bytes.", pos)
    if middle >= have:
        return None
    width = 9 - buf[middle].bit_length()
    if width > MAX_SIZE_LENGTH:
        raise Refused("An EBML size is longer than eight bytes.", pos)
    body = middle + width
    if body > have:
        return None
    mask = (1 << 7 * width) - 1
    size = int.from_bytes(buf[middle:body], "big") & mask
    return int.from_bytes(buf[pos:middle], "big"), UNKNOWN if size == mask else size, body


def children(buf: bytes, pos: int, end: int) -> Iterator[Header]:
    """The headers of the elements in ``buf[pos:end]``, the whole body of a master element."""
    while pos < end:
        found = header(buf, pos)
        if found is None or found[1] == UNKNOWN or found[2] + found[1] > end:
            raise Refused("An EBML element reaches past the end of the element that it stands in.", pos)
        yield found
        pos = found[2] + found[1]


def unsigned(buf: bytes, pos: int, size: int) -> int:
    """An unsigned integer of 0 to 8 bytes (RFC 8794, section 7.2)."""
    if size > 8:
        raise Refused("An EBML integer is longer than eight bytes.", pos)
    return int.from_bytes(buf[pos : pos + size], "big")


def real(buf: bytes, pos: int, size: int) -> float:
    """A float of 0, 4 or 8 bytes (RFC 8794, section 7.3)."""
    if size == 4:
        return float(struct.unpack_from(">f", buf, pos)[0])
    if size == 8:
        return float(struct.unpack_from(">d", buf, pos)[0])
    if size == 0:
        return 0.0
    raise Refused("An EBML float has 0, 4 or 8 bytes.", pos)


def text(buf: bytes, pos: int, size: int) -> str:
    """A string, which may be padded with zero bytes (RFC 8794, section 7.4); 64 characters at most."""
    return buf[pos : pos + min(size, 64)].split(b"\0", 1)[0].decode("ascii", "replace")


def unknown_size(width: int) -> bytes:
    """The size field of ``width`` bytes that says "unknown" (RFC 8794, section 6.2)."""
    return ((1 << 7 * width + 1) - 1).to_bytes(width, "big")
