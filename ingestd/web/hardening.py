"""What every answer and every request has in common, whatever route it is for.

Headers that keep a browser from guessing, embedding and telling on; limits for what is sent to
us; and the client's address, which only a trusted proxy may say for somebody else.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingestd.accounts.address import client_address, networks, scheme
from ingestd.errors import Code, Refusal
from ingestd.web.requests import Requests
from ingestd.webrtc.http import CORS

BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0  # from a request's head to the end of its body
STREAMED = re.compile(r"/api/v1/channels/[^/]+/(?:picture|upload-test)")
"""Where a body may be larger: who takes it in sees to its size, once it is known who sends it."""
_OF_EVERYBODY = "/whip/", "/whep/"  # where pages of any site may ask, and read what is answered
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # methods that change nothing (RFC 9110 §9.2.1)

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_HSTS = "max-age=31536000"

_TOO_LARGE = Refusal(Code.TOO_LARGE, f"A request's body may have at most {BODY_BYTES // 1024} KiB.")
_TOO_SLOW = Refusal(Code.TIMEOUT, f"The request's body did not come within {BODY_SECONDS:.0f} seconds.")


def hardened(app: ASGIApp, trusted_proxies: Sequence[str], *, tls: bool, access_log: bool = False) -> ASGIApp:
    """``app`` behind all of it; ``trusted_proxies`` are networks, ``tls`` says that we serve HTTPS."""
    inner = _Proxies(_SafeHeaders(_Limits(app), tls), trusted_proxies)
    return Requests(inner, trusted_proxies, access=access_log)


class _Proxies:
    """Puts the client in the place of the proxies between us: its address and its scheme."""

    def __init__(self, app: ASGIApp, trusted: Sequence[str]) -> None:
        self._app = app
        self._trusted = networks(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            peer, port = scope.get("client") or ("", 0)
            forwarded = ",".join(headers.getlist("x-forwarded-for"))
            web = scheme(peer, ",".join(headers.getlist("x-forwarded-proto")), scope["scheme"], self._trusted)
            scope = {
                **scope,
                "client": (client_address(peer, forwarded, self._trusted), port),
                "scheme": web if scope["type"] == "http" else web.replace("http", "ws"),
            }
        await self._app(scope, receive, send)


class _SafeHeaders:
    """Adds what an answer does not say itself."""

    def __init__(self, app: ASGIApp, tls: bool) -> None:
        self._app = app
        self._tls = tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        secure = self._tls or scope.get("scheme") in ("https", "wss")
        added = _HEADERS | (CORS if scope.get("path", "").startswith(_OF_EVERYBODY) else {})

        async def guarded(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in added.items():
                    headers.setdefault(name, value)
                if secure:
                    headers.setdefault("Strict-Transport-Security", _HSTS)
            await send(message)

        await self._app(scope, receive, guarded)


class _Limits:
    """Takes in the whole body of an unsafe request, if it is small and comes in time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        streamed = scope["type"] == "http" and scope["method"] == "PUT" and STREAMED.fullmatch(scope["path"])
        if scope["type"] != "http" or scope["method"] in SAFE or streamed:
            await self._app(scope, receive, send)
            return
        body = await _body(scope, receive)
        if isinstance(body, Refusal):
            # what has not been read cannot be told from a next request
            answer = JSONResponse(body.body(), body.status, headers={"Connection": "close"})
            await answer(scope, receive, send)
        elif body is not None:
            await self._app(scope, _replayed(body, receive), send)


async def _body(scope: Scope, receive: Receive) -> bytes | Refusal | None:
    """The body; None when the client went away meanwhile."""
    announced = Headers(scope=scope).get("content-length", "0")
    if not announced.isdecimal() or len(announced) > 15 or int(announced) > BODY_BYTES:
        return _TOO_LARGE
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                piece: bytes = message.get("body", b"")
                body += piece
                if len(body) > BODY_BYTES:
                    return _TOO_LARGE
                if not message.get("more_body", False):
                    return body
    except TimeoutError:
        return _TOO_SLOW


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Gives the body once, then whatever else comes (that the client is gone)."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
