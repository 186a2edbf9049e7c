"""The WebSocket to the server: its address, its handshake and its end."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from ingestd.ingest.session import STOP_CODE
from ingestd.publish.errors import Closed, Exit, Failure, closed, refused_handshake

OPEN_SECONDS = 15.0
"""For the handshake."""
_CLOSE_SECONDS = 60.0  # for the server to take what is on its way and to confirm the end
_LEAVE_SECONDS = 2.0  # for a goodbye
_STALL_SECONDS = 60.0  # without the server taking a byte: then it is gone, or might as well be
_MAX_ANSWER = 64 * 1024  # bytes in one message from the server

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_GONE_ON = (1000, 1001, 1005, STOP_CODE)  # close codes with which a server agrees to the end


def endpoint(server: str, stream_key: str, title: str = "") -> str:
    """``http://host:4000/prefix`` is ``ws://host:4000/prefix/ws?streamKey=…``."""
    parts = _address(server)
    path = parts.path.rstrip("/").removesuffix("/ws") + "/ws"
    query = {"streamKey": stream_key} | ({"title": title} if title else {})
    return parts._replace(
        scheme=_SCHEMES[parts.scheme], path=path, query=urlencode(query, quote_via=quote)
    ).geturl()


def is_local(server: str) -> bool:
    """Whether what is sent there stays on this machine."""
    host = _address(server).hostname or ""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def is_encrypted(server: str) -> bool:
    return _SCHEMES[_address(server).scheme] == "wss"


def _address(server: str) -> SplitResult:
    try:
        parts = urlsplit(server if "://" in server else f"http://{server}")
        usable = parts.scheme in _SCHEMES and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise Failure(Exit.UNUSABLE, f"--server {server}: say http://HOST:PORT, https://, ws:// or wss://.")
    if parts.query or parts.fragment or parts.username is not None:
        words = "only an address, please; key and token have their own flags and variables."
        raise Failure(Exit.UNUSABLE, f"--server takes {words}")
    return parts


class _Direct(connect):
    """Follows no redirect: key and token are meant for the address that was given, and no other."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Connection:
    """An open connection to ``/ws``."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    @classmethod
    async def open(
        cls,
        server: str,
        stream_key: str,
        token: str,
        title: str = "",
        *,
        subprotocol: str = "",
        seconds: float = OPEN_SECONDS,
    ) -> Connection:
        """Connect; the token travels in a header, which stays out of access logs.

        Raises :class:`Failure`, also where the server does not speak the ``subprotocol``.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            socket = await _Direct(
                endpoint(server, stream_key, title),
                additional_headers=headers,
                subprotocols=[Subprotocol(subprotocol)] if subprotocol else None,
                compression=None,  # media does not shrink
                proxy=None if is_local(server) else True,
                open_timeout=seconds,
                close_timeout=_CLOSE_SECONDS,
                ping_interval=None,  # a server that does not read for a while is slow, not dead
                max_size=_MAX_ANSWER,
            )
        except InvalidStatus as error:
            raise refused_handshake(error.response.status_code, bytes(error.response.body or b"")) from None
        except (OSError, TimeoutError, ssl.SSLError, InvalidHandshake, InvalidProxy, InvalidURI) as error:
            why = _why(error)
            words = f"Cannot connect to {server}: {why}. Is the server running (ingestd up)?"
            raise Failure(Exit.NO_CONNECTION, words, temporary=True) from None
        if subprotocol and socket.subprotocol != subprotocol:
            socket.transport.abort()
            words = f"The server does not speak {subprotocol}, with which nothing is lost."
            raise Failure(Exit.REFUSED, f"{words} --plain goes without.")
        return cls(socket)

    @property
    def waiting(self) -> int:
        """Bytes handed to this connection that the network has not taken yet."""
        return self._socket.transport.get_write_buffer_size()

    async def send(self, data: bytes) -> None:
        """Send a message; returns when the network has taken most of what was sent so far."""
        try:
            async with asyncio.timeout(_STALL_SECONDS):
                await self._socket.send(data)
        except ConnectionClosed:
            raise self._closed() from None
        except TimeoutError:
            words = f"The server has taken nothing for {_STALL_SECONDS:g} s."
            raise Failure(Exit.LOST, words) from None

    async def say(self, message: str | bytes) -> None:
        """Send a message, however long the network takes; raises :class:`Closed`."""
        try:
            await self._socket.send(message)
        except ConnectionClosed:
            raise self._end() from None

    async def hear(self, seconds: float) -> str | bytes:
        """The next message; raises :class:`Closed`, or TimeoutError when none has come in so long."""
        try:
            async with asyncio.timeout(seconds):
                return await self._socket.recv()
        except ConnectionClosed:
            raise self._end() from None

    async def wait_closed(self) -> None:
        """Until the server closes, or the connection breaks; raises :class:`Failure` then."""
        await self._socket.wait_closed()
        raise self._closed()

    async def swallow(self) -> None:
        """Read and forget what the server says: unread messages would hide its close frame."""
        with contextlib.suppress(ConnectionClosed):
            async for _ in self._socket:
                pass

    async def stop(self) -> None:
        """Say that the recording is complete, and wait until the server has confirmed it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._socket.close(STOP_CODE, "stop")
        if self._socket.close_code is None or self._socket.close_code == 1006:
            raise Failure(Exit.LOST, "The connection was lost before the server confirmed the end.")
        if self._socket.close_code not in _GONE_ON:
            raise self._closed()

    async def leave(self) -> None:
        """Say goodbye to a server that has nothing more to say, or not for long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._socket.close()

    def abort(self) -> None:
        """Drop the connection, whatever its state."""
        self._socket.transport.abort()

    def _closed(self) -> Failure:
        end = self._end()
        return closed(end.code, end.reason)

    def _end(self) -> Closed:
        return Closed(self._socket.close_code, self._socket.close_reason)


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).rstrip(".") or type(error).__name__
