"""WebM and Matroska (RFC 9559) cut into units.

Clusters of unknown size whose first child is their Timestamp, which is what browsers write, are
handed on as they came. Of any other Cluster the header is exchanged for one of unknown size with
its Timestamp, because children are dropped. All that is neither Cluster, Timestamp nor block is
dropped. Where an Opus track has no sound any more, silence is put in before a block of video.
"""

from __future__ import annotations

import struct

from ingestd.container import ebml
from ingestd.container.blocks import block_group, block_head
from ingestd.container.limits import MAX_SKIP, Limits, Refused
from ingestd.container.matroska_init import (
    BLOCK_GROUP,
    CLUSTER,
    EBML,
    INFO,
    SEGMENT,
    SIMPLE_BLOCK,
    TRACKS,
    MatroskaInit,
)
from ingestd.container.model import Event, InitSegment, NextRecording
from ingestd.container.silence import Silence, silence_for, span
from ingestd.container.units import Units

_TIMESTAMP = 0xE7
_VOID = 0xEC

_SEEK_HEAD, _CUES, _TAGS, _CHAPTERS, _ATTACHMENTS = 0x114D9B74, 0x1C53BB6B, 0x1254C367, 0x1043A770, 0x1941A469
_TOP_LEVEL = frozenset(
    (CLUSTER, INFO, TRACKS, _SEEK_HEAD, _CUES, _TAGS, _CHAPTERS, _ATTACHMENTS, EBML, SEGMENT)
)
"""What ends a Cluster of unknown size."""

_CLUSTER_ID = CLUSTER.to_bytes(4, "big")
_PLAIN_CLUSTER = _CLUSTER_ID + ebml.unknown_size(8) + b"\xe7"
_CLUSTER_HEAD = 32
"""Bytes: no Cluster header with its Timestamp is longer. Held back with a block, it counts with it."""
_BLOCK_HEAD = 9
"""Bytes: the longest identifier and size of a block."""

_ENDLESS = 1 << 63
_UNHEARD = -0x8001
"""Ticks: before all blocks of the Cluster."""

_simple_block = struct.Struct(">BHBhB").unpack_from
"""Identifier, size of two bytes, track of one byte, relative time, flags: how nearly all blocks begin."""


def cluster_header(timestamp: int) -> bytes:
    """A Cluster header of unknown size with its Timestamp, in ticks of the recording (22 bytes)."""
    return _PLAIN_CLUSTER + b"\x88" + timestamp.to_bytes(8, "big")


