"""The API of a Janus that runs here, over its unix socket: one session, and handles in it.

While Janus lives, a connection that breaks is made again and the session claimed: media have gone on, and
so do the handles. When Janus is gone, they are too, and each hears so (:class:`Event` ``lost``). There is
no limit on handles here: Janus has one of ports.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from ingestd.errors import IngestdError
from ingestd.log import redact
from ingestd.tasks import Tasks
from ingestd.webrtc.messages import Message, parse

log = structlog.get_logger("ingestd.webrtc.gateway")

PATIENCE = 5.0  # seconds for an answer
KEEPALIVE = 8.0  # seconds between two signs of life; Janus ends a session after 30 without

_OPEN_SECONDS = 2.0
_CLOSE_SECONDS = 0.5
_RETRY = 0.1  # seconds between two tries to reach Janus
_LARGEST = 1 << 20  # bytes of a message
_SHOWN = 200  # characters of what is no message, in the log


class JanusError(IngestdError):
    """Janus says no. ``code``: of its own, or of a plugin (426: no such room; 490: no port is left)."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"Janus says: {words} ({code})")
        self.code = code


class Away(IngestdError):
    """Janus is not there now, or does not answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A plugin's answer, and its offer or answer (``type``, ``sdp``) where there is one."""

    data: dict[str, Any]
    jsep: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Event:
    """What a handle hears unasked. ``kind``: ``webrtcup``, ``media``, ``slowlink``, ``hangup``, ``detached``
    (the handle is no more), ``event`` (a plugin's), or ``lost`` (nor is Janus, or its session)."""

    kind: str
    data: dict[str, Any]
    jsep: dict[str, str] | None = None


@dataclass(slots=True)
class _Waiting:
    """For an answer; ``beyond_ack``: for what comes after Janus has said that it took the request."""

    answer: asyncio.Future[Message]
    beyond_ack: bool


class Gateway:
    """``name``: the role of this Janus; ``secret`` and ``admin_key``: those of its configuration."""

    def __init__(self, name: str, socket: Path, secret: str, admin_key: str = "") -> None:
        self.name = name
        self.up_event = asyncio.Event()
        self._socket = socket
        self._secret = secret
        self._admin_key = admin_key
        self._connection: ClientConnection | None = None
        self._session = 0
        self._handles: dict[int, Handle] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._numbers = itertools.count(1)
        self._tasks = Tasks(f"gateway/{name}")

    @property
    def up(self) -> bool:
        """Whether Janus is connected, with a session."""
        return self.up_event.is_set()

    def start(self) -> None:
        self._tasks.spawn(self._run(), "run", eternal=True)

    async def close(self) -> None:
        await self._tasks.close()

    async def attach(self, plugin: str, heard: Callable[[Event], None]) -> Handle:
        """A new handle of ``janus.plugin.…``; ``heard`` gets its events, in their order.

        Raises JanusError, and Away when Janus is not there within 5 s.
        """
        await self.there()
        answer = await self.ask({"janus": "attach", "plugin": plugin, "session_id": self._session})
        if not answer.made or not self.up:
            raise Away(f"Janus ({self.name}) has gone away meanwhile.")
        made = self._handles[answer.made] = Handle(self, answer.made, heard)
        return made

    async def there(self) -> None:
        """Until Janus is; raises Away after 5 s."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.up_event.wait()
        except TimeoutError:
            raise Away(f"Janus ({self.name}) is not there.") from None

    async def tell(self, handle: int, message: Mapping[str, Any], *, beyond_ack: bool = False) -> Message:
        """Send something to a handle; the answer. Raises JanusError, Away."""
        return await self.ask(
            {**message, "session_id": self._session, "handle_id": handle}, beyond_ack=beyond_ack
        )

    async def message(self, handle: int, body: Mapping[str, Any], **jsep: Mapping[str, str]) -> Message:
        """The same, to its plugin. The key of the plugin's administrator goes with each."""
        whole = {"janus": "message", "body": {**body, "admin_key": self._admin_key}, **jsep}
        return await self.tell(handle, whole, beyond_ack=True)

    def numbers(self) -> list[tuple[int, int]]:
        """Session and handle of each handle there is."""
        return [(self._session, handle) for handle in self._handles]

    def forget(self, handle: int) -> None:
        self._handles.pop(handle, None)

    async def ask(self, message: Mapping[str, Any], *, beyond_ack: bool = False) -> Message:
        """Send a request; its answer. Raises JanusError, Away."""
        if (connection := self._connection) is None:
            raise Away(f"Janus ({self.name}) is not there.")
        transaction = str(next(self._numbers))
        whole = {**message, "transaction": transaction, "apisecret": self._secret}
        waiting = _Waiting(asyncio.get_running_loop().create_future(), beyond_ack)
        self._waiting[transaction] = waiting
        try:
            async with asyncio.timeout(PATIENCE):
                await connection.send(json.dumps(whole))
                answer = await waiting.answer
        except TimeoutError:
            raise Away(f"Janus ({self.name}) does not answer.") from None
        except (OSError, WebSocketException) as error:
            raise Away(f"Janus ({self.name}) cannot be reached: {error}") from error
        finally:
            del self._waiting[transaction]
        if answer.error:
            raise JanusError(*answer.error)
        return answer

    async def _run(self) -> None:
        """Connected again and again, for as long as we live."""
        while True:
            try:
                async with connected(self._socket, _OPEN_SECONDS) as connection:
                    await self._converse(connection)
            except (ConnectionRefusedError, FileNotFoundError):
                self._lose("Nobody listens at its socket.")
            except (OSError, WebSocketException) as error:  # TimeoutError is an OSError, too
                log.debug("janus_disconnected", role=self.name, reason=str(error))
            await asyncio.sleep(_RETRY)

    async def _converse(self, connection: ClientConnection) -> None:
        """One connection, until it is closed or breaks."""
        self._connection = connection
        keeping = self._tasks.spawn(self._keep(connection), "session")
        try:
            async for text in connection:
                self._received(text)
        finally:
            keeping.cancel()
            self._connection = None
            self.up_event.clear()
            for waiting in self._waiting.values():
                if not waiting.answer.done():
                    waiting.answer.set_exception(Away(f"The connection to Janus ({self.name}) broke."))

    async def _keep(self, connection: ClientConnection) -> None:
        """Claim the session, or make one, and keep it alive; an answer that fails ends the connection."""
        try:
            if not await self._claimed():
                self._session = (await self.ask({"janus": "create"})).made
            self.up_event.set()
            log.info("janus_connected", role=self.name)
            while True:
                await asyncio.sleep(KEEPALIVE)
                await self.ask({"janus": "keepalive", "session_id": self._session})
        except IngestdError as error:
            log.warning("janus_session_failed", role=self.name, reason=str(error))
            await connection.close()

    async def _claimed(self) -> bool:
        """Whether our session is still there, and ours again."""
        if not self._session:
            return False
        try:
            await self.ask({"janus": "claim", "session_id": self._session})
        except JanusError as error:  # another Janus, or it had to wait for us too long
            self._lose(str(error))
        return bool(self._session)

    def _received(self, text: str | bytes) -> None:
        message = parse(text)
        if message is None:
            log.warning("janus_garbage", role=self.name, text=redact(repr(text[:_SHOWN])))
            return
        waiting = self._waiting.get(message.transaction)
        if waiting and message.kind == "ack" and waiting.beyond_ack:
            return
        if waiting and not waiting.answer.done():
            waiting.answer.set_result(message)
        elif message.kind == "timeout" and message.session == self._session:
            self._lose("Its session has timed out.")
            if self._connection:
                self._tasks.spawn(self._connection.close(), "close")
        elif message.made and message.session == self._session:  # whoever wanted this handle has gone
            self._tasks.spawn(Handle(self, message.made, lambda _: None).detach(), "detach")
        elif handle := self._handles.get(message.sender):
            handle.hear(Event(message.kind, message.data, message.jsep))

    def _lose(self, reason: str) -> None:
        """The session is no more, and with it every handle."""
        if not self._session:
            return
        log.warning("janus_lost", role=self.name, handles=len(self._handles), reason=reason)
        handles = list(self._handles.values())
        self._session = 0
        self._handles.clear()
        self.up_event.clear()
        for handle in handles:
            handle.hear(Event("lost", {}))


