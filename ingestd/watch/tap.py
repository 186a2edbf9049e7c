"""An FFmpeg that turns what a publisher sends into RTP, beside the encoder and without holding it up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from ingestd.broadcast.epoch import Epoch
from ingestd.encoder.encoder import EXPECTED, EncoderSettings, log_line
from ingestd.encoder.feed import Feed
from ingestd.processes import Child
from ingestd.watch.encoding import argv
from ingestd.webrtc.ports import Port

_LOOK = 0.25  # seconds between two looks whether it keeps up
_END = 2.0  # seconds for FFmpeg to read a recording that is over to its end


class Tap:
    """One life of it, from the newest unit of an epoch on."""

    def __init__(self, epoch: Epoch, settings: EncoderSettings, ports: Mapping[str, Port]) -> None:
        """``ports``: where video and audio go; what is not named is left out."""
        self._epoch = epoch
        self._settings = settings
        self._ports = ports
        self._ends = 0.0  # when FFmpeg has to have read it to its end

    async def run(self) -> bool:
        """Until the recording is over (True), FFmpeg has ended, or it is so far behind that it has to begin
        anew.

        Raises :class:`~ingestd.errors.StartError`.
        """
        epoch = self._epoch
        while (first := epoch.buffer.newest_unit()) is None:
            if epoch.buffer.complete:
                return True
            await asyncio.sleep(_LOOK)
        feed = Feed(epoch.buffer, epoch.init, first, lambda: None)
        try:
            child = await Child.start(
                argv(self._settings.program, epoch.init, self._ports),
                name="tap",
                cwd=self._settings.scratch,
                stdin=feed.read_end,
                on_line=log_line,
                ignore=EXPECTED,
                nice=self._settings.nice,
                memory=self._settings.memory,
                expendable=True,
            )
        except BaseException:
            feed.close()
            raise
        feed.close_read_end()
        epoch.taps.add(feed.pump)
        feed.pump()
        try:
            while child.running and not self._behind(feed) and not self._late():  # noqa: ASYNC110
                await asyncio.sleep(_LOOK)  # nothing tells of either
            return epoch.buffer.complete
        finally:
            epoch.taps.discard(feed.pump)
            feed.close()
            await child.stop(0)

    def _behind(self, feed: Feed) -> bool:
        """Whether what it needs next has gone from the buffer."""
        buffer = self._epoch.buffer
        return feed.number < buffer.end and buffer.get(feed.number) is None

    def _late(self) -> bool:
        """Whether the recording is over, and FFmpeg should be by now."""
        if not self._epoch.buffer.complete:
            return False
        now = time.monotonic()
        self._ends = self._ends or now + _END
        return now > self._ends
