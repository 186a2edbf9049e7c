"""``ingestd publish``: sends a file as a browser sends its camera."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from ingestd.publish.backlog import Bounds
from ingestd.publish.connection import Connection, is_encrypted, is_local
from ingestd.publish.errors import Exit, Failure
from ingestd.publish.interrupts import Interrupts
from ingestd.publish.material import Material, open_material, slices
from ingestd.publish.pacing import Slice
from ingestd.publish.plain import PlainPublisher
from ingestd.publish.progress import Progress
from ingestd.publish.resumable import ResumablePublisher, Target

_SERVER = "http://127.0.0.1:4000"

_DESCRIPTION = """\
Send a video file to a channel, live: byte by byte as a browser would send its camera, paced by
the file's own time stamps.

WebM, Matroska and fragmented MP4 with VP8, VP9, AV1 or H.264 go as they are. Any other file
(a phone's MP4 or MOV, AVI, ...) is converted by FFmpeg while it is being sent.

Nothing is lost on the way: every byte is kept until the server says that it stands in the playlist
(at most 120 s and 256 MB of it; then the file waits). When the connection breaks, or the server is
restarted, the publisher comes back by itself and goes on from what the server has. If the server has
ended the broadcast meanwhile, a new one begins with what was not yet safe. Success means that all of
it stands in the playlist.
"""

_EPILOG = """\
examples:
  export INGESTD_STREAM_KEY=...  INGESTD_TOKEN=...     (ingestd up prints both)
  ingestd publish clip.webm
  ingestd publish holiday.mp4 --loop --title "Every day is Sunday"
  ingestd publish clip.webm --server https://live.example.org
  ingestd publish clip.webm --takeover                 (somebody else is live on the channel)
  ingestd up --ready-file ready.json &   then:   ingestd publish clip.webm --ready-file ready.json

Every user of this machine can see the flags of a running program in the process list; environment
variables only you can see. So prefer INGESTD_STREAM_KEY and INGESTD_TOKEN to --stream-key and --token.

Ctrl-C (or SIGTERM) ends the recording and waits until what was sent is safe; a second one ends at once.

--plain sends the bytes on one connection, without acks: what breaks the connection ends it, with
exit code 7, and success means that the server has confirmed the end, not that all of it is safe.

exit codes:
  0  sent completely, and all of it stands in the playlist
  1  something unexpected
  2  wrong usage, or the file cannot be read
  3  cannot connect
  4  refused: not authenticated, or not allowed (HTTP 401, 403; close codes 4401, 4403)
  5  refused: the channel is live (--takeover takes it), another publisher took over, or the server is
     full (409, 503; 4409, 1013)
  6  refused: media not taken, or another refusal (4400, 4404, 4413, 4415; 4408 with --plain)
  7  the server was lost for longer than --give-up, or the broadcast has failed: not all of the file is
     known to be safe
  130  interrupted
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What is sent where. ``speed`` multiplies the pace; 0 is as fast as the server takes it. ``give_up``
    is in seconds; None: as long as the server keeps the broadcast, at least 120."""

    file: Path
    server: str
    stream_key: str = field(repr=False)
    token: str = field(repr=False)
    title: str = ""
    loop: bool = False
    speed: float = 1.0
    quiet: bool = False
    plain: bool = False
    takeover: bool = False
    give_up: float | None = None
    bounds: Bounds = field(default_factory=Bounds)


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
    command.add_argument(
        "--takeover", action="store_true", help="take the channel, if somebody else is live there"
    )
    command.add_argument(
        "--give-up",
        metavar="SECONDS",
        type=_seconds,
        help="how long to try to reach the server again (default: as long as it keeps the broadcast and a"
        " little more, at least 120)",
    )
    command.add_argument("--plain", action="store_true", help="without acks; for comparison, see below")
    command.add_argument("--quiet", action="store_true", help="say nothing but what goes wrong")
    command.set_defaults(run=run_command)


def _speed(text: str) -> float:
    speed = float(text)  # argparse says what a ValueError means
    if not (speed >= 0 and math.isfinite(speed)):
        raise argparse.ArgumentTypeError(f"{text} is not a speed: say 0 or more")
    return speed


def _seconds(text: str) -> float:
    seconds = float(text)
    if not (seconds >= 0 and math.isfinite(seconds)):
        raise argparse.ArgumentTypeError(f"{text} is not a time: say 0 seconds or more")
    return seconds


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
    if arguments.plain and (arguments.takeover or arguments.give_up is not None):
        raise Failure(Exit.UNUSABLE, "--plain knows neither --takeover nor --give-up.")
    return Options(
        arguments.file,
        server,
        key.strip(),
        token.strip(),
        arguments.title,
        arguments.loop,
        arguments.speed,
        arguments.quiet,
        arguments.plain,
        arguments.takeover,
        arguments.give_up,
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
        if not is_local(options.server) and not is_encrypted(options.server):
            progress.say("warning: key and token travel unencrypted to another machine; use https://.")
        material = await open_material(options.file)
        if material.conversion:
            progress.say(material.conversion.sentence)
        async with aclosing(slices(material, loop=options.loop)) as messages:
            # What cannot be read shows here, before the server is bothered with it.
            first = await anext(messages)
            send = _plain if options.plain else _resumable
            return await send(options, material, progress, first, messages, interrupts)


async def _resumable(
    options: Options,
    material: Material,
    progress: Progress,
    first: Slice,
    rest: AsyncGenerator[Slice, None],
    interrupts: Interrupts,
) -> Exit:
    target = Target(
        options.server,
        options.stream_key,
        options.token,
        options.title,
        options.takeover,
        options.give_up,
    )
    publisher = ResumablePublisher(target, options.bounds, options.speed, progress)
    progress.begin(_total(options, material), publisher.words)
    return await publisher.run(first, rest, interrupts)


async def _plain(
    options: Options,
    material: Material,
    progress: Progress,
    first: Slice,
    rest: AsyncGenerator[Slice, None],
    interrupts: Interrupts,
) -> Exit:
    connection = await Connection.open(options.server, options.stream_key, options.token, options.title)
    progress.begin(_total(options, material), lambda: f"{connection.waiting // 1000} kB waiting")
    return await PlainPublisher(connection, options.speed, progress).run(first, rest, interrupts)


def _total(options: Options, material: Material) -> Callable[[float, int], float | None]:
    return (lambda *_: None) if options.loop else material.total
