"""One connection's work: segments into FFmpeg, its FLV to the other side, until the broadcast is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

from ingestd.delivery.transport_stream import join
from ingestd.encoder.encoder import EncoderSettings
from ingestd.encoder.ladder import AUDIO_ONLY
from ingestd.push.connection import Connection
from ingestd.push.flv import Timeline
from ingestd.push.follow import Follow, Pace, Piece
from ingestd.push.remux import Remux
from ingestd.push.state import Meter
from ingestd.tasks import Tasks


class Pour:
    """Lives as long as its connection.

    A generation of the encoder, and whatever else breaks the playlist's time line, is a run: an
    FFmpeg of its own, whose sequence headers tell the other side of a new picture size. The
    connection, and the time stamps on it, go on.
    """

    def __init__(
        self, connection: Connection, directory: Path, encoder: EncoderSettings, name: str, meter: Meter
    ) -> None:
        self._connection = connection
        self._directory = directory
        self._encoder = encoder
        self._name = name
        self._meter = meter
        self._runs: asyncio.Queue[Remux | None] = asyncio.Queue(1)  # full: the next one is not begun
        self._open: list[Remux] = []
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, pieces: AsyncIterator[Piece], follow: Follow) -> None:
        """Until all pieces were sent; raises what ended it before."""
        tasks = Tasks(f"push/{self._name}")
        tasks.spawn(self._guarded(self._connection.listen()), "listen")
        tasks.spawn(self._guarded(self._feed(pieces, follow)), "feed")
        tasks.spawn(self._guarded(self._send(), last=True), "send")
        try:
            await self._done
        finally:
            await tasks.close()
            for run in self._open:
                await run.close()

    async def _guarded(self, work: Coroutine[Any, Any, None], *, last: bool = False) -> None:
        """The first that fails ends them all, and so does the end of the ``last`` one."""
        try:
            await work
        except Exception as error:
            if not self._done.done():
                self._done.set_exception(error)
        else:
            if last and not self._done.done():
                self._done.set_result(None)

    async def _feed(self, pieces: AsyncIterator[Piece], follow: Follow) -> None:
        run: Remux | None = None
        async for piece in pieces:
            try:
                data = self._read(piece.uri)
            except FileNotFoundError:  # its time is over: we are far behind
                follow.reconnected()
                continue
            if run is None or piece.fresh:
                run = await self._next_run(run)
            await run.feed(data)
        if run:
            run.end()
        await self._runs.put(None)

    def _read(self, uri: str) -> bytes:
        """A segment, with its sound, where that is a rendition of its own. Raises FileNotFoundError."""
        pictures = self._directory / uri
        sound = self._directory / AUDIO_ONLY / pictures.name
        if sound == pictures or not sound.exists():
            return pictures.read_bytes()
        return join(pictures.read_bytes(), sound.read_bytes())

    async def _next_run(self, last: Remux | None) -> Remux:
        if last:
            last.end()
        run = await Remux.start(self._encoder, self._name)
        self._open.append(run)
        await self._runs.put(run)
        return run

    async def _send(self) -> None:
        timeline, pace = Timeline(), Pace()
        while run := await self._runs.get():
            timeline.begin_run()
            async for tag in run.tags():
                placed = timeline.place(tag)
                seconds = placed.time / 1000
                if (delay := pace.wait(seconds, time.monotonic())) > 0:
                    await asyncio.sleep(delay)
                self._meter.note(time.monotonic(), await self._connection.send(placed), seconds)
            self._open.remove(run)
            await run.close()
