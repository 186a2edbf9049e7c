"""``ingestd publish``: sends a file as a browser sends its camera."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from ingestd.publish.connection import Connection, is_encrypted, is_local
from ingestd.publish.errors import Exit, Failure
from ingestd.publish.material import open_material, slices
from ingestd.publish.pacing import Slice
from ingestd.publish.progress import Progress
from ingestd.tasks import Tasks

_SERVER = "http://127.0.0.1:4000"

_DESCRIPTION = """\
Send a video file to a channel, live: byte by byte as a browser would send its camera, paced by
the file's own time stamps.

WebM, Matroska and fragmented MP4 with VP8, VP9, AV1 or H.264 go as they are. Any other file
(a phone's MP4 or MOV, AVI, ...) is converted by FFmpeg while it is being sent.
"""

_EPILOG = """\
examples:
  export INGESTD_STREAM_KEY=...  INGESTD_TOKEN=...     (ingestd up prints both)
  ingestd publish clip.webm
  ingestd publish holiday.mp4 --loop --title "Every day is Sunday"
  ingestd publish clip.webm --server https://live.example.org
  ingestd up --ready-file ready.json &   then:   ingestd publish clip.webm --ready-file ready.json

Every user of this machine can see the flags of a running program in the process list; environment
variables only you can see. So prefer INGESTD_STREAM_KEY and INGESTD_TOKEN to --stream-key and --token.

Ctrl-C (or SIGTERM) ends the broadcast properly; a second one ends at once.

exit codes:
  0  sent completely, and the server has confirmed the end
  1  something unexpected
  2  wrong usage, or the file cannot be read
  3  cannot connect
  4  refused: not authenticated, or not allowed (HTTP 401, 403; close codes 4401, 4403)
  5  refused: the channel is busy, or the server full (409, 503; 4409, 1013)
  6  refused: media not taken, or another refusal (4400, 4408, 4413, 4415)
  7  the connection was lost in mid-stream: not all of the file was sent
  130  interrupted
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What is sent where. ``speed`` multiplies the pace; 0 is as fast as the server takes it."""

    file: Path
    server: str
    stream_key: str = field(repr=False)
    token: str = field(repr=False)
    title: str = ""
    loop: bool = False
    speed: float = 1.0
    quiet: bool = False


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "publish",
        help="send a file as a browser would send its camera",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("file", metavar="FILE", type=Path, help="the video or audio file")
    command.add_argument(
        "--server", metavar="URL", help=f"http, https, ws or wss; a path is a prefix (default: {_SERVER})"
    )
    command.add_argument(
        "--stream-key", metavar="K", help="the channel's secret (better: INGESTD_STREAM_KEY)"
    )
    command.add_argument("--token", metavar="T", help="the publisher's token (better: INGESTD_TOKEN)")
    command.add_argument(
        "--ready-file",
        metavar="FILE",
        type=Path,
        help="take server, key and token from the file that 'ingestd up --ready-file FILE' writes",
    )
    command.add_argument("--title", metavar="T", default="", help="what viewers see (default: the channel's)")
    command.add_argument("--loop", action="store_true", help="again and again, until Ctrl-C")
    command.add_argument(
        "--speed",
        metavar="X",
        type=_speed,
        default=1.0,
        help="X times as fast; 0: as fast as the server takes it",
    )
    command.add_argument("--quiet", action="store_true", help="say nothing but what goes wrong")
    command.set_defaults(run=run_command)


def _speed(text: str) -> float:
    speed = float(text)  # argparse says what a ValueError means
    if not (speed >= 0 and math.isfinite(speed)):
        raise argparse.ArgumentTypeError(f"{text} is not a speed: say 0 or more")
    return speed


def run_command(arguments: argparse.Namespace) -> int:
    """Publish; the exit code."""
    try:
        return asyncio.run(publish(options_of(arguments)))
    except Failure as failure:  # of the options: the rest is told by ``publish``
        print(f"ingestd: {failure}", file=sys.stderr)
        return failure.exit
    except (KeyboardInterrupt, asyncio.CancelledError):
        return Exit.INTERRUPTED
    except Exception as error:
        print(f"ingestd: something unexpected: {error!r}", file=sys.stderr)
        return Exit.UNEXPECTED


def options_of(arguments: argparse.Namespace) -> Options:
    """Flags, then the environment, then the ready file."""
    ready = _ready(arguments.ready_file) if arguments.ready_file else {}
    server = arguments.server or ready.get("http") or _SERVER
    key = arguments.stream_key or os.environ.get("INGESTD_STREAM_KEY") or ready.get("stream_key", "")
    token = arguments.token or os.environ.get("INGESTD_TOKEN") or ready.get("token", "")
    if not key:
        words = "There is no stream key: set INGESTD_STREAM_KEY (and INGESTD_TOKEN)"
        raise Failure(Exit.UNUSABLE, f"{words}, or use --ready-file. 'ingestd up' prints both.")
    if not (key + token).isascii() or not (key + token).isprintable():
        raise Failure(Exit.UNUSABLE, "The stream key or the token has letters that neither can have.")
    return Options(
        arguments.file,
        server,
        key.strip(),
        token.strip(),
        arguments.title,
        arguments.loop,
        arguments.speed,
        arguments.quiet,
    )


def _ready(file: Path) -> dict[str, str]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        return {name: value for name, value in values.items() if isinstance(value, str)}
    except (OSError, ValueError, AttributeError) as error:
        words = f"--ready-file {file}: cannot be read: {error}. 'ingestd up --ready-file' writes it."
        raise Failure(Exit.UNUSABLE, words) from None


async def publish(options: Options) -> Exit:
    """Send the file; says on stderr how it went."""
    progress = Progress(sys.stderr, quiet=options.quiet)
    try:
        return await _publish(options, progress)
    except Failure as failure:
        progress.complain(str(failure))
        return failure.exit


async def _publish(options: Options, progress: Progress) -> Exit:
    main = asyncio.current_task()
    assert main is not None
    interrupts = Interrupts(main.cancel)
    with interrupts.caught():
        is_local(options.server)  # an address that cannot be one is said first
        material = await open_material(options.file)
        if material.conversion:
            progress.say(material.conversion.sentence)
        async with aclosing(slices(material, loop=options.loop)) as messages:
            # What cannot be read shows here, before the server is bothered with it.
            first = await anext(messages)
            connection = await _connect(options, progress)
            progress.begin((lambda *_: None) if options.loop else material.total, lambda: connection.waiting)
            try:
                return await Publisher(connection, options.speed, progress).run(first, messages, interrupts)
            finally:
                connection.abort()


async def _connect(options: Options, progress: Progress) -> Connection:
    if not is_local(options.server) and not is_encrypted(options.server):
        progress.say("warning: key and token travel unencrypted to another machine; use https://.")
    return await Connection.open(options.server, options.stream_key, options.token, options.title)


class Interrupts:
    """Ctrl-C and SIGTERM: the first does ``first``, which changes; the second ends at once."""

    def __init__(self, at_once: Callable[[], object]) -> None:
        self._at_once = at_once
        self.first = at_once
        self.happened = False

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._caught)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _caught(self) -> None:
        act = self._at_once if self.happened else self.first
        self.happened = True
        act()


class Publisher:
    """One connection that takes one file."""

    def __init__(self, connection: Connection, speed: float, progress: Progress) -> None:
        self._connection = connection
        self._speed = speed
        self._progress = progress
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()

    async def run(self, first: Slice, rest: AsyncGenerator[Slice, None], interrupts: Interrupts) -> Exit:
        """Send all; the exit code. Raises :class:`Failure` where it ended otherwise."""
        tasks = Tasks("publish")
        tasks.spawn(self._progress.run(), "progress")
        tasks.spawn(self._connection.swallow(), "swallow")
        sender = tasks.spawn(self._send(first, rest), "send")
        interrupts.first = sender.cancel
        try:
            await asyncio.wait({sender})
            failure = None if sender.cancelled() else sender.result()
            return await self._finish(failure, interrupts)
        finally:
            await tasks.close()

    async def _finish(self, failure: Failure | None, interrupts: Interrupts) -> Exit:
        """The recording is complete, as far as it goes: also when its file is damaged, or after Ctrl-C."""
        if failure and failure.exit is not Exit.UNUSABLE:
            self._progress.say(self._progress.summary())
            raise failure
        try:
            await self._connection.stop()
        except Failure as unconfirmed:
            if not interrupts.happened:
                raise
            self._progress.complain(str(unconfirmed))
            return Exit.INTERRUPTED
        self._progress.say(f"{self._progress.summary()}; the server has confirmed the end")
        if failure:
            raise failure
        return Exit.INTERRUPTED if interrupts.happened else Exit.SENT

    async def _send(self, first: Slice, rest: AsyncGenerator[Slice, None]) -> Failure | None:
        """Every message when it is due; why it could not go on."""
        try:
            await self._message(first)
            async for message in rest:
                await self._message(message)
        except Failure as failure:
            return failure
        return None

    async def _message(self, message: Slice) -> None:
        if self._speed:
            await self._until(self._started + message.due / self._speed)
        await self._connection.send(message.data)
        self._progress.sent(message.due, len(message.data))

    async def _until(self, when: float) -> None:
        """Wait; not longer than the connection lives."""
        if when <= self._clock():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(when):
                await self._connection.wait_closed()