class Matroska:
    """Reads one recording; see ``limits.Reader``."""

    def __init__(self, limits: Limits) -> None:
        self.need = 1
        self.done = False
        self._init: MatroskaInit | None = MatroskaInit(limits.init)
        self._units = Units(limits.element)
        self._limit = limits.element - _CLUSTER_HEAD
        self._longest = min(0x7FFE, 0x4000 + self._limit - _BLOCK_HEAD)  # as the two bytes of a block's size
        self._buf = b""
        self._base = 0
        self._pos = 0  # of the next element
        self._scale = 0  # nanoseconds
        self._video: int | None = None
        self._video_byte = -1
        self._silence: Silence | None = None
        self._audio_byte = -1  # of the track that ``_silence`` listens to
        self._in_cluster = False
        self._cluster_end = _ENDLESS  # in the epoch
        self._cluster_offset = 0  # in the epoch
        self._timestamp: int | None = None  # of the Cluster, in ticks

    @classmethod
    def resume(cls, init: InitSegment, prefix: bytes, limits: Limits) -> Matroska:
        """Go on at a unit of a recording that has this init segment (bytes from its offset on)."""
        reader = cls(Limits(limits.element, len(init.data)))
        pos = 0
        parsed = MatroskaInit(len(init.data))
        while pos < len(init.data):
            pos = parsed.element(init.data, pos)
        reader._start(parsed, init)
        if prefix:
            reader._in_cluster = True
            reader._timestamp = int.from_bytes(prefix[-8:], "big")
        return reader

    @property
    def held(self) -> int:
        return len(self._units.lead) + (len(self._init.data) if self._init else 0)

    def take(self) -> list[Event]:
        out, self._units.out = self._units.out, []
        return out

    def read(self, buf: bytes, base: int) -> int:
        self._buf, self._base = buf, base
        self._units.begin(buf, base)
        self.need = len(buf) + 1
        while self._pos < len(buf) and self._element():
            pass
        keep = self._units.end(self._pos)
        self._pos -= keep
        self.need -= keep
        self._buf = b""
        return keep

    def finish(self, buf: bytes, base: int) -> None:
        self._units.begin(buf, base)
        self._units.release(self._pos)
        self._units.end(self._pos)
        self._init = None
        self.done = True

    def _element(self) -> bool:
        """Read the element at ``_pos``, or many. False: it is not whole."""
        if self._init:
            return self._init_element(self._init)
        if self._timestamp is not None and not self._units.holding and not self._simple_blocks():
            return False
        pos = self._pos
        if self._base + pos >= self._cluster_end:
            self._leave_cluster(pos)
        if self._buf.startswith(_PLAIN_CLUSTER, pos) and self._plain_cluster():
            return True
        found = ebml.header(self._buf, pos)
        if found is None:
            return False
        ident, size, body = found
        if ident in _TOP_LEVEL:
            return self._top_level(ident, size, body)
        if ident in (SIMPLE_BLOCK, BLOCK_GROUP):
            return self._block(ident, size, body)
        if ident == _TIMESTAMP and self._in_cluster and self._timestamp is None:
            return self._late_timestamp(body, size)
        return self._skip(ident, size, body)

    def _init_element(self, init: MatroskaInit) -> bool:
        pos = self._pos
        if init.in_segment and self._buf.startswith(_CLUSTER_ID, pos):
            segment = init.segment(pos)
            self._start(init, segment)
            self._units.out.append(segment)
            return True
        end = init.element(self._buf, pos)
        if end > len(self._buf):
            self.need = end
            return False
        self._units.drop(pos, end)
        self._pos = end
        return True

    def _start(self, init: MatroskaInit, segment: InitSegment) -> None:
        self._init = None
        self._scale = init.timestamp_scale
        if segment.video:
            self._video = segment.video.number
            self._video_byte = 0x80 | self._video if self._video < 0x7F else -1
        self._silence = silence_for(segment, self._scale)
        if self._silence:
            self._audio_byte = 0x80 | self._silence.number

    def _simple_blocks(self) -> bool:
        """Pass over SimpleBlocks that start no unit. All the speed is here: most elements are such.

        What is out of the ordinary is left to ``_block``: all stays correct when nothing is taken
        here. False: the next is such a block too, and not whole.
        """
        buf, pos = self._buf, self._pos
        end = start = pos
        stop = min(len(buf), self._cluster_end - self._base)
        last = stop - 8
        video, longest, top = self._video_byte, self._longest, -0x8000
        audio, heard, timestamp, silence = self._audio_byte, _UNHEARD, self._timestamp or 0, self._silence
        late = silence.late - timestamp if silence else 0x8000  # at the least; ``_block`` looks closer
        while pos <= last:
            ident, size, track, ticks, flags = _simple_block(buf, pos)
            if ident != SIMPLE_BLOCK or not 0x4004 <= size <= longest or track < 0x80:
                break
            if track == video:
                if flags >= 0x80 or ticks > late:
                    break
            elif track == audio and ticks > heard:
                heard = ticks  # though it may not be whole: it comes next all the same
            end = pos + size - 0x3FFD  # 3 bytes of header, and the size without its marker
            if end > stop:
                self.need = end
                break
            if ticks > top:
                top = ticks
            pos = end
        if pos > start:
            self._pos = pos
            first = _simple_block(buf, start)[3]
            self._units.block(start, self._time(first), self._time(top), starts=False)
        if silence and heard > _UNHEARD:
            silence.heard(timestamp + heard)
        # past the end of its Cluster is for ``_block`` to find
        return end <= len(buf) or end > self._cluster_end - self._base

    def _plain_cluster(self) -> bool:
        """Open a Cluster as browsers write it, without the detours of ``_cluster``."""
        pos, buf = self._pos, self._buf
        body = pos + len(_PLAIN_CLUSTER) + 1
        end = body + buf[body - 1] - 0x80 if body <= len(buf) else body
        if not body <= end <= min(len(buf), body + 8):
            return False
        self._leave_cluster(pos)
        self._in_cluster = True
        self._timestamp = int.from_bytes(buf[body:end], "big")
        self._units.hold(pos)
        self._pos = end
        return True

    def _top_level(self, ident: int, size: int, body: int) -> bool:
        pos = self._pos
        self._leave_cluster(pos)
        if ident == CLUSTER:
            return self._cluster(size, body)
        if ident == EBML:
            self._units.cut(pos)
            self._units.out.append(NextRecording(memoryview(self._buf)[pos:]))
            self.done = True
            return False
        if ident == SEGMENT:
            raise Refused("A second Segment starts, without an EBML header of its own.", pos)
        return self._skip(ident, size, body)

    def _leave_cluster(self, pos: int) -> None:
        self._units.release(pos)
        self._in_cluster = False
        self._cluster_end = _ENDLESS
        self._timestamp = None

    def _cluster(self, size: int, body: int) -> bool:
        """Open the Cluster whose body is at ``body``; with its Timestamp, where that is the first child."""
        pos, buf = self._pos, self._buf
        found = ebml.header(buf, body)
        if found is None:
            return False
        end = body
        if found[0] == _TIMESTAMP:
            end = found[2] + self._known(found[1], body)
            timestamp = ebml.unsigned(buf, found[2], found[1])
            if end > len(buf):
                self.need = end
                return False
            self._timestamp = timestamp
        self._in_cluster = True
        self._cluster_offset = self._base + pos
        if size != ebml.UNKNOWN:
            self._cluster_end = self._base + body + size
        self._check_inside(end)
        self._hold(pos, end, raw=size == ebml.UNKNOWN)
        return True

    def _hold(self, pos: int, end: int, *, raw: bool) -> None:
        """The Cluster header ``buf[pos:end]`` is read: hold it back, or what stands for it."""
        if raw and self._timestamp is not None:
            self._units.hold(pos)
        else:
            self._units.drop(pos, end)
            if self._timestamp is not None:
                self._units.hold(end, cluster_header(self._timestamp), self._cluster_offset)
        self._pos = end

    def _late_timestamp(self, body: int, size: int) -> bool:
        end = body + size
        timestamp = ebml.unsigned(self._buf, body, self._known(size, self._pos))
        self._check_inside(end)
        if end > len(self._buf):
            self.need = end
            return False
        self._timestamp = timestamp
        self._hold(self._pos, end, raw=False)
        return True

    def _block(self, ident: int, size: int, body: int) -> bool:
        pos, end = self._pos, body + size
        self._check_block(size, end)
        self._units.make_room(pos, end)
        if end > len(self._buf):
            self.need = end
            return False
        if ident == SIMPLE_BLOCK:
            track, ticks, flags = block_head(self._buf, body, end)
            key = flags >= 0x80
        else:
            track, ticks, key = block_group(self._buf, body, end)
        silence = self._silence
        if silence and (track != self._video or (self._timestamp or 0) + ticks > silence.late):
            self._listen(silence, pos, track, ticks)
        self._place(pos, track, self._time(ticks), key)
        self._pos = end
        return True

    def _check_block(self, size: int, end: int) -> None:
        pos = self._pos
        if not self._in_cluster:
            raise Refused("A block stands outside of any Cluster: a part of the recording is missing.", pos)
        if self._buf.startswith(_CLUSTER_ID, pos + 1):
            raise Refused(
                "A block is cut off before the next Cluster: a part of the recording is missing.", pos
            )
        if self._timestamp is None:
            raise Refused("A block stands before the Timestamp of its Cluster.", pos)
        if size == ebml.UNKNOWN or size + _BLOCK_HEAD > self._limit:
            self._known(size, pos)
            raise Refused(f"A block claims {size:,} bytes; the limit is {self._limit:,}.", pos)
        self._check_inside(end)

    def _place(self, pos: int, track: int, time: float, key: bool) -> None:
        decides = track == self._video or self._video is None
        if self._units.holding:
            starts = decides and (key or self._video is None)
            self._units.held_block(time, decides=decides, starts=starts)
        elif key and track == self._video and self._timestamp is not None:
            self._units.block(pos, time, time, starts=True, prefix=cluster_header(self._timestamp))
        else:
            self._units.block(pos, time, time, starts=False)

    def _listen(self, silence: Silence, pos: int, track: int, ticks: int) -> None:
        """The block at ``pos`` comes next. While a Cluster is held back, silence waits."""
        time = (self._timestamp or 0) + ticks
        if track == self._video:
            if silence.due(time) and not self._units.holding:
                self._fill(silence, pos, time)
        elif track == silence.number:
            silence.heard(time)

    def _fill(self, silence: Silence, pos: int, time: int) -> None:
        data = silence.fill(time, self._timestamp or 0, self._base + pos)
        if data:
            first, last = span(data)
            self._units.insert(pos, data, self._time(first), self._time(last))

    def _skip(self, ident: int, size: int, body: int) -> bool:
        pos, end = self._pos, body + size
        limit = MAX_SKIP if ident in _TOP_LEVEL or ident == _VOID else self._limit
        if self._known(size, pos) > limit:
            raise Refused(f"Element {ident:X} claims {size:,} bytes; the limit is {limit:,}.", pos)
        self._check_inside(end)
        self._units.drop(pos, end)
        self._pos = end
        return True

    def _known(self, size: int, pos: int) -> int:
        if size == ebml.UNKNOWN:
            raise Refused("Only a Segment or a Cluster can have an unknown size.", pos)
        return size

    def _check_inside(self, end: int) -> None:
        if self._base + end > self._cluster_end:
            raise Refused("An element reaches past the end of its Cluster.", self._pos)

    def _time(self, ticks: int) -> float:
        """Seconds, of a time relative to the Cluster's."""
        return ((self._timestamp or 0) + ticks) * self._scale / 1e9
