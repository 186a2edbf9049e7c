"""Asks nginx for nginx-rtmp's statistics every few seconds; that it does not answer disturbs nobody."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import NamedTuple

import structlog

from ingestd.addresses import authority
from ingestd.monitor.nginx_stat import LARGEST, Stat, Unreadable, parse
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.monitor.stat")

_EVERY = 5.0  # seconds
_PATIENCE = 3.0  # seconds for a whole answer
_CHUNK = 64 << 10  # bytes
_OTHER = (
    "The nginx that runs was configured by other settings, or by another version of ingestd: its ports,"
    " segments or certificates may not be those that ingestd counts on. Restart it."
)
_CONFIGURATION = re.compile(rb"\r\nX-Configuration: ([0-9a-f]+)\r\n", re.IGNORECASE)


class NoAnswer(Exception):
    """Why there are no statistics, in plain words."""


class Answer(NamedTuple):
    """``configuration``: the digest of the one that nginx has read; empty: it does not say."""

    xml: bytes
    configuration: str


async def fetch(host: str, port: int, seconds: float = _PATIENCE) -> Answer:
    """What nginx gives. Raises :class:`NoAnswer`."""
    where = authority(host, port)
    try:
        async with asyncio.timeout(seconds):
            answer = await _ask(host, port)
    except TimeoutError:
        raise NoAnswer(f"nginx did not answer on {where} within {seconds:g} s") from None
    except OSError as error:
        raise NoAnswer(f"nginx cannot be reached on {where}: {error.strerror or error}") from None
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if status != [b"200"]:
        said = status[0].decode("ascii", "replace")[:20] if status else "no HTTP"
        raise NoAnswer(f"nginx on {where} answered with {said}")
    found = _CONFIGURATION.search(head + b"\r\n")
    return Answer(body, found[1].decode() if found else "")


async def _ask(host: str, port: int) -> bytes:
    """HTTP/1.0: what comes until the end is the answer. No more is taken than a bit too much."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"GET /stat HTTP/1.0\r\nHost: stat\r\n\r\n")
        pieces, size = [], 0
        while size <= LARGEST + _CHUNK and (piece := await reader.read(_CHUNK)):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class StatReader:
    """``newest`` is what nginx said last; None: it did not answer, or nobody has asked yet.

    ``configuration``: the digest of the one that it should have read; empty: that is nobody's business.
    """

    def __init__(
        self,
        host: str,
        port: int,
        configuration: str = "",
        *,
        every: float = _EVERY,
        patience: float = _PATIENCE,
    ) -> None:
        self.newest: Stat | None = None
        self._host, self._port = host, port
        self._every, self._patience = every, patience
        self._configuration = configuration
        self._complained = False
        self._other = False  # nginx has read another one
        self._tasks = Tasks("stat")

    def start(self) -> None:
        self._tasks.spawn(self._read(), "read", eternal=True)

    async def close(self) -> None:
        await self._tasks.close()

    async def xml(self) -> bytes:
        """As nginx gives it now. Raises :class:`NoAnswer`."""
        return (await self._fetch()).xml

    async def _fetch(self) -> Answer:
        return await fetch(self._host, self._port, self._patience)

    async def _read(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(self._every)

    async def _look(self) -> None:
        """One line when it begins to fail, and one when it is over."""
        try:
            answer = await self._fetch()
            self.newest = parse(answer.xml)
        except (NoAnswer, Unreadable) as error:
            self.newest = None
            if not self._complained:
                log.warning("nginx_statistics_missing", reason=str(error))
            self._complained = True
            return
        if self._complained:
            log.info("nginx_statistics_back")
        self._complained = False
        self._compare(answer.configuration)

    def _compare(self, read: str) -> None:
        other = bool(self._configuration) and read != self._configuration
        if other and not self._other:
            log.warning("nginx_configuration_other", reason=_OTHER)
        elif self._other and not other:
            log.info("nginx_configuration_fits")
        self._other = other
