"""Tiny WebSocket servers that keep what they are sent, and can refuse and break in every way."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from ingestd.container.model import Fragment, InitSegment, Malformed, NextRecording
from ingestd.container.splitter import Splitter

RECORDINGS = Path(__file__).parents[1] / "recordings"
VP8 = RECORDINGS / "vp8-opus_ts250_kf2000.webm"
PATIENCE = 60.0  # seconds

AnySink = TypeVar("AnySink", bound="Sink")


@dataclass
class Sink:
    """What was received. ``status``: refuse the handshake; ``close_after``: (bytes, code, reason)."""

    status: int | None = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    close_after: tuple[int, int, str] | None = None
    break_after: int | None = None  # bytes, after which the connection is cut without a word
    url: str = ""
    messages: list[bytes] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    codes: list[int | None] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def data(self) -> bytes:
        return b"".join(self.messages)

    async def wait(self, what: Callable[[Sink], bool]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not what(self):
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            heard = f"{len(self.requests)} requests, {len(self.data)} bytes, close codes {self.codes}"
            raise AssertionError(f"waited in vain; there were {heard}") from None

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        if self.status is None:
            return None
        response = connection.respond(self.status, "")
        response.body = self.body
        del response.headers["Content-Length"]
        response.headers["Content-Length"] = str(len(self.body))
        response.headers.update(self.headers)
        return response

    async def take(self, connection: ServerConnection) -> None:
        try:
            while True:
                message = await connection.recv()
                assert isinstance(message, bytes)
                self.messages.append(message)
                self.news.set()
                await self._misbehave(connection)
        except ConnectionClosed:
            self.codes.append(connection.close_code)
            self.done.set()

    async def _misbehave(self, connection: ServerConnection) -> None:
        size = sum(map(len, self.messages))
        if self.close_after and size >= self.close_after[0]:
            await connection.close(*self.close_after[1:])
        if self.break_after is not None and size >= self.break_after:
            connection.transport.abort()


@dataclass
class Fault:
    """How one connection ends: ``after`` so many bytes of it (None: never; -1: before it is
    greeted), see ``how``.

    ``how``: "cut" without a word; "close" with ``code`` and ``reason``, after an error message if there
    is an ``error``; "mute": nothing is said or read any more. Bytes of the broadcast that are not acked are
    forgotten with ``forget``, as by a daemon that was killed; with ``over`` the broadcast has ended.
    """

    how: str = "cut"
    after: int | None = None
    code: int = 1006
    reason: str = ""
    error: str = ""
    retry_after: int = 0
    forget: bool = False
    over: bool = False


class Epoch:
    """The bytes of an epoch, and the units that start in them."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.units: list[tuple[int, bytes, float]] = []
        self.media = bytearray()
        self.time = 0.0
        self._splitter = Splitter()

    def feed(self, data: bytes) -> None:
        self.data += data
        for event in self._splitter.feed(data):
            assert not isinstance(event, Malformed | NextRecording), event
            if isinstance(event, Fragment):
                self.media += event.data
                self.time = event.end_time
                if event.starts_unit:
                    self.units.append((event.offset, event.prefix, event.media_time))

    def cut(self, length: int) -> None:
        kept = bytes(self.data[:length])
        self.__init__()  # type: ignore[misc]
        self.feed(kept)


class Broadcast:
    def __init__(self, name: str, start: dict[str, Any]) -> None:
        self.name, self.start = name, start
        self.epochs = [Epoch()]
        self.acked = (0, 0)
        self.stopped = self.over = False

    def forget(self) -> None:
        """What is not acked dies with the daemon."""
        number, offset = self.acked
        del self.epochs[number + 1 :]
        self.epochs[number].cut(offset)
        self.stopped = False

    @property
    def datas(self) -> list[bytes]:
        return [bytes(epoch.data) for epoch in self.epochs]


