"""When the frames of a unit are: for those who want to know how many come in a second."""

from __future__ import annotations

from collections.abc import Iterator

from ingestd.container import ebml
from ingestd.container.blocks import block_group, block_head
from ingestd.container.limits import MAX_INIT, Refused
from ingestd.container.matroska_init import BLOCK_GROUP, CLUSTER, SIMPLE_BLOCK, MatroskaInit
from ingestd.container.model import InitSegment

_TIMESTAMP = 0xE7


def frame_times(init: InitSegment, data: bytes) -> list[float]:
    """Media times (s) of the video frames in whole elements from a Cluster header on, in their order.

    Of Matroska and WebM; empty for MP4, for sound alone, and where something is wrong.
    """
    if init.container != "matroska" or init.video is None:
        return []
    number, scale = init.video.number, _scale(init.data) / 1e9
    try:
        return [ticks * scale for track, ticks in _blocks(data) if track == number]
    except Refused:
        return []


def _scale(init: bytes) -> int:
    """Nanoseconds a tick."""
    parsed, at = MatroskaInit(MAX_INIT), 0
    while at < len(init):
        at = parsed.element(init, at)
    return parsed.timestamp_scale


def _blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Track and ticks."""
    at, cluster = 0, 0
    while found := ebml.header(data, at):
        ident, size, body = found
        at = body if ident == CLUSTER else body + size
        if ident == _TIMESTAMP:
            cluster = ebml.unsigned(data, body, size)
        elif ident == SIMPLE_BLOCK:
            track, ticks, _ = block_head(data, body, at)
            yield track, cluster + ticks
        elif ident == BLOCK_GROUP:
            track, ticks, _ = block_group(data, body, at)
            yield track, cluster + ticks
