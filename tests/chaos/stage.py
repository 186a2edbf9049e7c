"""A server that can be killed and comes back: ``ingestd up`` with ports and a data directory that stay."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from glob import glob
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any

import httpx
import psutil

from ingestd.webrtc.janus import find, find_libraries
from tests.chaos.form import environment
from tests.chaos.log import last_words, tracebacks
from tests.support import http
from tests.support.accounts import make_channels, token_for
from tests.support.network import why_none
from tests.support.ports import free_port
from tests.support.server import PATIENCE, wait_for

LOOPBACK = "127.0.0.1"
_READY_SECONDS = _STOP_SECONDS = PATIENCE
_ORPHAN_SECONDS = 1.0  # that a child may outlive a daemon that was killed
_LEFT_SECONDS = 5.0  # for children of a daemon that was ended properly
_LOOK = 0.05  # seconds between two looks at who still lives
_ANSWER_SECONDS = 30.0
_TOKEN_SECONDS = 7 * 86400.0  # longer than any clock is stepped
_DISK_MIB = 64  # of the file system that can be filled


class Stage:
    """One server with channels ``c0``, ``c1`` … and whatever lives it has had.

    ``small_disk``: the data directory (segments, journals, encoders' reports, nginx's own files) is a
    file system that can be filled, since what is one disk is full all at once; ``clock``: the daemon
    alone sees a clock that can be stepped.
    """

    def __init__(
        self,
        settings: dict[str, object],
        channels: int = 32,
        *,
        small_disk: bool = False,
        clock: bool = False,
    ) -> None:
        # below /tmp, and open: nginx's unprivileged workers have to get there
        self.root = Path(tempfile.mkdtemp(prefix="ingestd-chaos-"))
        self.root.chmod(0o755)
        self.data, self.log = self.root / "data", self.root / "log"
        self.trouble: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._settings = settings
        self._clock = self.root / "clock" if clock else None
        self._ballast = self.data / "ballast"
        self._mounted = False
        self._ports: tuple[int, int, int] = (0, 0, 0)
        self._lock = RLock()
        self._free = [f"c{number}" for number in range(channels)]
        self._small_disk = small_disk
        self._client = http.Client(timeout=_ANSWER_SECONDS)

    def __enter__(self) -> Stage:
        try:
            self._furnish()
            self.start()
            self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _furnish(self) -> None:
        self.data.mkdir()
        if self._small_disk:
            options = f"size={_DISK_MIB}m,mode=755"
            command = ["mount", "-t", "tmpfs", "-o", options, "ingestd-chaos", str(self.data)]
            subprocess.run(command, check=True)
            self._mounted = True
        self._keys = make_channels(self.data, self._free)
        self._ports = free_port(), free_port(), free_port()
        if self._clock:
            self._clock.write_text("+0")

    # Where it is

    @property
    def port(self) -> int:
        """Of the daemon."""
        return self._ports[0]

    @property
    def hls(self) -> str:
        return f"http://{LOOPBACK}:{self._ports[1]}"

    @property
    def rtmp(self) -> str:
        """Where encoders publish."""
        return f"rtmp://{LOOPBACK}:{self._ports[2]}/live"

    def whip(self, channel: str) -> str:
        """Where they do by WebRTC."""
        return f"http://{LOOPBACK}:{self.port}/whip/{channel}"

    def channel(self) -> str:
        """One that nobody has used yet."""
        with self._lock:
            return self._free.pop(0)

    def secrets(self, channel: str) -> dict[str, str]:
        """The environment with which ``ingestd publish`` may publish there."""
        token = token_for(self.data, channel, _TOKEN_SECONDS)
        return {"INGESTD_STREAM_KEY": self._keys[channel], "INGESTD_TOKEN": token}

    # Its lives

    def start(self) -> None:
        """Begin a life. Does not wait: :meth:`wait_ready` does."""
        with self._lock:
            self._ready.unlink(missing_ok=True)
            command = [sys.executable, "-m", "ingestd", "up", "--data-dir", str(self.data)]
            for name, port in zip(("http", "hls", "rtmp"), self._ports, strict=True):
                command += [f"--{name}-port", str(port)]
            command += ["--ready-file", str(self._ready), "--set", "log.style=json"]
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    command,
                    env=self._environment(),
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    start_new_session=True,
                )

    @property
    def _ready(self) -> Path:
        return self.root / "ready.json"

    def _environment(self) -> dict[str, str]:
        made = {key: value for key, value in os.environ.items() if not key.startswith("INGESTD_")}
        made |= environment(self._settings)
        if self._clock:
            library = faketime()
            assert library
            made |= {
                "LD_PRELOAD": library,
                "FAKETIME_TIMESTAMP_FILE": str(self._clock),
                "FAKETIME_NO_CACHE": "1",
                "DONT_FAKE_MONOTONIC": "1",
            }
        return made

    def wait_ready(self) -> None:
        """Until this life has begun; the log's end is in the error if it does not."""

        def ready() -> bool:
            return self._ready.exists() or self.process is None or self.process.poll() is not None

        wait_for(f"the server ({self.log})", ready, _READY_SECONDS)
        if not self._ready.exists():
            raise AssertionError(f"the server did not start:\n{self.last_words()}")

    def restart(self, number: int, between: Callable[[], None] = lambda: None) -> float:
        """End its life with a signal, and begin the next one at once, as a service manager would.

        Returns when its port takes connections, with that moment (monotonic clock). ``between`` is called
        when nobody is there.
        """
        with self._lock:
            process = self._running()
            children = process.children(recursive=True)
            process.send_signal(number)
            assert self.process
            self.process.wait(_STOP_SECONDS)
            between()
            self.start()
        alive = survivors(children, _ORPHAN_SECONDS)
        self.trouble += [f"{name(one)} outlived its daemon by {_ORPHAN_SECONDS:g} s" for one in alive]
        wait_for("its port", self._listening, _READY_SECONDS)
        return time.monotonic()

    def _listening(self) -> bool:
        with suppress(OSError):
            socket.create_connection((LOOPBACK, self.port), 1.0).close()
            return True
        return False

    def _running(self) -> psutil.Process:
        assert self.process and self.process.poll() is None, f"the server is gone:\n{self.last_words()}"
        return psutil.Process(self.process.pid)

    def close(self) -> None:
        """End it, look for what it leaves behind, and take everything away."""
        children: list[psutil.Process] = []
        if self.process and self.process.poll() is None:
            children = psutil.Process(self.process.pid).children(recursive=True)
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        if self.process:
            self._wait_gone()
        self.trouble += [f"the server's log has a traceback: {one}" for one in tracebacks(self._lines())]
        alive = survivors(children, _LEFT_SECONDS)
        self.trouble += [f"{name(one)} was left behind" for one in alive]
        for one in alive:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self._client.close()
        if self._mounted:
            subprocess.run(["umount", "--lazy", str(self.data)], check=False)
        shutil.rmtree(self.root, ignore_errors=True)

    def _wait_gone(self) -> None:
        assert self.process
        try:
            code = self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if code:
            self.trouble.append(f"the server ended with exit code {code}")

    def _lines(self) -> list[str]:
        """Whole ones: the last may be under way."""
        said = self.log.read_text(errors="replace") if self.log.exists() else ""
        return said[: said.rfind("\n") + 1].splitlines()

    def last_words(self) -> str:
        """The end of what it logged above the level of information."""
        return last_words(self._lines())

    # What it says

    def look(self, channel: str) -> dict[str, Any] | None:
        """The channel's newest broadcast; None as long as there is none, or nobody answers."""
        try:
            answer = self._client.get(f"http://{LOOPBACK}:{self.port}/api/v1/channels/{channel}")
            found: dict[str, Any] | None = answer.json()["broadcast"]
        except (httpx.HTTPError, ValueError, KeyError):
            return None
        return found

    def fetch(self, path: str) -> bytes:
        """A file below /hls/, from nginx, as a viewer gets it."""
        try:
            answer = self._client.get(self.hls + path)
        except httpx.HTTPError as error:
            raise OSError(f"{path}: {error!r}") from None
        if answer.status_code != 200:
            raise OSError(f"{path}: {answer.status_code}")
        return answer.content

    # Its parts, and what can be done to them

    def children(self, program: str) -> list[psutil.Process]:
        with suppress(AssertionError, psutil.NoSuchProcess):
            family = self._running().children(recursive=True)
            return [child for child in family if name(child) == program]
        return []

    def encoder(self, broadcast: str) -> psutil.Process | None:
        """The FFmpeg that pushes a broadcast at this moment."""
        return next((one for one in self.children("ffmpeg") if f"/{broadcast}-" in arguments(one)), None)

    def relay(self, channel: str) -> psutil.Process | None:
        """The FFmpeg that reads what a channel's publisher sends by WebRTC."""
        return next((one for one in self.children("ffmpeg") if f" {channel}-" in arguments(one)), None)

    def fill_disk(self) -> None:
        """Not a byte is left where segments and journals are written."""
        with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while file.write(bytes(size)):
                        pass
        assert shutil.disk_usage(self.data).free < 1 << 20, "the disk is not full"

    def free_disk(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def step_clock(self, seconds: int) -> None:
        """From now on the daemon's wall clock is off by so much; its monotonic one goes on."""
        assert self._clock
        scratch = self._clock.with_suffix(".new")
        scratch.write_text(f"{seconds:+d}")
        scratch.replace(self._clock)


def name(process: psutil.Process) -> str:
    """Empty for one that is gone or waits to be reaped."""
    with suppress(psutil.NoSuchProcess):
        return "" if process.status() == psutil.STATUS_ZOMBIE else process.name()
    return ""


def survivors(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that still live after so long; returns early when there are none.

    Counted in looks, not by the clock: while a machine gives us no turn, it gives them none to die.
    """
    for _ in range(round(seconds / _LOOK)):
        if not [one for one in processes if name(one)]:
            break
        time.sleep(_LOOK)
    return [one for one in processes if name(one)]


def arguments(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def faketime() -> str | None:
    """Debian's libfaketime, if it is installed."""
    return next(iter(glob("/usr/lib/*/faketime/libfaketime.so.1")), None)


def why_no_webrtc() -> str:
    """Why nobody can publish by WebRTC here; empty: one can."""
    if find("janus") is None or find_libraries() is None:
        return "Janus is not installed"
    return why_none()


def can_mount() -> bool:
    """Whether a small file system can be mounted here: it takes root, and a machine that allows it."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    with tempfile.TemporaryDirectory(prefix="ingestd-chaos-") as there:
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "ingestd-chaos", there]
        if subprocess.run(command, capture_output=True).returncode:
            return False
        subprocess.run(["umount", there], check=False)
        return True
