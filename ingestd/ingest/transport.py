"""uvicorn's WebSocket protocol with this project's answer to messages that are too large."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol

from ingestd.ingest.echo import LARGEST, PROTOCOL
from ingestd.ingest.session import too_large

_TOO_BIG = 1009  # what websockets says of a message above its limit (RFC 6455 §7.4.1)
_PIECES = 4096  # continuation frames of one message; empty ones count for nothing in its size
_QUIET = 2.0  # seconds of silence after which a refused client has stopped; a slow one pauses


class _Protocol(ServerProtocol):
    """Gives the reason in the words and with the code that this project documents (4413)."""

    def fail(self, code: int, reason: str = "") -> None:
        if code == _TOO_BIG and self.max_message_size is not None:
            refusal = too_large(self.max_message_size)
            code, reason = refusal.close_code, refusal.close_reason
        super().fail(code, reason)


class IngestTransport(WebSocketsSansIOProtocol):
    """No compression: media does not shrink, and deflate costs up to three times the CPU."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = _Protocol(max_size=self.config.ws_max_size, logger=self.logger)
        self._give_up_at = 0.0

    def handle_connect(self, event: Request) -> None:
        """Whoever is not asked who they are gets no room to fill."""
        if any(PROTOCOL in line for line in event.headers.get_all("Sec-WebSocket-Protocol")):
            self.conn.max_message_size = LARGEST
        super().handle_connect(event)

    def handle_ping(self) -> None:
        """Answer, unless the client asks and asks and does not read: pongs know no backpressure."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.transport.abort()

    def handle_cont(self, event: Frame) -> None:
        super().handle_cont(event)
        if len(self.frames) > _PIECES:
            self.transport.abort()

    async def run_asgi(self) -> None:
        await super().run_asgi()
        # a close waits for what was written to be read, which may never be
        self.loop.call_later(self.close_timeout, self.transport.abort)

    def handle_parser_exception(self) -> None:
        """Say why, then read on until the client is quiet.

        To close a socket under unread bytes resets the connection, and the client never learns
        the reason. What still comes is thrown away by the parser.
        """
        now = self.loop.time()
        if not self.close_sent and self.conn.close_sent is not None:
            why = self.conn.close_sent
            self.queue.put_nowait({"type": "websocket.disconnect", "code": why.code, "reason": why.reason})
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self._give_up_at = now + self.close_timeout
        if self.close_timer is not None:
            self.close_timer.cancel()
        delay = min(_QUIET, max(0.0, self._give_up_at - now))
        self.close_timer = self.loop.call_later(delay, self.transport.close)