class Handle:
    """One connection of a peer, or of nobody, to a plugin. ``lost``: it is no more; ``number``: Janus's."""

    def __init__(self, gateway: Gateway, number: int, heard: Callable[[Event], None]) -> None:
        self.lost = False
        self.number = number
        self._gateway = gateway
        self._heard = heard

    async def request(self, body: Mapping[str, Any], jsep: Mapping[str, str] | None = None) -> Reply:
        """Ask the plugin; waits for its answer at once, or for the event after the ack.

        Raises JanusError, and Away when there is no answer within 5 s, or the handle is lost.
        """
        await self._usable()
        answer = await self._gateway.message(self.number, body, **({"jsep": jsep} if jsep else {}))
        return Reply(answer.data, answer.jsep)

    async def trickle(self, candidates: Sequence[Mapping[str, Any]] | None) -> None:
        """Hand on a peer's candidates (``candidate``, ``sdpMid``, …); None: there are no more."""
        what = {"candidate": {"completed": True}} if candidates is None else {"candidates": list(candidates)}
        await self._usable()
        await self._gateway.tell(self.number, {"janus": "trickle", **what})

    async def detach(self) -> None:
        """Let go of it: its peer connection is closed. Never raises; no event is heard afterwards."""
        self._gateway.forget(self.number)
        if self.lost:
            return
        self.lost = True
        with contextlib.suppress(IngestdError):
            await self._gateway.there()
            await self._gateway.tell(self.number, {"janus": "detach"})

    async def _usable(self) -> None:
        """Raises Away once it is lost; waits while the connection is made again."""
        if not self.lost:
            await self._gateway.there()
        if self.lost:
            raise Away("This connection to Janus is no more.")

    def hear(self, event: Event) -> None:
        if event.kind in ("lost", "detached"):
            self.lost = True
            self._gateway.forget(self.number)
        try:
            self._heard(event)
        except Exception:
            log.exception("janus_event_failed", kind=event.kind)


@contextlib.asynccontextmanager
async def connected(
    socket: Path, seconds: float, protocol: str = "janus-protocol"
) -> AsyncIterator[ClientConnection]:
    """A WebSocket to Janus. Raises OSError, WebSocketException; a connection that breaks later does, too."""
    with short(socket) as path:
        connection = await unix_connect(
            path,
            "ws://localhost/",
            subprotocols=[Subprotocol(protocol)],
            compression=None,
            open_timeout=seconds,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=None,  # Janus answers slowly what it is asked, before it answers nothing
            max_size=_LARGEST,
        )
    try:
        yield connection
    finally:
        await connection.close()


@contextlib.contextmanager
def short(socket: Path) -> Iterator[str]:
    """Its path, short enough for a socket's address, which has 108 bytes (unix(7)); data directories may be
    longer. Raises OSError."""
    place = os.open(socket.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{place}/{socket.name}"
    finally:
        os.close(place)
