"""FFmpeg from pipe to pipe: the segments of one generation in, FLV out, by stream copy."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

from ingestd.encoder.encoder import EncoderSettings, log_line
from ingestd.processes import Child
from ingestd.push.flv import Splitter, Tag

_READ = 64 * 1024
_FEED_SECONDS = 40.0  # for one segment: longer than the other side may take nothing
_ARGUMENTS = [
    *["-hide_banner", "-nostdin", "-loglevel", "level+error", "-nostats"],
    # what is in a segment is known after its first pictures; 5 s would be waited for otherwise
    *["-f", "mpegts", "-analyzeduration", "500000", "-fpsprobesize", "0", "-i", "pipe:0"],
    *["-map", "0:v:0?", "-map", "0:a:0?", "-c", "copy"],
    *["-flvflags", "no_duration_filesize", "-flush_packets", "1", "-f", "flv", "pipe:1"],
]


class RemuxFailed(Exception):
    """FFmpeg is gone, or takes nothing any more."""


class Remux:
    """One run: started once, fed until it ends, and thrown away."""

    def __init__(self, child: Child, pipe: int) -> None:
        self._child = child
        self._pipe = pipe

    @classmethod
    async def start(cls, settings: EncoderSettings, name: str) -> Remux:
        """Raises :class:`~ingestd.errors.StartError` or OSError when there is no room for a process."""
        read_end, pipe = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(pipe, False)
        try:
            child = await Child.start(
                [settings.program, *_ARGUMENTS],
                name=f"push-{name}",
                cwd=settings.scratch,
                stdin=read_end,
                on_line=log_line,
                memory=settings.memory,
            )
        except BaseException:
            os.close(pipe)
            raise
        finally:
            os.close(read_end)
        return cls(child, pipe)

    async def feed(self, data: bytes) -> None:
        """Write all of it, as fast as FFmpeg takes it; raises :class:`RemuxFailed`."""
        rest = memoryview(data)
        try:
            async with asyncio.timeout(_FEED_SECONDS):
                while rest:
                    try:
                        rest = rest[os.write(self._pipe, rest) :]
                    except BlockingIOError:
                        await self._room()
        except OSError as error:  # TimeoutError, too
            raise RemuxFailed(str(error)) from error

    async def _room(self) -> None:
        loop = asyncio.get_running_loop()
        room: asyncio.Future[None] = loop.create_future()
        loop.add_writer(self._pipe, _settle, room)
        try:
            await room
        finally:
            loop.remove_writer(self._pipe)

    def end(self) -> None:
        """That was all of this run; what is left of it comes out of :meth:`tags`."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    async def tags(self) -> AsyncIterator[Tag]:
        """What comes out, until FFmpeg has ended; raises :class:`RemuxFailed` if that was too early."""
        splitter = Splitter()
        while data := await self._child.read(_READ):
            for tag in splitter.feed(data):
                yield tag
        if self._pipe >= 0:
            raise RemuxFailed("it ended by itself")

    async def close(self) -> None:
        """End FFmpeg, if it still runs."""
        self.end()
        await self._child.stop(0)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
