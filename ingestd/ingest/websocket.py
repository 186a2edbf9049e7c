"""``/ws``: a publisher's handshake. Refusals are HTTP answers here, and close codes after it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import ceil

import structlog
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from ingestd.accounts.accounts import Accounts
from ingestd.accounts.failures import Failures, by_address
from ingestd.accounts.gate import Admitted, Gate
from ingestd.broadcast.registry import RESTARTING, Broadcasts
from ingestd.errors import Code, Refusal, Refused
from ingestd.ingest.connection import Connection, PlainConnection, ResumableConnection
from ingestd.ingest.origin import Origins
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


class Door:
    """Who is let in to publish, and who may try: the same for every protocol."""

    def __init__(self, accounts: Accounts, gate: Gate, failures: Failures, origins: Origins) -> None:
        self._accounts, self._gate = accounts, gate
        self._failures, self._origins = failures, origins

    async def admit(self, websocket: WebSocket, hello: Presented) -> Admitted | Refusal:
        """Whoever has guessed wrong too often is not even looked at."""
        if refusal := self._origins.refusal(websocket):
            return refusal
        return await self._try(websocket, lambda: self._gate.publisher(hello.stream_key, hello.token))

    async def by_bearer(self, connection: HTTPConnection, bearer: str) -> Admitted | Refusal:
        """By a stream key alone, or a token alone: WHIP has one field for it. From whatever page: no browser
        adds it by itself."""
        return await self._try(connection, lambda: self._gate.bearer(bearer))

    async def _try(
        self, connection: HTTPConnection, ask: Callable[[], Awaitable[Admitted | Refusal]]
    ) -> Admitted | Refusal:
        address = connection.client.host if connection.client else ""
        if refusal := self._too_many(address):
            return refusal
        found = await ask()
        if isinstance(found, Admitted):
            if found.key:
                self._accounts.keys.used(found.key, address)
        elif found.code is Code.UNAUTHENTICATED:
            self._failures.failed(time.monotonic(), by_address(address))
        return found

    def still(self, admitted: Admitted) -> Refusal | None:
        """Why who was let in has to go; None: nothing has changed."""
        return self._gate.still(admitted)

    def _too_many(self, address: str) -> Refusal | None:
        seconds = self._failures.allowed(time.monotonic(), by_address(address))
        if not seconds:
            return None
        words = f"Too many wrong keys or tokens from this address: try again in {ceil(seconds)} s."
        return Refusal(Code.TOO_MANY, words, ceil(seconds))


class Ingest:
    """Takes publishers on ``/ws``."""

    def __init__(self, broadcasts: Broadcasts, door: Door, patience: Patience) -> None:
        self._broadcasts = broadcasts
        self._door = door
        self._patience = patience
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()

    async def serve(self, websocket: WebSocket) -> None:
        """One connection, start to end."""
        hello = presented(websocket)
        admitted = await self._admit(websocket, hello)
        if isinstance(admitted, Refusal):
            await self._refuse(websocket, hello, admitted)
            return
        try:
            connection = await self._accept(websocket, hello, admitted)
        except Refused as error:
            await self._refuse(websocket, hello, error.refusal)
            return
        self._connections.add(connection)
        self._broadcasts.totals.connections["websocket"] += 1
        with structlog.contextvars.bound_contextvars(channel=admitted.channel.name):
            try:
                await connection.run()
            finally:
                self._connections.discard(connection)
                if not self._connections:
                    self._empty.set()

    async def _admit(self, websocket: WebSocket, hello: Presented) -> Admitted | Refusal:
        admitted = await self._door.admit(websocket, hello)
        if isinstance(admitted, Refusal):
            return admitted
        if hello.unknown:
            words = f"Unknown subprotocol: offer none, {_RESUMABLE}, or bearer.TOKEN beside it."
            return Refusal(Code.MALFORMED, words)
        return RESTARTING if self._broadcasts.closing else admitted

    async def _accept(self, websocket: WebSocket, hello: Presented, admitted: Admitted) -> Connection:
        """A plain publisher takes its channel before the upgrade, a resumable one says later how."""
        names = admitted.channel.name, hello.title or admitted.channel.title

        def still() -> Refusal | None:
            return self._door.still(admitted)

        if hello.resumable:
            await websocket.accept(subprotocol=hello.subprotocol)
            return ResumableConnection(websocket, names, self._broadcasts, self._patience, still)
        publication = self._broadcasts.claim(*names, hello.takeover)
        try:
            await websocket.accept(subprotocol=hello.subprotocol)
        except BaseException:
            publication.close()
            raise
        refusals = self._broadcasts.totals.refusals
        return PlainConnection(websocket, publication, self._patience, refusals, still)

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
