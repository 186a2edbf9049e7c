"""One broadcast of a clip, published as anybody would, and watched from all sides until it is over.

A clip of :data:`RTMP` goes to nginx by FFmpeg, which keeps nothing and never comes back; any other to
``/ws`` by ``ingestd publish``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Event, Thread

import psutil

from tests.chaos.analysis import Autopsy, examine
from tests.chaos.clip import RTMP, Clip
from tests.chaos.stage import Stage
from tests.hls.rfc8216 import parse_multivariant
from tests.support.proxy import Proxy
from tests.support.server import wait_for

_LOOK = 0.1  # seconds between two looks at the playlist
_ENCODER_SECONDS = 30.0
_END = 60.0  # seconds: a publisher by RTMP is done before its broadcast is


class Publisher:
    """A program that publishes. It is taken to send media from ``began`` on (monotonic clock)."""

    def __init__(self, command: list[str], secrets: dict[str, str], said: Path) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("INGESTD_")}
        self._said = said
        self.began = time.monotonic()
        with said.open("wb") as file:
            self._process = subprocess.Popen(
                command, env=environment | secrets, stdout=file, stderr=file, start_new_session=True
            )

    def wait(self, seconds: float) -> int | None:
        """Its exit code; None: it has not ended in time."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def words(self) -> str:
        """The last that it said."""
        lines = self._said.read_text(errors="replace").replace("\r", "\n").splitlines()
        return " / ".join(line.strip() for line in lines[-3:] if line.strip())


def by_websocket(clip: Clip, server: str) -> list[str]:
    return [sys.executable, "-m", "ingestd", "publish", str(clip.path), "--server", server]


def by_rtmp(clip: Clip, url: str) -> list[str]:
    """At the pace of the recording, as an encoder does."""
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-re", "-i", str(clip.path)]
    return [*command, "-c", "copy", "-f", "flv", "-flvflags", "no_duration_filesize", url]


class Standstill:
    """Watches one media playlist: when did it change? Seconds of the monotonic clock."""

    def __init__(self, stage: Stage, path: str) -> None:
        self._stage, self._path = stage, path
        self._over = Event()
        self.changes: list[float] = []
        self._thread = Thread(target=self._run, name=f"standstill {path}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        last = b""
        while not self._over.wait(_LOOK):
            try:
                text = self._stage.fetch(self._path)
            except OSError:
                continue
            if text != last:
                self.changes.append(time.monotonic())
                last = text
            if b"#EXT-X-ENDLIST" in text:
                return

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    @property
    def longest(self) -> float:
        """Seconds between two changes, at most."""
        steps = zip(self.changes, self.changes[1:], strict=False)
        return max((later - earlier for earlier, later in steps), default=0.0)


class Cast:
    """A broadcast on a channel of its own, through a proxy of its own.

    ``fault`` is the media time (s) around which it was struck, ``id`` that of the first broadcast
    that was seen: there should be no other.
    """

    def __init__(self, stage: Stage, clip: Clip, channel: str) -> None:
        self.stage, self.clip, self.channel = stage, clip, channel
        self.proxy = Proxy(stage.port)
        self.id = ""
        self.fault = 0.0
        self.again: float | None = None  # seconds from the port's opening until it sent once more
        said = stage.root / f"publish-{self.channel}"
        secrets = stage.secrets(self.channel)
        if clip.codec == RTMP:
            command = by_rtmp(clip, f"{stage.rtmp}/{secrets['INGESTD_STREAM_KEY']}")
        else:
            command = by_websocket(clip, self.proxy.url)
        self.publisher = Publisher(command, secrets, said)
        self._standstill: Standstill | None = None

    @property
    def path(self) -> str:
        return f"/hls/{self.channel}/{self.id}/index.m3u8"

    def wait_on_air(self, seconds: float, patience: float) -> None:
        """Until so much media stands in the playlist; the watching begins."""

        def playable() -> bool:
            found = self.stage.look(self.channel)
            if found and not self.id:
                self.id = found["id"]
            if found and found["hls"] and self._standstill is None:
                self._watch()
            return bool(found and found["media_time"] >= seconds)

        wait_for(f"{seconds:g} s of {self.channel} ({self.publisher.words})", playable, patience)

    def _watch(self) -> None:
        variants = parse_multivariant(self.stage.fetch(self.path)).variants
        name = variants[-1].uri  # the smallest rendition
        self._standstill = Standstill(self.stage, f"{self.path.rpartition('/')[0]}/{name}")

    def struck(self) -> None:
        """Now is the fault: what is recorded at this moment lies around it."""
        if not self.fault:
            self.fault = time.monotonic() - self.publisher.began

    def encoder(self, other_than: int = 0) -> psutil.Process:
        """Its FFmpeg, as soon as there is one (with another number than this)."""

        def find() -> psutil.Process | None:
            found = self.stage.encoder(self.id)
            return found if found and found.pid != other_than else None

        return wait_for(f"an encoder of {self.channel}", find, _ENCODER_SECONDS)

    def finish(self, patience: float) -> list[str]:
        """Wait for the publisher and for the state ``ended``; what went wrong."""
        code = self.publisher.wait(patience)
        if code is None:
            return [f"the publisher does not end: {self.publisher.words}; {self._state()}"]
        trouble = [f"the publisher's exit code is {code}: {self.publisher.words}"] if code else []
        try:
            wait_for("the end", lambda: (self.stage.look(self.channel) or {}).get("state") == "ended", _END)
        except AssertionError:
            trouble.append(f"it has not ended well: {self._state()}")
        found = self.stage.look(self.channel)
        if found and found["id"] != self.id:
            trouble.append(f"{found['id']} has taken the place of {self.id}")
        return trouble

    def _state(self) -> str:
        found = self.stage.look(self.channel)
        keys = ("id", "state", "message", "media_time", "commit_lag", "encoder")
        return str({key: found.get(key) for key in keys}) if found else "nobody answers"

    def autopsy(self) -> Autopsy:
        return examine(self.stage.fetch, self.path, self.clip.first, self.clip.frames)

    @property
    def standstill(self) -> float:
        return self._standstill.longest if self._standstill else 0.0

    def close(self) -> None:
        self.publisher.end()
        if self._standstill:
            self._standstill.stop()
        self.proxy.close()
