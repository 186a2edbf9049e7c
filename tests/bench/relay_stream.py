"""The recording that the relay benchmark's publishers send: 2.5 Mb/s of valid Matroska, made here.

As Chromium writes it: Clusters of unknown size, 30 frames and 17 packets of sound a second, a
keyframe every two seconds, in messages of a quarter of a second that are cut anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from websockets.frames import Frame, Opcode

from ingestd.container.matroska import cluster_header
from ingestd.container.model import InitSegment
from ingestd.container.splitter import Splitter

BITRATE = 2_500_000
MESSAGES_A_SECOND = 4
MESSAGE = BITRATE // 8 // MESSAGES_A_SECOND  # bytes

_CLUSTER = 500  # ms
_KEYFRAMES = 2000  # ms
_FRAME = 1000 / 30  # ms
_PACKET = 60  # ms of Opus
_PACKET_BYTES = 480  # 64 kb/s
_FRAME_BYTES = (BITRATE // 8 - 1000 // _PACKET * _PACKET_BYTES) // 30 - 40
_KEYFRAME_BYTES = 4 * _FRAME_BYTES
_RECORDING = Path(__file__).parents[1] / "recordings" / "vp8-opus_ts250_kf2000.webm"


def frames(seconds: float, masked: bool) -> list[bytes]:
    """The messages of so many seconds as they go on the wire."""
    data, count = recording(seconds + 1), round(seconds * MESSAGES_A_SECOND)
    assert len(data) >= count * MESSAGE
    return [_frame(data[at * MESSAGE : (at + 1) * MESSAGE], masked) for at in range(count)]


def _frame(message: bytes, masked: bool) -> bytes:
    """A client's frame: its payload XORed with a key, which a server undoes unless the key is 0."""
    if masked:
        return Frame(Opcode.BINARY, message).serialize(mask=True)
    return b"\x82\xff" + len(message).to_bytes(8, "big") + bytes(4) + message


def recording(seconds: float) -> bytes:
    """Init segment, then Clusters."""
    init = _init()
    video, audio = init.video, init.audio
    assert video and audio
    noise = os.urandom(_KEYFRAME_BYTES)  # read, copied and masked like any other bytes
    out, cluster = [init.data], -1
    for time, sound in _blocks(round(seconds * 1000)):
        if time // _CLUSTER != cluster:
            cluster = time // _CLUSTER
            out.append(cluster_header(cluster * _CLUSTER))
        relative = time - cluster * _CLUSTER
        if sound:
            out.append(_block(audio.number, relative, noise[:_PACKET_BYTES], key=True))
        else:
            key = time % _KEYFRAMES == 0
            size = _KEYFRAME_BYTES if key else _FRAME_BYTES
            out.append(_block(video.number, relative, noise[:size], key=key))
    return b"".join(out)


def _init() -> InitSegment:
    """That of a recording made by Chromium, VP8 and Opus."""
    events = Splitter().feed(_RECORDING.read_bytes())
    return next(event for event in events if isinstance(event, InitSegment))


def _blocks(end: int) -> Iterator[tuple[int, bool]]:
    """Time (ms) of each block, and whether it is sound; in order, the picture first."""
    pictures = [(round(number * _FRAME), False) for number in range(round(end / _FRAME))]
    sounds = [(time, True) for time in range(0, end, _PACKET)]
    yield from sorted(pictures + sounds)


def _block(track: int, ticks: int, data: bytes, *, key: bool) -> bytes:
    """A SimpleBlock."""
    body = bytes((0x80 | track,)) + ticks.to_bytes(2, "big") + bytes((0x80 if key else 0,)) + data
    size = len(body)
    width = 2 if size < 0x3FFF else 3
    return b"\xa3" + (size | 1 << 7 * width).to_bytes(width, "big") + body
