"""A stream that comes by RTP on loopback, for a relay to read: its ports, its description, its begin."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
from collections.abc import Awaitable, Callable, Container, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import structlog

from ingestd.addresses import LOOPBACK, kept_ports
from ingestd.errors import Code, IngestdError, Refusal, StartError
from ingestd.ingest.remux import Track, description, rtp_argv
from ingestd.processes import Child

log = structlog.get_logger("ingestd.relay")

_SOCKETS = Path("/proc/net/udp")
_LOOK = 0.01  # seconds between two looks whether FFmpeg listens
_GOODBYE = struct.pack("!BBHIBBHI", 0x80, 201, 1, 0, 0x81, 203, 1, 0)  # RR, BYE (RFC 3550 §6.1, §6.6)

_HELD: set[int] = set()  # even ports of all relays: between two lives of FFmpeg nobody has them bound

_UNREADABLE = Refusal(
    Code.UNSUPPORTED, "Nothing could be read of what was sent: H.264 or VP8, and Opus, can be taken."
)

Forward = Callable[[Sequence[Track]], Awaitable[None]]
"""Send the tracks to their ports from now on, and only there, from a keyframe on."""


class Received:
    """What the SFU forwards to us. Packets are lost where nobody listens, so FFmpeg listens first."""

    codecs = _UNREADABLE
    endless = True
    mid_stream = True

    def __init__(self, name: str, tracks: Sequence[Track], forward: Forward, scratch: Path) -> None:
        """``tracks``: their ports are chosen here. ``scratch``: where FFmpeg finds the description."""
        self._file = scratch / f"{name}.sdp"
        self._tracks = tracks
        self._forward = forward
        self._held: list[int] = []  # ports that it uses, or did until they are no longer sent to

    def argv(self, program: str, analysis: float) -> list[str]:
        """Raises :class:`StartError` where there are no ports, or the disk is full."""
        ports = free_pairs(len(self._tracks), but=_HELD)
        _HELD.update(ports)
        self._held += ports
        self._tracks = [replace(track, port=port) for track, port in zip(self._tracks, ports, strict=True)]
        try:
            self._file.write_text(description(self._tracks))
        except OSError as error:
            raise StartError(f"{self._file} cannot be written: {error.strerror}") from error
        return rtp_argv(program, self._file.name, analysis)

    async def flow(self, child: Child) -> None:
        while child.running and not _listens(child.pid, self._tracks):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK)  # proc tells nobody when it changes
        self._file.unlink(missing_ok=True)
        if not child.running:
            return
        try:
            await self._forward(self._tracks)
        except IngestdError as error:
            log.warning("not_forwarded", reason=str(error))
        else:
            self._let_go([track.port for track in self._tracks])

    def over(self) -> None:
        """FFmpeg writes what it has when all tracks say goodbye. A signal it heeds only when its read times
        out, after ten seconds."""
        with suppress(OSError), _udp() as out:
            for track in self._tracks:
                out.sendto(_GOODBYE, (LOOPBACK, track.port + 1))

    def close(self) -> None:
        """Nothing is sent to it any more."""
        self._file.unlink(missing_ok=True)
        self._let_go([])

    def _let_go(self, but: list[int]) -> None:
        """Of those before: others may have them."""
        _HELD.difference_update(port for port in self._held if port not in but)
        self._held = but


def free_pairs(count: int, but: Container[int] = ()) -> list[int]:
    """So many even UDP ports on loopback that are free together with the next one (RFC 3550 §11); none of
    ``but``. Raises StartError."""
    even = [port for port in kept_ports() if port % 2 == 0 and port not in but]
    found: list[int] = []
    for port in random.sample(even, len(even)):
        if len(found) == count:
            break
        with suppress(OSError), _udp() as one, _udp() as other:
            one.bind((LOOPBACK, port))
            other.bind((LOOPBACK, port + 1))
            found.append(port)
    if len(found) < count:
        raise StartError("There are no free UDP ports on loopback.")
    return found


def _udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _listens(pid: int, tracks: Sequence[Track]) -> bool:
    """Whether this process has all the ports: whoever else had one would get what is not for him."""
    mine = _sockets(pid)
    bound = {at for at, inode in udp_sockets(_SOCKETS.read_text(encoding="ascii")) if inode in mine}
    return all((LOOPBACK, track.port) in bound for track in tracks)


def udp_sockets(table: str) -> list[tuple[tuple[str, int], str]]:
    """Address, port and inode of each, from ``/proc/net/udp`` (proc(5): addresses in hexadecimal, as they lie
    in a little-endian machine's memory)."""
    found = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        address, port = fields[1].split(":")
        found.append(((socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(port, 16)), fields[9]))
    return found


def _sockets(pid: int) -> set[str]:
    """Inodes of those that a process has."""
    found = set()
    with suppress(OSError):  # it has ended
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                found.add(os.readlink(f"/proc/{pid}/fd/{name}").removeprefix("socket:[").removesuffix("]"))
    return found
