"""Whether the server can take a broadcast now, and if not, why."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from typing import Any

from ingestd.broadcast.registry import Broadcasts
from ingestd.nginx.record import Record

_CONNECT_SECONDS = 2.0  # to nginx-rtmp, on this machine or the next


@dataclass(frozen=True, slots=True)
class Health:
    """The checks of ``/readyz``. ``nginx`` is the record of an nginx of our own."""

    broadcasts: Broadcasts
    ffmpeg: str
    rtmp_host: str
    rtmp_port: int
    nginx: Record | None = None

    async def reasons(self) -> list[str]:
        """Plain sentences on what is missing; empty when all is well."""
        found = [await self._nginx(), self._encoder(), self._room()]
        return [reason for reason in found if reason]

    def nginx_ends(self) -> list[dict[str, Any]]:
        return [ended.as_dict() for ended in self.nginx.ends] if self.nginx else []

    async def _nginx(self) -> str | None:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(self.rtmp_host, self.rtmp_port)
        except (OSError, TimeoutError):
            words = f"nginx-rtmp does not answer on {self.rtmp_host}:{self.rtmp_port}."
            return f"{words} {self.nginx.trouble() if self.nginx else ''}".rstrip()
        writer.close()
        return None

    def _encoder(self) -> str | None:
        found = shutil.which(self.ffmpeg)
        return None if found else f"FFmpeg is missing: {self.ffmpeg} is not an executable program."

    def _room(self) -> str | None:
        refusal = self.broadcasts.no_room()
        return refusal.message if refusal else None
