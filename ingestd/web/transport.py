"""uvicorn's HTTP protocol with a limit on silence: a connection is for requests."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_REQUEST_SECONDS = 20.0  # from connecting to the end of the first request's head


class HttpTransport(HttpToolsProtocol):
    """Closes a connection that has not sent a whole request in time.

    Each takes a descriptor, and without descriptors no encoder can be started again.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(_REQUEST_SECONDS, self._hurry)

    def _hurry(self) -> None:
        if self.cycle is None and self.transport.get_protocol() is self:
            self.transport.close()
