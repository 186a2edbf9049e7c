"""Whether the server can take a broadcast now, and if not, why."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestd.addresses import authority
from ingestd.broadcast.registry import RESTARTING, Broadcasts
from ingestd.nginx.launch import Place
from ingestd.nginx.server import answers
from ingestd.record import Record
from ingestd.tasks import Tasks
from ingestd.webrtc.webrtc import WebRtc

_CONNECT_SECONDS = 2.0  # to nginx, on this machine or the next
_LOOK_SECONDS = 5.0  # between two looks for those that cannot wait for one


@dataclass(frozen=True, slots=True)
class Health:
    """The checks of ``/readyz``. ``nginx_at``: where nginx has to answer, by whom it is asked there;
    ``nginx`` is the record of one of our own; ``written``: directories that have to be writable."""

    broadcasts: Broadcasts
    ffmpeg: str
    nginx_at: Mapping[str, Place]
    nginx: Record | None = None
    written: Sequence[Path] = ()
    webrtc: WebRtc | None = None

    async def reasons(self) -> list[str]:
        """Plain sentences on what is missing; empty when all is well."""
        outside = self._descriptors() or await self._nginx()
        found = [self._stopping(), outside, self._encoder(), self._disk(), self._room(), self._pending()]
        return [reason for reason in found if reason]

    def webrtc_trouble(self) -> list[str]:
        """What is wrong with WebRTC, of which broadcasts by other ways know nothing."""
        return self.webrtc.trouble() if self.webrtc else []

    def nginx_ends(self) -> list[dict[str, Any]]:
        return [ended.as_dict() for ended in self.nginx.ends] if self.nginx else []

    def _stopping(self) -> str | None:
        return RESTARTING.message if self.broadcasts.closing else None

    def _descriptors(self) -> str | None:
        """Without one nobody can be asked anything."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            return f"The server cannot open another file or connection: {error.strerror}."
        return None

    async def _nginx(self) -> str | None:
        asked = [answers(*place, _CONNECT_SECONDS) for place in self.nginx_at.values()]
        told = zip(self.nginx_at.items(), await asyncio.gather(*asked), strict=True)
        silent = [f"{authority(*place)} (for {who})" for (who, place), answered in told if not answered]
        if not silent:
            return None
        trouble = self.nginx.trouble() if self.nginx else ""
        return f"nginx does not answer on {', '.join(silent)}. {trouble}".rstrip()

    def _encoder(self) -> str | None:
        found = shutil.which(self.ffmpeg)
        return None if found else f"FFmpeg is missing: {self.ffmpeg} is not an executable program."

    def _disk(self) -> str | None:
        """As after an error of the disk, when Linux mounts it read-only."""
        closed = [str(path) for path in self.written if not os.access(path, os.W_OK)]
        return f"The server cannot write to {' and '.join(closed)}: read-only, or gone." if closed else None

    def _room(self) -> str | None:
        refusal = self.broadcasts.no_room()
        return refusal.message if refusal else None

    def _pending(self) -> str | None:
        count = self.broadcasts.pending
        words = "could not yet be gone on with: the disk is full, or cannot be used"
        return f"Of those from before the restart, {count} broadcast(s) {words}." if count else None


class Readiness:
    """What ``/readyz`` says, as of some seconds ago: for those that cannot wait for the answer."""

    def __init__(self, health: Health, every: float = _LOOK_SECONDS) -> None:
        """``every``: seconds between two looks."""
        self.ready: bool | None = None  # None: nobody has looked yet
        self._health = health
        self._every = every
        self._tasks = Tasks("readiness")

    def start(self) -> None:
        self._tasks.spawn(self._look(), "look", eternal=True)

    async def close(self) -> None:
        await self._tasks.close()

    async def _look(self) -> None:
        while True:
            try:
                self.ready = not await self._health.reasons()
            except OSError:  # of the disk, or for want of a descriptor
                self.ready = False
            await asyncio.sleep(self._every)