@dataclass
class Origin(Sink):
    """Speaks ``ingestd.v1``. ``faults``: one for each connection, in order; those after have none.

    Acks the unit before the newest, all of an epoch when the next one begins, all of all after stop;
    with ``acks`` False nothing ever.
    """

    faults: list[Fault] = field(default_factory=list)
    acks: bool = True
    ends: bool = True
    clock: bool = False  # it answers to clocks, and says so
    broadcasts: list[Broadcast] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)
    clocks: list[dict[str, Any]] = field(default_factory=list)
    connections: list[ServerConnection] = field(default_factory=list)
    greeted: list[float] = field(default_factory=list)  # when each of them came

    @property
    def data(self) -> bytes:
        """Of the last broadcast, all epochs."""
        return b"".join(self.broadcasts[-1].datas) if self.broadcasts else b""

    async def take(self, connection: ServerConnection) -> None:
        fault = self.faults.pop(0) if self.faults else Fault()
        self.connections.append(connection)
        self.greeted.append(asyncio.get_running_loop().time())
        try:
            if fault.after == -1:
                return await self._do(connection, fault, None)
            broadcast = await self._greet(connection)
            if broadcast:
                await self._receive(connection, broadcast, fault)
        except ConnectionClosed:
            pass
        finally:
            self.codes.append(connection.close_code)
            self.news.set()

    async def _greet(self, connection: ServerConnection) -> Broadcast | None:
        said = await self._heard(connection)
        if said["type"] == "start":
            self.broadcasts.append(Broadcast(f"b{len(self.broadcasts)}", said))
        broadcast = self.broadcasts[-1]
        if broadcast.over or said.get("broadcast", broadcast.name) != broadcast.name:
            await connection.close(4404, "No such broadcast.")
            return None
        if said["type"] == "resume":
            self._check(broadcast, said)
        epoch, offset = len(broadcast.epochs) - 1, len(broadcast.epochs[-1].data)
        place = {"broadcast": broadcast.name, "epoch": epoch, "offset": offset}
        await self._say(connection, "ready", **place, resume_window=60, clock=self.clock)
        return broadcast

    def _check(self, broadcast: Broadcast, said: dict[str, Any]) -> None:
        """The client holds every byte that may be asked for, and names no epoch that is not known."""
        assert (said["epoch"], said["offset"]) <= broadcast.acked
        assert said["epoch"] < len(broadcast.epochs)

    async def _receive(self, connection: ServerConnection, broadcast: Broadcast, fault: Fault) -> None:
        received = 0
        while not broadcast.stopped or not self.ends:
            if fault.after is not None and received >= fault.after:
                return await self._do(connection, fault, broadcast)
            message = await connection.recv()
            if isinstance(message, bytes):
                self.messages.append(message)
                broadcast.epochs[-1].feed(message)
                received += len(message)
            elif (said := json.loads(message))["type"] == "clock":
                self.clocks.append(said)
                await self._say(connection, "clock", sent=said["sent"])
            else:
                self._text(broadcast, message)
            self.news.set()
            if self.acks:
                await self._ack(connection, broadcast)
        await self._say(connection, "ended", media_time=1.0)
        await connection.close(1000)
        self.done.set()

    def _text(self, broadcast: Broadcast, message: str) -> None:
        said = json.loads(message)
        self.said.append(said)
        if said["type"] == "epoch":
            assert said["epoch"] == len(broadcast.epochs)
            broadcast.epochs.append(Epoch())
        else:
            assert said == {"type": "stop"}
            broadcast.stopped = True

    async def _ack(self, connection: ServerConnection, broadcast: Broadcast) -> None:
        number, epoch = len(broadcast.epochs) - 1, broadcast.epochs[-1]
        if broadcast.stopped:
            broadcast.acked = number, len(epoch.data)
        elif len(epoch.units) > 1:
            # after a loss fewer units are known than were acked
            broadcast.acked = max(broadcast.acked, (number, epoch.units[-2][0]))
        else:
            broadcast.acked = max(broadcast.acked, (number, 0))
        at, offset = broadcast.acked
        await self._say(connection, "ack", epoch=at, offset=offset, media_time=epoch.time)

    async def _do(self, connection: ServerConnection, fault: Fault, broadcast: Broadcast | None) -> None:
        if broadcast and fault.forget:
            broadcast.forget()
        if broadcast and fault.over:
            broadcast.over = True
        if fault.how == "mute":
            connection.transport.pause_reading()
            await connection.wait_closed()
        elif fault.how == "cut":
            connection.transport.abort()
        else:
            if fault.error:
                later = {"retry_after": fault.retry_after} if fault.retry_after else {}
                await self._say(connection, "error", code=fault.error, message=fault.reason, **later)
            await connection.close(fault.code, fault.reason)

    async def _heard(self, connection: ServerConnection) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(await connection.recv())
        self.said.append(said)
        return said

    async def _say(self, connection: ServerConnection, kind: str, **fields: object) -> None:
        await connection.send(json.dumps({"type": kind, **fields}))


