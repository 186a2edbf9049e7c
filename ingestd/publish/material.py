"""The file that is published: sent as it is, or converted by FFmpeg while it is being sent."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ingestd.container.model import Event, Fragment, InitSegment, Malformed
from ingestd.container.splitter import Splitter
from ingestd.ingest.session import unsupported
from ingestd.publish.convert import Conversion, convert, plan
from ingestd.publish.errors import Exit, Failure
from ingestd.publish.pacing import Pacer, Slice

_CHUNK = 256 * 1024  # bytes read at once
_LONGEST_FRAGMENT = 5.0  # seconds; servers drop a publisher from whom no media is whole for longer


@dataclass(frozen=True, slots=True)
class Material:
    """A file and how it is sent: ``conversion`` is None where its bytes go as they are."""

    path: Path
    size: int  # bytes
    conversion: Conversion | None = None

    def total(self, seconds: float, sent: int) -> float | None:
        """Seconds of media in the file, guessed from how many lay in the first ``sent`` bytes."""
        if self.conversion:
            return self.conversion.duration
        return seconds * self.size / sent if sent else None

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The bytes to send, once from start to end; never much of it in memory."""
        source = convert(self.conversion) if self.conversion else _read(self.path)
        async with aclosing(source) as chunks:
            async for chunk in chunks:
                yield chunk


async def open_material(path: Path) -> Material:
    """Look at the head of a file and decide how it is sent."""
    size, obstacle = await asyncio.to_thread(_inspect, path)
    return Material(path, size, await plan(path, obstacle) if obstacle else None)


async def slices(material: Material, *, loop: bool) -> AsyncGenerator[Slice, None]:
    """The file's messages, in order; with ``loop`` again and again, each pass a recording of its own."""
    end = 0.0
    while True:
        pacer = Pacer(start=end)
        async with aclosing(material.chunks()) as chunks:
            async for chunk in chunks:
                for piece in pacer.feed(chunk):
                    yield piece
                if pacer.malformed:
                    raise _damaged(material.path, pacer.malformed)
        rest = pacer.finish()
        if not pacer.has_media:
            raise Failure(Exit.UNUSABLE, f"{material.path}: there is no media in it.")
        for piece in rest:
            yield piece
        end = pacer.end
        if not loop:
            return


def _damaged(path: Path, malformed: Malformed) -> Failure:
    mend = f"To mend it: ffmpeg -i {path.name} -c copy mended.mkv"
    words = f"{path}: damaged after {malformed.offset:,} bytes; what stands before was sent."
    return Failure(Exit.UNUSABLE, f"{words} {malformed.message} {mend}")


async def _read(path: Path) -> AsyncGenerator[bytes, None]:
    with _open(path) as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise Failure(Exit.UNUSABLE, f"{path}: cannot be read: {error.strerror}") from None


def _inspect(path: Path) -> tuple[int, str]:
    """Size in bytes, and why the file cannot be sent as it is; empty: it can."""
    with _open(path) as file:
        if not path.is_file():
            raise Failure(Exit.UNUSABLE, f"{path}: not a file.")
        size = path.stat().st_size
        if not size:
            raise Failure(Exit.UNUSABLE, f"{path}: the file is empty.")
        return size, _obstacle(file)


def _obstacle(file: BinaryIO) -> str:
    splitter = Splitter()
    while chunk := file.read(_CHUNK):
        verdict = _judge(splitter.feed(chunk))
        if verdict is not None:
            return verdict
    verdict = _judge(splitter.finish())
    return "There is no whole fragment or Cluster in it." if verdict is None else verdict


def _judge(events: list[Event]) -> str | None:
    """None: go on reading; empty: it can be sent; else why not."""
    for event in events:
        match event:
            case Malformed():
                return event.message
            case InitSegment() if refusal := unsupported(event):
                return refusal.message
            case Fragment() if event.end_time - event.media_time > _LONGEST_FRAGMENT:
                length = math.ceil(event.end_time - event.media_time)
                return f"Its fragments are {length} s long, which is too long to be sent live."
            case Fragment():
                return ""
    return None
