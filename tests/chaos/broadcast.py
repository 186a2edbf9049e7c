"""One broadcast of a clip on a server that may be anywhere, watched until it is over, and looked at.

Of what Debian's Python has and numpy, like all that runs inside of boxes.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any, Protocol

from tests.boxes.common import wait_for
from tests.chaos.analysis import Autopsy, Fetch, examine
from tests.chaos.clip import Clip
from tests.chaos.result import Result, worst_skew
from tests.hls.rfc8216 import parse_multivariant

_LOOK = 0.1  # seconds between two looks at the playlist
_END = 60.0  # seconds: a publisher by RTMP is done before its broadcast is


class Server(Protocol):
    """What a server says of its broadcasts."""

    def look(self, channel: str) -> dict[str, Any] | None:
        """The channel's newest broadcast; None as long as there is none, or nobody answers."""

    def fetch(self, path: str) -> bytes:
        """A file below /hls/, as a viewer gets it; raises OSError when it is not there."""


class Publisher:
    """A program that publishes."""

    def __init__(self, command: list[str], secrets: dict[str, str], said: Path) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("INGESTD_")}
        self._said = said
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


class Standstill:
    """Watches one media playlist: when did it change? Seconds of the monotonic clock."""

    def __init__(self, fetch: Fetch, path: str) -> None:
        self._fetch, self._path = fetch, path
        self._over = Event()
        self.changes: list[float] = []
        self._thread = Thread(target=self._run, name=f"standstill {path}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        last = b""
        while not self._over.wait(_LOOK):
            try:
                text = self._fetch(self._path)
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


class Broadcast:
    """A clip that ``publisher`` publishes on a channel of its own.

    ``fault`` is the media time (s) around which it was struck, ``id`` that of the first broadcast
    that was seen: there should be no other.
    """

    def __init__(self, server: Server, clip: Clip, channel: str, publisher: Publisher) -> None:
        self.clip, self.channel, self.publisher = clip, channel, publisher
        self.id = ""
        self.fault = 0.0
        self.again: float | None = None  # seconds from the port's opening until it sent once more
        self._server = server
        self._standstill: Standstill | None = None
        self._began = time.monotonic()  # sending media

    @property
    def path(self) -> str:
        return f"/hls/{self.channel}/{self.id}/index.m3u8"

    def wait_on_air(self, seconds: float, patience: float) -> None:
        """Until so much media stands in the playlist; the watching begins."""

        def playable() -> bool:
            found = self._server.look(self.channel)
            if found and not self.id:
                self.id = found["id"]
            if found and found["hls"] and self._standstill is None:
                self._watch()
            if not found or found["media_time"] < seconds:
                return False
            self._began = time.monotonic() - found["media_time"] - found["commit_lag"]
            return True

        try:
            wait_for(f"{seconds:g} s of {self.channel}", playable, patience)
        except AssertionError as error:
            raise AssertionError(f"{error} ({self.publisher.words})") from None

    def _watch(self) -> None:
        variants = parse_multivariant(self._server.fetch(self.path)).variants
        name = variants[-1].uri  # the smallest rendition
        self._standstill = Standstill(self._server.fetch, f"{self.path.rpartition('/')[0]}/{name}")

    def struck(self) -> None:
        """Now is the fault: what is recorded at this moment lies around it."""
        if not self.fault:
            self.fault = time.monotonic() - self._began

    def finish(self, patience: float) -> list[str]:
        """Wait for the publisher and for the state ``ended``; what went wrong."""
        code = self.publisher.wait(patience)
        if code is None:
            return [f"the publisher does not end: {self.publisher.words}; {self._state()}"]
        trouble = [f"the publisher's exit code is {code}: {self.publisher.words}"] if code else []
        try:
            wait_for("the end", lambda: (self._server.look(self.channel) or {}).get("state") == "ended", _END)
        except AssertionError:
            trouble.append(f"it has not ended well: {self._state()}")
        found = self._server.look(self.channel)
        if found and found["id"] != self.id:
            trouble.append(f"{found['id']} has taken the place of {self.id}")
        return trouble

    def _state(self) -> str:
        found = self._server.look(self.channel)
        keys = ("id", "state", "message", "media_time", "commit_lag", "encoder")
        return str({key: found.get(key) for key in keys}) if found else "nobody answers"

    def autopsy(self) -> Autopsy:
        return examine(self._server.fetch, self.path, self.clip.first, self.clip.frames, self.clip.late)

    @property
    def standstill(self) -> float:
        return self._standstill.longest if self._standstill else 0.0

    def conclude(self, result: Result, patience: float) -> None:
        """Wait for its end, and write down what it leaves."""
        result.trouble += self.finish(patience)
        result.standstill, result.again = self.standstill, self.again
        try:
            found = self.autopsy()
        except Exception as error:
            result.trouble.append(f"it cannot be looked at: {type(error).__name__}: {error}")
            return
        result.verdicts = found.renditions
        result.trouble += found.complaints
        result.before, result.after = worst_skew(found.renditions, self.fault)

    def close(self) -> None:
        self.publisher.end()
        if self._standstill:
            self._standstill.stop()
