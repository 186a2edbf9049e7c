"""The datagram socket to which nginx logs every request for HLS, one line in each datagram.

A loopback UDP socket and no Unix one: of those the kernel holds ten datagrams at most on many machines.
nginx never waits for it. When nobody listens nginx notes every second line in its error log
("send() failed (111: Connection refused)") and serves on.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterable

import structlog

from ingestd.addresses import authority
from ingestd.broadcast.broadcast import Broadcast
from ingestd.errors import StartError
from ingestd.monitor.viewers import Viewers
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.monitor.viewers")

_TICK = 1.0  # seconds
_REST = 0.02  # seconds between two looks while lines come: one wake-up for all that came meanwhile
_AT_ONCE = 512  # lines in one look, so that no flood takes more than a part of the loop's time
_LINE = 1024  # bytes; of a longer one the end is cut off, which is that of the User-Agent
_BUFFER = 4 << 20  # bytes that the kernel may hold for us, if it lets us
_HEADER = len("<190>Nov 21 15:45:27 ")
_SO_MEMINFO, _NINE, _DROPS = 55, struct.Struct("9I"), 8  # linux/sock_diag.h
_TAG_BYTES = 12


def new_tag() -> str:
    """A word that lines have to carry: nobody else on this machine can make up viewers."""
    return secrets.token_hex(_TAG_BYTES)


def parsed(where: str) -> tuple[str, int]:
    """Of ``address:port``. Raises StartError."""
    match = re.fullmatch(r"\[?([^\[\]\s]+?)\]?:(\d{1,5})", where)
    if not match:
        raise StartError(f"viewers.listen: {where!r} is not ADDRESS:PORT.")
    return match[1], int(match[2])


def listen(where: str) -> socket.socket:
    """A socket bound to ``address:port`` (UDP). Raises StartError."""
    host, port = parsed(where)
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        reason = error.strerror if isinstance(error, OSError) else error
        raise StartError(f"viewers.listen: UDP {where} cannot be taken: {reason}.") from None
    return bound


class ViewerLog:
    """Reads the lines from a bound socket, which it owns, and tells each broadcast how many watch it.

    ``lost`` counts lines by reason: ``kernel`` (they came faster than we read), ``foreign`` (without
    our tag), ``unreadable``, and ``full`` (no room for another session: bytes are counted, it is not).
    """

    def __init__(self, bound: socket.socket, tag: str, viewers: Viewers) -> None:
        self.tag = tag
        self.viewers = viewers
        self._socket = bound
        bound.setblocking(False)
        self._mark = tag.encode() + b": "
        self._begin = _HEADER + len(self._mark)
        self._counted: Counter[str] = Counter(foreign=0, unreadable=0)
        self._was_full = self._was_losing = False
        self._dropped = dropped(bound)  # a socket of systemd's may have been there before us
        self._resting: asyncio.TimerHandle | None = None
        self._tasks = Tasks("viewers")

    @property
    def address(self) -> str:
        """Where nginx has to send to."""
        host, port = self._socket.getsockname()[:2]
        return authority(host, port)

    @property
    def lost(self) -> dict[str, int]:
        return {"kernel": dropped(self._socket), **self._counted, "full": self.viewers.uncounted}

    def start(self, broadcasts: Iterable[Broadcast]) -> None:
        """Each of ``broadcasts`` is told once a second."""
        self._listen()
        self._tasks.spawn(self._tick(broadcasts), "tick", eternal=True)

    async def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        if self._resting:
            self._resting.cancel()
        await self._tasks.close()
        self._socket.close()

    def _listen(self) -> None:
        self._resting = None
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def _readable(self) -> None:
        self.drain()
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        self._resting = loop.call_later(_REST, self._listen)

    def drain(self) -> None:
        """Take what has come, up to a bound."""
        now = time.monotonic()
        receive, mark, begin, take = self._socket.recv, self._mark, self._begin, self.viewers.take
        for _ in range(_AT_ONCE):
            try:
                line = receive(_LINE)
            except OSError:  # nothing more
                return
            if not line.startswith(mark, _HEADER):
                self._counted["foreign"] += 1
            elif not take(line[begin:], now):
                self._counted["unreadable"] += 1

    async def _tick(self, broadcasts: Iterable[Broadcast]) -> None:
        while True:
            self.viewers.tick(time.monotonic())
            for one in broadcasts:
                one.watched_by(self.viewers.count(one.channel))
            if self.viewers.full and not self._was_full:
                log.warning("viewers_not_all_counted", reason="more sessions than are kept at one time")
            self._was_full = self.viewers.full
            self._look_for_losses()
            await asyncio.sleep(_TICK)

    def _look_for_losses(self) -> None:
        """One line when lines begin to be lost."""
        before, self._dropped = self._dropped, dropped(self._socket)
        losing = self._dropped > before
        if losing and not self._was_losing:
            words = "they came faster than they could be read: ingestd_viewer_lines_lost_total counts them"
            log.warning("viewers_not_all_counted", reason=words)
        self._was_losing = losing


def dropped(bound: socket.socket) -> int:
    """Datagrams that the kernel has dropped for want of room; 0 where it does not say."""
    try:
        return int(_NINE.unpack(bound.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _NINE.size))[_DROPS])
    except (OSError, struct.error):
        return 0
