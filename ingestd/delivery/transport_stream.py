"""The head of an MPEG transport stream segment, made true (ISO/IEC 13818-1). Pure.

nginx-rtmp declares H.264 and AAC in every segment, whichever of them there is. Chromium's own
player then waits for the missing one and fails with DEMUXER_ERROR_COULD_NOT_PARSE; hls.js does
not mind. So segments of sound alone, and of picture alone, get a program map of their own.
"""

from __future__ import annotations

PACKET = 188
HEAD = 2 * PACKET  # a program association table and a program map table, a packet each

_SYNC = 0x47
_PROGRAM_MAP = 0x02
_NO_PCR = 0x1FFF
_VIDEO_TYPES = frozenset({0x1B})  # H.264
_SECTION = 5  # 4 bytes of packet header, and the pointer field
_CRC = 4


def prune(head: bytes, *, video: bool, audio: bool) -> bytes:
    """The first two packets with only those streams declared; unchanged if they are not as expected."""
    packet = head[PACKET:HEAD]
    if len(packet) != PACKET or packet[0] != _SYNC or packet[4] or packet[_SECTION] != _PROGRAM_MAP:
        return head
    length = int.from_bytes(packet[_SECTION + 1 : _SECTION + 3], "big") & 0x0FFF
    section = packet[_SECTION : _SECTION + 3 + length - _CRC]
    kept = b"".join(
        entry
        for entry in _streams(section)
        if (entry[0] in _VIDEO_TYPES and video) or (entry[0] not in _VIDEO_TYPES and audio)
    )
    fixed = section[: 12 + _descriptors(section)]
    pcr = fixed[8:10] if video else (0xE000 | _NO_PCR).to_bytes(2, "big")
    body = fixed[:8] + pcr + fixed[10:] + kept
    body = body[:1] + (0xB000 | (len(body) - 3 + _CRC)).to_bytes(2, "big") + body[3:]
    whole = packet[:_SECTION] + body + _crc32(body).to_bytes(_CRC, "big")
    return head[:PACKET] + whole.ljust(PACKET, b"\xff")


def _descriptors(section: bytes) -> int:
    """Bytes of the program's own descriptors."""
    return int.from_bytes(section[10:12], "big") & 0x0FFF


def _streams(section: bytes) -> list[bytes]:
    """The entries of the map: stream type, PID, descriptors."""
    found, at = [], 12 + _descriptors(section)
    while at + 5 <= len(section):
        size = 5 + (int.from_bytes(section[at + 3 : at + 5], "big") & 0x0FFF)
        found.append(section[at : at + size])
        at += size
    return found


def _crc32(data: bytes) -> int:
    """CRC-32/MPEG-2: polynomial 0x04C11DB7, not reflected (annex A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = ((crc << 1) ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc
