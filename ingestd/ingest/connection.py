"""An admitted publisher's connection: reads when there is room, ends in one place.

The sans-I/O sessions say what each message means; these adapters do it. A message is read only when
the replay buffer has room: that is the backpressure. Whatever ends the connection (the client, a
refusal, a newcomer that took over, the daemon that stops) ends it through :meth:`Connection.run`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.lifecycle import State
from ingestd.broadcast.publication import Publication
from ingestd.broadcast.registry import Broadcasts
from ingestd.container.model import Fragment, InitSegment
from ingestd.errors import Code, Refusal, Refused
from ingestd.ingest.clock import PeerClock
from ingestd.ingest.resumable import (
    Clock,
    Command,
    NextEpoch,
    ResumableSession,
    Resume,
    Start,
    Stop,
    ack_message,
    clock_message,
    ended_message,
    error_message,
    ready_message,
    status_message,
)
from ingestd.ingest.session import STOP_CODE, Patience, PlainSession, Step, too_large
from ingestd.ingest.status import status
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.ingest")

_CLOSE_SECONDS = 5.0  # for a close frame to a client that does not read
_TICK = 0.25  # seconds between two looks at what is overdue, or no longer allowed
_STATUS_SECONDS = 1.0  # between two status messages
_NORMAL = 1000  # close code (RFC 6455 §7.4.1)


Still = Callable[[], Refusal | None]
"""Whether a publisher may still do what it was let in for; why not, if not."""


class Connection(ABC):
    """What both protocols share: one reader, one watch, one end."""

    def __init__(
        self, websocket: WebSocket, patience: Patience, refusals: dict[str, int], still: Still
    ) -> None:
        self.publication: Publication | None = None
        self._websocket = websocket
        self._patience = patience
        self._refusals = refusals
        self._still = still
        self._clock = asyncio.get_running_loop().time
        self._tasks = Tasks("publisher")
        self._reading = True
        self._refused = False  # nothing that still comes belongs to anything
        self._closed: tuple[int, str] = (1006, "")

    async def run(self) -> None:
        """Until the client closes, or is refused. The claim on the channel is let go in any case."""
        log.info("publisher_connected")
        reader = self._tasks.spawn(self._read(), "read")
        watch = self._tasks.spawn(self._overdue(), "watch")
        try:
            await asyncio.wait({reader, watch}, return_when=asyncio.FIRST_COMPLETED)
            done = watch if watch.done() else reader
            refusal = _mistake() if done.exception() else done.result()
            if self.publication and self.publication.verdict:
                refusal = self.publication.verdict  # whoever has seen it first
        finally:
            try:
                await self._tasks.close()
            finally:
                self._let_go()
        if self.publication and self.publication.broadcast:
            structlog.contextvars.bind_contextvars(broadcast=self.publication.broadcast.id)
        await self._end(refusal)

    def _name_visit(self, publication: Publication) -> None:
        publication.visit.way = "websocket"
        publication.visit.address = self._websocket.client.host if self._websocket.client else ""

    @abstractmethod
    def _let_go(self) -> None:
        """The connection is over."""

    @abstractmethod
    async def _message(self, message: Mapping[str, Any]) -> Refusal | None:
        """A text or binary message."""

    @abstractmethod
    def _late(self) -> Refusal | None:
        """Whether the client is overdue."""

    async def _read(self) -> Refusal | None:
        """Message after message; None when the client has closed."""
        receive = self._websocket.receive
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self._closed = message.get("code", 1006), message.get("reason") or ""
                return self._refused_by_transport()
            if self._fenced:
                return None  # the watch says why
            refusal = await self._message(message) or await self._room()
            if refusal:
                return refusal

    @property
    def _fenced(self) -> bool:
        return self.publication is not None and self.publication.verdict is not None

    def _refused_by_transport(self) -> Refusal | None:
        """A message over the limit never gets as far as the session: the parser has refused it."""
        refusal = too_large(self._patience.max_message)
        return refusal if self._closed[0] == refusal.close_code else None

    def _apply(self, steps: list[Step]) -> Refusal | None:
        """What a session has found goes to the broadcast, unless another connection feeds it now."""
        for step in steps:
            if self._fenced or self.publication is None:
                break
            match step:
                case Fragment():
                    self.publication.append(step)
                case InitSegment():
                    try:
                        self.publication.begin(step)
                    except Refused as error:
                        self._refused = True
                        return error.refusal
                case Refusal():
                    self._refused = True
                    return step
        return None

    async def _room(self) -> Refusal | None:
        """Wait until the encoder has caught up; meanwhile the client's silence is ours."""
        if self.publication is None or self.publication.has_room:
            return None
        self._reading = False
        try:
            await self.publication.room()
        except Refused as error:
            return error.refusal
        finally:
            self._reading = True
            self._rested()
        return None

    @abstractmethod
    def _rested(self) -> None:
        """The server had stopped reading for a while."""

    async def _overdue(self) -> Refusal | None:
        """Until the client is late, fenced off, no longer allowed, or its broadcast has failed."""
        while True:
            await self._pause()
            if self.publication and self.publication.verdict:
                return self.publication.verdict
            if refusal := self._still():
                return refusal
            broadcast = self.publication.broadcast if self.publication else None
            if broadcast and not broadcast.open and broadcast.state is not State.ENDED:
                return Refusal(Code.INTERNAL, broadcast.failure or "The broadcast is over.")
            if self._reading and (refusal := self._late()):
                return refusal

    async def _pause(self) -> None:
        if self.publication is None:
            await asyncio.sleep(_TICK)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TICK):
                await self.publication.fenced.wait()

    async def _end(self, refusal: Refusal | None) -> None:
        if self.publication:
            visit = self.publication.visit
            visit.close_code = refusal.close_code if refusal else self._closed[0]
            visit.reason = refusal.message if refusal else ""
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
        with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                if self._websocket.client_state is not WebSocketState.DISCONNECTED:
                    await self._say_why(refusal)
                    await self._websocket.close(refusal.close_code, refusal.close_reason)

    @abstractmethod
    async def _say_why(self, refusal: Refusal) -> None:
        """Before the close code, where the protocol has words."""


class PlainConnection(Connection):
    """Every binary message is the next bytes of one recording."""

    def __init__(
        self,
        websocket: WebSocket,
        publication: Publication,
        patience: Patience,
        refusals: dict[str, int],
        still: Still,
    ) -> None:
        super().__init__(websocket, patience, refusals, still)
        self.publication: Publication = publication
        self._name_visit(publication)
        self._session = PlainSession(patience, self._clock())

    async def _message(self, message: Mapping[str, Any]) -> Refusal | None:
        data = message.get("bytes")
        if data is None:
            return self._session.text()
        refusal = self._apply(self._session.binary(data, self._clock()))
        self.publication.count(len(data))
        return refusal

    def _let_go(self) -> None:
        try:
            if not self._refused:
                self._apply(self._session.finish())
        finally:
            if self._closed[0] == STOP_CODE:
                self.publication.stop()
            self.publication.close()

    def _late(self) -> Refusal | None:
        return self._session.overdue(self._clock())

    def _rested(self) -> None:
        self._session.resumed(self._clock())

    async def _say_why(self, refusal: Refusal) -> None:
        """The close code says it."""


class ResumableConnection(Connection):
    """``ingestd.v1``: start or resume, bytes of epochs, acks and status, stop, ended."""

    def __init__(
        self,
        websocket: WebSocket,
        channel: tuple[str, str],
        broadcasts: Broadcasts,
        patience: Patience,
        still: Still,
    ) -> None:
        super().__init__(websocket, patience, broadcasts.totals.refusals, still)
        self._channel, self._title = channel
        self._broadcasts = broadcasts
        self._session = ResumableSession(patience, self._clock())
        self._peer = PeerClock()

    async def _message(self, message: Mapping[str, Any]) -> Refusal | None:
        data, now = message.get("bytes"), self._clock()
        if data is not None:
            refusal = self._apply(self._session.binary(data, now))
            if self.publication:
                self.publication.count(len(data))
            return refusal
        for step in self._session.text(message.get("text") or "", now):
            match step:
                case Start() | Resume() | NextEpoch() | Stop() | Clock():
                    refusal = await self._obey(step)
                case _:
                    refusal = self._apply([step]) if self.publication else _as_refusal(step)
            if refusal:
                return refusal
        return None

    async def _obey(self, command: Command) -> Refusal | None:
        try:
            match command:
                case Start():
                    title = command.title or self._title
                    await self._ready(self._broadcasts.begin(self._channel, title, command.takeover))
                case Resume(broadcast, epoch, offset):
                    found = self._broadcasts.resume(self._channel, broadcast, epoch, offset)
                    if isinstance(found, Broadcast):
                        await self._ended(found)
                    else:
                        await self._ready(found)
                case NextEpoch():
                    assert self.publication and self._session.recording
                    self.publication.next_epoch(self._session.recording)
                case Stop():
                    assert self.publication
                    self.publication.stop()
                case Clock(sent, heard, began):
                    self._peer.asked(sent, heard, time.monotonic())
                    if began is not None and self.publication:
                        self.publication.began(self._peer.ours(began))
                    await self._say(clock_message(sent))
        except Refused as error:
            return error.refusal
        return None

    async def _ready(self, publication: Publication) -> None:
        self.publication = publication
        broadcast = publication.broadcast
        assert broadcast is not None
        reception, terms = broadcast.reception, broadcast.terms
        self._name_visit(publication)
        structlog.contextvars.bind_contextvars(broadcast=broadcast.id)
        self._session.ready(reception.recording, reception.number, self._clock())
        log.info(
            "publisher_ready",
            epoch=reception.number,
            offset=reception.recording.received,
        )
        await self._say(
            ready_message(
                broadcast.id,
                reception.number,
                reception.recording.received,
                terms.resume_window,
                terms.works.segment,
            )
        )
        self._tasks.spawn(self._tell(broadcast), "tell")

    async def _tell(self, broadcast: Broadcast) -> None:
        """Acks as they come, the status once a second, the end. A slow reader gets the newest only."""
        said, due = None, 0.0
        while not self._fenced:
            broadcast.news.clear()
            ack = broadcast.ledger.ack
            if ack and ack != said:
                await self._say(ack_message(ack.epoch, ack.offset, ack.media_time))
                said = ack
            if broadcast.state is State.ENDED:
                await self._ended(broadcast)
                return
            if self._clock() >= due:
                await self._say(status_message(status(broadcast)))
                due = self._clock() + _STATUS_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due - self._clock())):
                    await broadcast.news.wait()

    async def _ended(self, broadcast: Broadcast) -> None:
        await self._say(ended_message(broadcast.media_time))
        with contextlib.suppress(RuntimeError):  # closed by the client already
            await self._websocket.close(_NORMAL)

    async def _say(self, text: str) -> None:
        """Send a message; a client that is gone is the reader's matter."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await self._websocket.send_text(text)

    def _let_go(self) -> None:
        """The recording stays as it is, half an element and all: the publisher goes on with it."""
        if self.publication:
            self.publication.close()

    def _late(self) -> Refusal | None:
        return self._session.overdue(self._clock())

    def _rested(self) -> None:
        self._session.resumed(self._clock())

    async def _say_why(self, refusal: Refusal) -> None:
        await self._say(error_message(refusal))


def _as_refusal(step: Step) -> Refusal | None:
    return step if isinstance(step, Refusal) else None


def _mistake() -> Refusal:
    return Refusal(Code.INTERNAL, "The server made a mistake.")
