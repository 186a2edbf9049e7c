"""Time stamps out of an MPEG transport stream: of each picture, and of each AAC packet. Pure.

FFmpeg would tell them too, at the price of a process more for each run of segments, and with its
own ideas of what to do with a time stamp that it does not like.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

PACKET = 188
SAMPLES = 1024
"""Samples in an AAC packet."""

_CLOCK = 90_000  # Hz
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)


@dataclass(slots=True)
class Times:
    """Presentation times in seconds, in the order of the stream. ``spoiled`` counts what made no sense."""

    video: list[float] = field(default_factory=list)
    audio: list[float] = field(default_factory=list)
    rate: int = 48000  # samples of sound in a second
    spoiled: int = 0


def times(stream: bytes) -> Times:
    """Of one run of segments, that is of one programme with one picture and one sound."""
    found = Times(spoiled=len(stream) % PACKET)
    for kind, pes in _pes(stream):
        at = _pts(pes)
        if at is None:
            found.spoiled += 1
        elif kind == "video":
            found.video.append(at)
        else:
            _audio(pes[9 + pes[8] :], at, found)
    return found


def _pes(stream: bytes) -> Iterator[tuple[str, bytes]]:
    """Whole PES packets, each when the next one of its stream begins or the stream ends."""
    open_: dict[int, bytearray] = {}
    for start in range(0, len(stream) - PACKET + 1, PACKET):
        pid = (stream[start + 1] & 0x1F) << 8 | stream[start + 2]
        payload = _payload(stream[start : start + PACKET])
        if stream[start + 1] & 0x40:
            yield from _named(open_.pop(pid, None))
            open_[pid] = bytearray(payload)
        elif pid in open_:
            open_[pid] += payload
    for rest in open_.values():
        yield from _named(rest)


def _payload(packet: bytes) -> bytes:
    if not packet[3] & 0x10:
        return b""
    return packet[5 + packet[4] :] if packet[3] & 0x20 else packet[4:]


def _named(pes: bytearray | None) -> Iterator[tuple[str, bytes]]:
    """By stream id; tables are no PES packets and have none."""
    if pes and pes[:3] == b"\0\0\1":
        kind = {0xE0: "video", 0xC0: "audio"}.get(pes[3] & 0xE0)
        if kind:
            yield kind, bytes(pes)


def _pts(pes: bytes) -> float | None:
    if len(pes) < 14 or not pes[7] & 0x80:
        return None
    high, middle, low = pes[9] >> 1 & 7, pes[10] << 7 | pes[11] >> 1, pes[12] << 7 | pes[13] >> 1
    return (high << 30 | middle << 15 | low) / _CLOCK


def _audio(payload: bytes, at: float, found: Times) -> None:
    """Every ADTS packet of a PES packet: only the first has a time stamp of its own."""
    position = 0
    while position + 7 <= len(payload):
        head = payload[position : position + 7]
        if head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or (head[2] >> 2 & 15) >= len(_RATES):
            break
        found.rate = _RATES[head[2] >> 2 & 15]
        found.audio.append(at)
        at += SAMPLES / found.rate
        position += max(7, (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5)
    found.spoiled += position != len(payload)
