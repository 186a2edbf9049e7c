"""The headers of blocks and BlockGroups (RFC 9559, sections 5.1.3.4, 5.1.3.5 and 10).

All positions are indices into the buffer; ``end`` is one past the last byte.
"""

from __future__ import annotations

from ingestd.container import ebml
from ingestd.container.limits import Refused

_BLOCK = 0xA1
_REFERENCE_BLOCK = 0xFB


def block_head(buf: bytes, pos: int, end: int) -> tuple[int, int, int]:
    """Track number, ticks relative to the Cluster, flags."""
    if pos + 4 <= end and buf[pos] >= 0x80:  # nearly always
        return buf[pos] & 0x7F, int.from_bytes(buf[pos + 1 : pos + 3], "big", signed=True), buf[pos + 3]
    width = 9 - buf[pos].bit_length() if pos < end else 9
    after = pos + width
    if width > 8 or after + 3 > end:
        raise Refused("A block is too short for its own header.", pos)
    track = int.from_bytes(buf[pos:after], "big") & ((1 << 7 * width) - 1)
    return track, int.from_bytes(buf[after : after + 2], "big", signed=True), buf[after + 2]


def block_group(buf: bytes, pos: int, end: int) -> tuple[int, int, bool]:
    """Track number, ticks relative to the Cluster, whether it is a keyframe: it refers to no other block."""
    head: tuple[int, int, int] | None = None
    key = True
    for ident, size, at in ebml.children(buf, pos, end):
        if ident == _BLOCK:
            head = block_head(buf, at, at + size)
        elif ident == _REFERENCE_BLOCK:
            key = False
    if head is None:
        raise Refused("A BlockGroup has no Block.", pos)
    return head[0], head[1], key