@asynccontextmanager
async def listening(sink: AnySink) -> AsyncIterator[AnySink]:
    server = serve(
        sink.take,
        "127.0.0.1",
        0,
        process_request=sink.answer,
        subprotocols=[Subprotocol("ingestd.v1")] if isinstance(sink, Origin) else None,
        select_subprotocol=None,
        compression=None,
        max_size=None,
        max_queue=64,
    )
    async with server as listener:
        sink.url = f"http://127.0.0.1:{next(iter(listener.sockets)).getsockname()[1]}"
        yield sink


def refusal(code: str, message: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": message}}).encode()


@dataclass
class Recordings:
    """What stands in a stream of bytes, recording by recording."""

    inits: list[InitSegment] = field(default_factory=list)
    seconds: float = 0.0
    malformed: str = ""


def recordings(data: bytes) -> Recordings:
    """What a server makes of it."""
    seen, splitter = Recordings(), Splitter()
    rest: bytes | memoryview | None = data
    while rest is not None:
        events, rest = splitter.feed(rest), None
        for event in [*events, *splitter.finish()]:
            match event:
                case InitSegment():
                    seen.inits.append(event)
                case Fragment():
                    seen.seconds = max(seen.seconds, event.end_time)
                case NextRecording():
                    splitter, rest = Splitter(), event.rest
                case Malformed():
                    seen.malformed = event.message
    return seen


@dataclass(frozen=True)
class Ended:
    code: int | None
    out: str
    err: str


async def start(*words: str, **environment: str) -> asyncio.subprocess.Process:
    """``ingestd WORDS`` as a process; nothing of this shell's INGESTD_ variables."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("INGESTD_")}
    return await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "ingestd", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=inherited | environment,
    )


async def ended(process: asyncio.subprocess.Process) -> Ended:
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        _, err = await process.communicate()
        raise AssertionError(f"it has not ended, and said {err.decode()[-2000:]}") from None
    return Ended(process.returncode, out.decode(), err.decode())


async def ingestd(*words: str, **environment: str) -> Ended:
    """Run ``ingestd WORDS`` to its end."""
    return await ended(await start(*words, **environment))


def make(name: str, *arguments: str, directory: Path | None = None) -> Path:
    """A clip of two seconds, with a moving picture and a tone, made by FFmpeg."""
    path = (directory or Path(tempfile.gettempdir())) / name
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y"]
    command += ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=15:duration=2"]
    command += ["-f", "lavfi", "-i", "sine=frequency=440:duration=2"]
    subprocess.run([*command, *arguments, str(path)], check=True, timeout=PATIENCE)
    return path


def tiny(directory: Path) -> Path:
    """A film so small that units start in the middle of Clusters."""
    path = directory / "tiny.mkv"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", "testsrc2=size=32x32:rate=50"]
    command += ["-t", "6", "-c:v", "libvpx", "-g", "10", "-b:v", "20k", "-deadline", "realtime", str(path)]
    subprocess.run(command, check=True, timeout=PATIENCE)
    return path
