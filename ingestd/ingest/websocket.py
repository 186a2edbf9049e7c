"""``/ws``: a publisher's handshake. Refusals are HTTP answers here, and close codes after it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import structlog
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from ingestd.broadcast.registry import RESTARTING, Broadcasts
from ingestd.errors import Code, Refusal, Refused
from ingestd.ingest.connection import Connection, PlainConnection, ResumableConnection
from ingestd.ingest.credentials import Channel, Credentials
from ingestd.ingest.resumable import error_message
from ingestd.ingest.session import Patience

log = structlog.get_logger("ingestd.ingest")

_BEARER = "bearer."
_RESUMABLE = "ingestd.v1"
_TITLE = 200  # characters


@dataclass(frozen=True, slots=True)
class Presented:
    """What a client hands over in its handshake."""

    stream_key: str
    token: str
    title: str
    takeover: bool
    resumable: bool
    subprotocol: str | None  # the one that the answer selects
    unknown: bool  # it asks for a protocol that we do not speak


def presented(websocket: WebSocket) -> Presented:
    """Key, token (three ways) and title; a token in a subprotocol stays out of access logs."""
    query, offered = websocket.query_params, websocket.scope.get("subprotocols") or []
    carrier = next((name for name in offered if name.startswith(_BEARER)), None)
    scheme, _, credentials = websocket.headers.get("authorization", "").partition(" ")
    bearer = credentials.strip() if scheme.lower() == "bearer" else ""
    resumable = _RESUMABLE in offered
    return Presented(
        stream_key=query.get("streamKey", ""),
        token=(carrier or "").removeprefix(_BEARER) or bearer or query.get("token", ""),
        title=query.get("title", "").strip()[:_TITLE],
        takeover=query.get("takeover") == "true",
        resumable=resumable,
        subprotocol=_RESUMABLE if resumable else carrier,
        unknown=any(name not in (carrier, _RESUMABLE) for name in offered),
    )


class Ingest:
    """Takes publishers on ``/ws``."""

    def __init__(self, broadcasts: Broadcasts, credentials: Credentials, patience: Patience) -> None:
        self._broadcasts = broadcasts
        self._credentials = credentials
        self._patience = patience
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()

    async def serve(self, websocket: WebSocket) -> None:
        """One connection, start to end."""
        hello = presented(websocket)
        channel = self._admit(hello)
        if isinstance(channel, Refusal):
            await self._refuse(websocket, hello, channel)
            return
        try:
            connection = await self._accept(websocket, hello, channel)
        except Refused as error:
            await self._refuse(websocket, hello, error.refusal)
            return
        self._connections.add(connection)
        with structlog.contextvars.bound_contextvars(channel=channel.name):
            try:
                await connection.run()
            finally:
                self._connections.discard(connection)
                if not self._connections:
                    self._empty.set()

    def _admit(self, hello: Presented) -> Channel | Refusal:
        channel = self._credentials.admit(hello.stream_key, hello.token)
        if isinstance(channel, Refusal):
            return channel
        if hello.unknown:
            words = f"Unknown subprotocol: offer none, {_RESUMABLE}, or bearer.TOKEN beside it."
            return Refusal(Code.MALFORMED, words)
        return RESTARTING if self._broadcasts.closing else channel

    async def _accept(self, websocket: WebSocket, hello: Presented, channel: Channel) -> Connection:
        """A plain publisher takes its channel before the upgrade, a resumable one says later how."""
        if hello.resumable:
            await websocket.accept(subprotocol=hello.subprotocol)
            names = channel.name, hello.title or channel.title
            return ResumableConnection(websocket, names, self._broadcasts, self._patience)
        publication = self._broadcasts.claim(channel.name, hello.title or channel.title, hello.takeover)
        try:
            await websocket.accept(subprotocol=hello.subprotocol)
        except BaseException:
            publication.close()
            raise
        return PlainConnection(websocket, publication, self._patience, self._broadcasts.totals.refusals)

    async def _refuse(self, websocket: WebSocket, hello: Presented, refusal: Refusal) -> None:
        """As HTTP; as a close code where the client named a subprotocol: a browser sees no status."""
        self._broadcasts.totals.refusals[refusal.code.value] += 1
        log.warning(
            "publisher_refused", code=refusal.code.value, reason=refusal.message, status=refusal.status
        )
        offered = websocket.scope.get("subprotocols") or []
        if not offered:
            answer = JSONResponse(refusal.body(), refusal.status, refusal.headers())
            await websocket.send_denial_response(answer)
            return
        await websocket.accept(subprotocol=hello.subprotocol or offered[0])
        if hello.resumable:
            await websocket.send_text(error_message(refusal))
        await websocket.close(refusal.close_code, refusal.close_reason)

    async def drained(self, seconds: float) -> None:
        """Until every connection has had its close code, or the time is over."""
        if self._connections:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._empty.wait()

    def __len__(self) -> int:
        return len(self._connections)
