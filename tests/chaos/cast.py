"""A broadcast on a server of this checkout's, published as anybody would, with what a fault can get hold of.

A clip of :data:`RTMP` goes to nginx by FFmpeg, and one of :data:`WHIP` to Janus, which keep nothing and never
come back; any other to ``/ws`` by ``ingestd publish``.
"""

from __future__ import annotations

import sys

import psutil

from tests.chaos.broadcast import Broadcast, Publisher
from tests.chaos.clip import RTMP, WHIP, Clip
from tests.chaos.stage import Stage
from tests.support.proxy import Proxy
from tests.support.server import wait_for
from tests.support.whip import publisher_to

_ENCODER_SECONDS = 30.0


def by_websocket(clip: Clip, server: str) -> list[str]:
    return [sys.executable, "-m", "ingestd", "publish", str(clip.path), "--server", server]


def by_rtmp(clip: Clip, url: str) -> list[str]:
    """At the pace of the recording, as an encoder does."""
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-re", "-i", str(clip.path)]
    return [*command, "-c", "copy", "-f", "flv", "-flvflags", "no_duration_filesize", url]


class Cast(Broadcast):
    """Through a proxy of its own."""

    def __init__(self, stage: Stage, clip: Clip, channel: str) -> None:
        self.stage, self.proxy = stage, Proxy(stage.port)
        secrets = stage.secrets(channel)
        if clip.codec == RTMP:
            command = by_rtmp(clip, f"{stage.rtmp}/{secrets['INGESTD_STREAM_KEY']}")
        elif clip.codec == WHIP:
            what = ["-re", "-i", str(clip.path), "-c", "copy"]
            command = publisher_to(stage.whip(channel), what, secrets["INGESTD_STREAM_KEY"])
        else:
            command = by_websocket(clip, self.proxy.url)
        publisher = Publisher(command, secrets, stage.root / f"publish-{channel}")
        super().__init__(stage, clip, channel, publisher)

    def encoder(self, other_than: int = 0) -> psutil.Process:
        """Its FFmpeg, as soon as there is one (with another number than this)."""

        def find() -> psutil.Process | None:
            found = self.stage.encoder(self.id)
            return found if found and found.pid != other_than else None

        return wait_for(f"an encoder of {self.channel}", find, _ENCODER_SECONDS)

    def relay(self) -> psutil.Process:
        """The FFmpeg that reads what Janus forwards of it."""
        return wait_for(
            f"a relay of {self.channel}", lambda: self.stage.relay(self.channel), _ENCODER_SECONDS
        )

    def close(self) -> None:
        super().close()
        self.proxy.close()
