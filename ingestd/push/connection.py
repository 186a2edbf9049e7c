"""One RTMP connection to another place, from connect to close."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import Sequence

from ingestd.push.allowed import Address
from ingestd.push.flv import Tag
from ingestd.push.rtmp import Publisher

CONNECT_SECONDS = 10.0  # for each of: TCP and TLS, all of RTMP's handshake
STALL_SECONDS = 15.0  # in which the other side has to take something
_CLOSE_SECONDS = 2.0
_READ = 4 * 1024  # little, so that no answer to it takes long
_BUFFER = 256 * 1024  # bytes that wait for the other side before nothing more is taken


class Closed(OSError):
    """The other side has closed the connection."""


class Connection:
    """A stream that the other side has accepted. :meth:`listen` has to run beside :meth:`send`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, publisher: Publisher
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._publisher = publisher
        writer.transport.set_write_buffer_limits(_BUFFER)

    @classmethod
    async def open(cls, address: Address, ips: Sequence[str], key: str, tls: ssl.SSLContext) -> Connection:
        """Connect to one of ``ips`` and publish.

        TLS names the host of ``address`` (SNI) and takes a certificate for that name alone, though
        the connection goes to an address that was looked up before. Raises OSError (TimeoutError,
        ssl.SSLError, :class:`Closed`), :class:`~ingestd.push.rtmp.Rejected`,
        :class:`~ingestd.push.amf.Malformed`.
        """
        reader, writer = await _dial(address, ips, tls if address.tls else None)
        made = cls(reader, writer, Publisher(address.app, address.tc_url, key, os.urandom(1528)))
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await made._publish()
        except BaseException:
            writer.transport.abort()
            raise
        return made

    async def _publish(self) -> None:
        self._writer.write(self._publisher.begin())
        while not self._publisher.accepted:
            await self._exchange()

    async def _exchange(self) -> None:
        data = await self._reader.read(_READ)
        if not data:
            raise Closed("closed")
        if answer := self._publisher.receive(data, time.monotonic()):
            await self._write(answer)

    async def listen(self) -> None:
        """Answer what the other side asks, until it ends: always by an exception."""
        while True:
            await self._exchange()

    async def send(self, tag: Tag) -> int:
        """Send one tag; the bytes it took. TimeoutError when the other side takes nothing any more."""
        data = self._publisher.media(tag.kind, tag.time, tag.data)
        await self._write(data)
        return len(data)

    async def _write(self, data: bytes) -> None:
        """What the other side does not take fills no memory of ours; TimeoutError in the end."""
        if self._writer.is_closing():  # reset by the other side: uvloop calls it a mistake to write then
            raise Closed("closed")
        self._writer.write(data)
        async with asyncio.timeout(STALL_SECONDS):
            await self._writer.drain()

    async def close(self) -> None:
        """Say that this was all, as far as the other side still listens."""
        try:
            with contextlib.suppress(OSError):
                if not self._writer.is_closing():
                    self._writer.write(self._publisher.end())
                self._writer.close()
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._writer.wait_closed()
        finally:
            self._writer.transport.abort()


async def _dial(
    address: Address, ips: Sequence[str], tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    error: OSError = OSError("no address")
    for ip in ips[:3]:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await asyncio.open_connection(
                    ip, address.port, ssl=tls, server_hostname=address.host if tls else None
                )
        except OSError as failed:
            error = failed
    raise error
