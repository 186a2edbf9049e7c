"""Every request and every WebSocket has an id: on each line that is logged for it, and in its answer.

Here is also the access log, if it is wanted: without queries, and without anything in a path that is
long enough to be a secret.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingestd.accounts.address import Network, among, networks
from ingestd.log import redact
from ingestd.telemetry import span

log = structlog.get_logger("ingestd.access")

HEADER = "X-Request-Id"

_GOOD = re.compile(r"[A-Za-z0-9_.-]{8,64}")
# asked every few seconds, by machines; or by a page, in pieces, each time that somebody opens a studio
_UNLOGGED = re.compile(r"/healthz|/readyz|/metrics|/api/v1/channels/[^/]+/(?:upload-test|readiness)")
_SECRET = 16  # characters; a stream key, a token and the secret of our own nginx have more
_PATH = 200  # characters


def request_id(peer: str, given: str, trusted: Sequence[Network]) -> str:
    """The id that a trusted proxy has given, if it is one; else a new one."""
    if _GOOD.fullmatch(given) and among(peer, trusted) and redact(given) == given:
        return given
    return secrets.token_hex(8)


def harmless(path: str) -> str:
    """A path as it may be logged: whatever in it is as long as a secret is hidden."""
    parts = path[:_PATH].split("/")
    return "/".join("[hidden]" if len(part) >= _SECRET else part for part in parts)


class Requests:
    """Names what comes in. ``trusted`` are networks; ``access`` switches the access log on."""

    def __init__(self, app: ASGIApp, trusted: Sequence[str], *, access: bool) -> None:
        self._app = app
        self._trusted = networks(trusted)
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        peer, _ = scope.get("client") or ("", 0)
        name = request_id(peer, Headers(scope=scope).get(HEADER, ""), self._trusted)
        # a request on a connection that is kept is begun by the one before it
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=name)
        answer = _Answer(name, send)
        begun = time.monotonic()
        method = scope.get("method", "WEBSOCKET")
        try:
            with span(method, {"request_id": name, "url.path": harmless(scope["path"])}) as note:
                await self._app(scope, receive, answer.send)
                note("http.response.status_code", answer.status)
        finally:
            if self._access and scope["type"] == "http" and not _UNLOGGED.fullmatch(scope["path"]):
                log.info(
                    "request",
                    method=method,
                    path=harmless(scope["path"]),
                    status=answer.status,
                    seconds=round(time.monotonic() - begun, 4),
                    bytes=answer.size,
                )


class _Answer:
    """What goes out: it gets the id, and is measured. ``status`` 0: there was none."""

    def __init__(self, name: str, send: Send) -> None:
        self.status = 0
        self.size = 0
        self._name = name
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            MutableHeaders(scope=message)[HEADER] = self._name
        elif message["type"] == "http.response.body":
            self.size += len(message.get("body", b""))
        await self._send(message)
