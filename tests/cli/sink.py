"""A tiny WebSocket server that keeps what it is sent, and can refuse in every way."""

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

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from ingestd.container.model import Fragment, InitSegment, Malformed, NextRecording
from ingestd.container.splitter import Splitter

RECORDINGS = Path(__file__).parents[1] / "recordings"
VP8 = RECORDINGS / "vp8-opus_ts250_kf2000.webm"
PATIENCE = 60.0  # seconds


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
        async with asyncio.timeout(PATIENCE):
            while not what(self):
                self.news.clear()
                await self.news.wait()

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


@asynccontextmanager
async def listening(sink: Sink) -> AsyncIterator[Sink]:
    server = serve(
        sink.take, "127.0.0.1", 0, process_request=sink.answer, compression=None, max_size=None, max_queue=64
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
        await process.communicate()
        raise
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
