"""Opus silence, for a recording whose audio track ends, or never starts, while its video goes on.

FFmpeg's output has no sound then, and nginx-rtmp, which cuts a segment at a keyframe only while
it has sound to go with it, makes one segment of all that follows. So the track is kept going.

For Opus alone: its silence is the same three bytes whatever the track's parameters are. Packets of
other codecs depend on a setup that stands in the init segment (AAC, Vorbis) or on the sample format
(PCM), so a recording with one of those is handed on as it came.

Times are ticks of the recording, absolute unless they are said to be a Cluster's. All is reckoned
in whole nanoseconds, so that nothing hangs on how the stream was cut.
"""

from __future__ import annotations

import struct

from ingestd.container.model import InitSegment

_PACKET = b"\xf8\xff\xfe"
"""CELT, full band, 20 ms, mono, one frame (RFC 6716, section 3.1: config 31, code 0), of silence."""
_PACKET_TIME = 20_000_000  # ns

_HEAD_TIME = 60_000_000
"""ns that a real packet is taken to sound: what Chromium writes, and the longest single frame (RFC 6716,
section 2.1.4). Too much leaves a gap of some milliseconds; too little, and silence would overlap it."""

_GAP = 500_000_000
_GAP_FILLING = 100_000_000
"""ns without sound after which silence is put in: after real sound, and once silence is going."""

_MOST = 3000  # packets: 60 s
_PER_BYTE = 2
"""Packets for each byte of the recording since the last silence. Hours of silence can be asked for with
a few bytes of damaged or hostile time stamps; honest video has more than 25 bytes a second."""

_LOWEST = -0x8000  # of a block's ticks: 16 bits, relative to its Cluster (RFC 9559, section 10)
_HIGHEST_NUMBER = 0x7E  # of a track whose number takes one byte in a block

_BEFORE_ALL = _LOWEST - 1  # ticks
_NEVER = -1 << 100  # ns

_block = struct.Struct(">BBBhB3s")
"""SimpleBlock: identifier, size 7, track, relative ticks, flags (keyframe), packet."""


class Silence:
    """Tells where the sound of one Opus track is missing, and makes silent packets for it.

    ``number`` is the track's, ``scale`` nanoseconds a tick. No block of video up to ``late`` is ``due``.
    """

    def __init__(self, number: int, scale: int) -> None:
        self.number = number
        self.late = _BEFORE_ALL  # so that ``due`` is asked about the first block of video
        self._scale = scale
        self._heard = _BEFORE_ALL
        self._reach = (_HEAD_TIME + _GAP) // scale
        self._end = _NEVER  # ns: of the sound that ``due`` knows of, or of what was put in
        self._gap = _GAP
        self._offset = 0

    def heard(self, time: int) -> None:
        """A block of real sound is at ``time``."""
        self._gap = _GAP
        if time > self._heard:
            self._heard = time
            if time + self._reach > self.late:
                self.late = time + self._reach

    def due(self, time: int) -> bool:
        """Whether the block of video at ``time`` finds no sound; until some was heard, since the first."""
        if time <= self.late:
            return False
        if self._heard > _BEFORE_ALL:
            self._end = max(self._end, self._heard * self._scale + _HEAD_TIME)
        elif self._end == _NEVER:
            self._end = time * self._scale
        self.late = (self._end + self._gap) // self._scale
        return time > self.late

    def fill(self, time: int, cluster_ticks: int, offset: int) -> bytes:
        """SimpleBlocks of silence up to ``time``, where a block of the Cluster at ``cluster_ticks`` is due.

        ``offset`` is that of the block in the epoch. What is too long ago for the Cluster, or too much
        for one time, is left out; that may be all.
        """
        count = (time * self._scale - self._end) // _PACKET_TIME
        end = self._end + count * _PACKET_TIME
        most = min(count, _MOST, _PER_BYTE * (offset - self._offset))
        starts = range(end - most * _PACKET_TIME, end, _PACKET_TIME)
        self._end, self._offset, self._gap = end, offset, _GAP_FILLING
        self.late = (end + _GAP_FILLING) // self._scale
        # the last one ends before a block of the same Cluster: none is too late
        ticks = (start // self._scale - cluster_ticks for start in starts)
        track = 0x80 | self.number
        return b"".join(_block.pack(0xA3, 0x87, track, t, 0x80, _PACKET) for t in ticks if t >= _LOWEST)


def silence_for(init: InitSegment, scale: int) -> Silence | None:
    """For a recording of video whose first audio track is Opus; ``scale``: nanoseconds a tick."""
    audio = init.audio
    if init.video and audio and audio.codec == "opus" and audio.number <= _HIGHEST_NUMBER:
        return Silence(audio.number, scale)
    return None


def span(blocks: bytes) -> tuple[int, int]:
    """The ticks of the first and of the last one, relative to the Cluster."""
    return _block.unpack_from(blocks)[3], _block.unpack_from(blocks, len(blocks) - _block.size)[3]
