"""``/ws``: a publisher's connection, from the handshake to its close code.

The sans-I/O session says what each message means; this adapter does it: it reads a message only
when the replay buffer has room (that is the backpressure), and it turns refusals into HTTP
answers before the upgrade and into close codes after it.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import structlog
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ingestd.broadcast.registry import Broadcasts, Publication
from ingestd.container.model import Fragment, InitSegment
from ingestd.errors import Code, Refusal, Refused
from ingestd.ingest.credentials import Channel, Credentials
from ingestd.ingest.session import STOP_CODE, Patience, PlainSession, Step, too_large
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.ingest")

_BEARER = "bearer."
_TITLE = 200  # characters
_CLOSE_SECONDS = 5.0  # for a close frame to a client that does not read
_TICK = 0.5  # seconds between two looks at what is overdue


@dataclass(frozen=True, slots=True)
class Presented:
    """What a client hands over in its handshake."""

    stream_key: str
    token: str
    title: str
    subprotocol: str | None  # the one that the answer selects
    unknown: bool  # it asks for a protocol that we do not speak


def presented(websocket: WebSocket) -> Presented:
    """Key, token (three ways) and title; a token in a subprotocol stays out of access logs."""
    query, offered = websocket.query_params, websocket.scope.get("subprotocols") or []
    carrier = next((name for name in offered if name.startswith(_BEARER)), None)
    scheme, _, credentials = websocket.headers.get("authorization", "").partition(" ")
    bearer = credentials.strip() if scheme.lower() == "bearer" else ""
    token = (carrier or "").removeprefix(_BEARER) or bearer or query.get("token", "")
    return Presented(
        stream_key=query.get("streamKey", ""),
        token=token,
        title=query.get("title", "").strip()[:_TITLE],
        subprotocol=carrier,
        unknown=any(name != carrier for name in offered),
    )


class Ingest:
    """Takes publishers on ``/ws``."""

    def __init__(self, broadcasts: Broadcasts, credentials: Credentials, patience: Patience) -> None:
        self._broadcasts = broadcasts
        self._credentials = credentials
        self._patience = patience
        self._connections: set[Connection] = set()

    async def serve(self, websocket: WebSocket) -> None:
        """One connection, start to end."""
        hello = presented(websocket)
        admitted = self._admit(hello)
        if isinstance(admitted, Refusal):
            await self._refuse(websocket, hello, admitted)
            return
        channel, publication = admitted
        try:
            await websocket.accept(subprotocol=hello.subprotocol)
        except BaseException:
            publication.close(complete=False)
            raise
        connection = Connection(websocket, publication, self._patience, self._broadcasts.totals.refusals)
        self._connections.add(connection)
        with structlog.contextvars.bound_contextvars(channel=channel.name):
            try:
                await connection.run()
            finally:
                self._connections.discard(connection)

    def _admit(self, hello: Presented) -> tuple[Channel, Publication] | Refusal:
        channel = self._credentials.admit(hello.stream_key, hello.token)
        if isinstance(channel, Refusal):
            return channel
        if hello.unknown:
            return Refusal(Code.MALFORMED, "Unknown subprotocol: offer none, or bearer.TOKEN alone.")
        try:
            return channel, self._broadcasts.claim(channel.name, hello.title or channel.title)
        except Refused as error:
            return error.refusal

    async def _refuse(self, websocket: WebSocket, hello: Presented, refusal: Refusal) -> None:
        """As HTTP; as a close code where the client named a subprotocol: a browser sees no status."""
        self._broadcasts.totals.refusals[refusal.code.value] += 1
        log.warning(
            "publisher_refused", code=refusal.code.value, reason=refusal.message, status=refusal.status
        )
        offered = websocket.scope.get("subprotocols") or []
        if offered:
            await websocket.accept(subprotocol=hello.subprotocol or offered[0])
            await websocket.close(refusal.close_code, refusal.close_reason)
        else:
            await websocket.send_denial_response(JSONResponse(refusal.body(), refusal.status))

    def __len__(self) -> int:
        return len(self._connections)


class Connection:
    """An admitted publisher: one state, one error path."""

    def __init__(
        self, websocket: WebSocket, publication: Publication, patience: Patience, refusals: dict[str, int]
    ) -> None:
        self._websocket = websocket
        self._publication = publication
        self._refusals = refusals
        self._clock = asyncio.get_running_loop().time
        self._patience = patience
        self._session = PlainSession(patience, self._clock())
        self._reading = True
        self._refused = False  # nothing that still comes belongs to anything
        self._closed: tuple[int, str] = (1006, "")

    async def run(self) -> None:
        """Until the client closes, or is refused. The claim on the channel is let go in any case."""
        log.info("publisher_connected")
        tasks = Tasks(f"publisher/{self._publication.channel}")
        reader = tasks.spawn(self._read(), "read")
        watch = tasks.spawn(self._overdue(), "watch")
        try:
            await asyncio.wait({reader, watch}, return_when=asyncio.FIRST_COMPLETED)
            done = watch if watch.done() else reader
            refusal = (
                Refusal(Code.INTERNAL, "The server made a mistake.") if done.exception() else done.result()
            )
        finally:
            try:
                await tasks.close()
            finally:
                self._let_go()
        await self._end(refusal)

    def _let_go(self) -> None:
        try:
            if not self._refused:
                self._take(self._session.finish())
        finally:
            self._publication.close(complete=self._closed[0] == STOP_CODE)

    async def _read(self) -> Refusal | None:
        """Message after message; None when the client has closed."""
        receive = self._websocket.receive
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self._closed = message.get("code", 1006), message.get("reason") or ""
                return self._refused_by_transport()
            data = message.get("bytes")
            if data is None:
                return self._session.text()
            refusal = self._take(self._session.binary(data, self._clock()))
            self._publication.count(len(data))
            refusal = refusal or await self._room()
            if refusal:
                return refusal

    def _refused_by_transport(self) -> Refusal | None:
        """A message over the limit never gets as far as the session: the parser has refused it."""
        refusal = too_large(self._patience.max_message)
        return refusal if self._closed[0] == refusal.close_code else None

    def _take(self, steps: list[Step]) -> Refusal | None:
        refusal = self._apply(steps)
        self._refused = self._refused or refusal is not None
        return refusal

    def _apply(self, steps: list[Step]) -> Refusal | None:
        for step in steps:
            match step:
                case Fragment():
                    self._publication.append(step)
                case InitSegment():
                    try:
                        self._publication.begin(step)
                    except Refused as error:
                        return error.refusal
                case Refusal():
                    return step
        return None

    async def _room(self) -> Refusal | None:
        """Wait until the encoder has caught up; meanwhile the client's silence is ours."""
        if self._publication.has_room:
            return None
        self._reading = False
        try:
            await self._publication.room()
        except Refused as error:
            return error.refusal
        finally:
            self._reading = True
            self._session.resumed(self._clock())
        return None

    async def _overdue(self) -> Refusal:
        while True:
            await asyncio.sleep(_TICK)
            broadcast = self._publication.broadcast
            if broadcast and not broadcast.open:
                return Refusal(Code.INTERNAL, broadcast.failure or "The broadcast is over.")
            if self._reading and (refusal := self._session.overdue(self._clock())):
                return refusal

    async def _end(self, refusal: Refusal | None) -> None:
        if refusal is None:
            log.info("publisher_gone", close_code=self._closed[0])
            return
        self._refusals[refusal.code.value] = self._refusals.get(refusal.code.value, 0) + 1
        log.warning(
            "publisher_dropped",
            code=refusal.code.value,
            reason=refusal.message,
            close_code=refusal.close_code,
        )
        with contextlib.suppress(TimeoutError, WebSocketDisconnect):
            async with asyncio.timeout(_CLOSE_SECONDS):
                if self._websocket.client_state is not WebSocketState.DISCONNECTED:
                    await self._websocket.close(refusal.close_code, refusal.close_reason)
