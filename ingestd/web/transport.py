"""uvicorn's HTTP protocol with limits on heads, on silence, and on how many connections there are."""

from __future__ import annotations

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 20.0  # from connecting, or from the answer before, to the end of a request's head

_PIECE = 16 * 1024  # bytes; a head is measured each time that so many were parsed
_OTHERS = 4096  # connections beside event streams, with WebSockets
_RESERVED = 4096  # descriptors for everything else, or half of them where they are few
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class HttpTransport(HttpToolsProtocol):
    """Closes a connection whose next request does not come in time, or has too large a head.

    Each takes a descriptor, and without descriptors no encoder can be started again. For the same
    reason newcomers are dropped while there are too many. uvicorn's ``limit_concurrency`` counts event
    streams as requests under way and would answer 503 to ``/healthz`` because of them.
    """

    streams = 0
    """Event streams that may be open."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._head: int | None = None  # bytes of the head that is on its way

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > most_connections(self.streams):
            transport.abort()
        self._hurry()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for at in range(0, len(data), _PIECE):
            piece = data[at : at + _PIECE]
            super().data_received(piece)
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            if self._head is not None:
                self._head += len(piece)
                if self._head > HEAD_BYTES:
                    return self._refuse()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0
        self._hurry()

    def on_headers_complete(self) -> None:
        self._head = None
        self._relax()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:  # nothing is in the pipeline
            self._hurry()

    def _hurry(self) -> None:
        """A head is due. One that is due already gets no more time."""
        if self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self) -> None:
        if self.cycle is None or self.cycle.response_complete:  # else it would stand in another's answer
            self.transport.write(_TOO_LARGE)
        self.transport.close()


def unheard(connection: object) -> bool:
    """Whether no request has come yet on a connection for HTTP."""
    return isinstance(connection, HttpTransport) and connection.cycle is None


def most_connections(streams: int) -> int:
    """So many event streams, and all others, as far as descriptors go."""
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return min(streams + _OTHERS, descriptors - min(_RESERVED, descriptors // 2))


def most_streams(wanted: int) -> int:
    """As many as that, but an eighth of the connections is for others."""
    return min(wanted, most_connections(wanted) * 7 // 8)
