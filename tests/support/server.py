"""A real ``ingestd up`` on free ports, for tests that go through its public face."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import psutil

from ingestd.monitor.host import FRESH
from tests.support import http
from tests.support.accounts import key_of, make_channels, token_for

INGESTD = (sys.executable, "-m", "ingestd")
PATIENCE = 60.0  # seconds: generous, for a machine that is busy with other things

T = TypeVar("T")


def wait_for(what: str | Callable[[], str], probe: Callable[[], T | None], seconds: float = PATIENCE) -> T:
    """What ``probe`` returns as soon as it is true; fails with ``what`` after ``seconds``.

    A function for ``what`` is asked only then: so it may tell what was seen last.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            words = what if isinstance(what, str) else what()
            raise AssertionError(f"waited {seconds:g} s in vain for {words}")
        time.sleep(0.05)


@dataclass
class Server:
    """A running server: its addresses and secrets, and what it has written."""

    process: subprocess.Popen[bytes]
    data: Path
    log: Path
    http: str
    hls: str
    rtmp: str
    channel: str
    stream_key: str
    token: str

    def on(self, channel: str) -> Server:
        """The same server with another channel's key and token."""
        key, token = key_of(self.data, channel), token_for(self.data, channel)
        return replace(self, channel=channel, stream_key=key, token=token)

    @property
    def ws(self) -> str:
        return self.http.replace("http", "ws", 1) + "/ws"

    def get(self, path: str, **parameters: str) -> Any:
        """JSON of an API path."""
        return http.get(self.http + path, params=parameters, timeout=PATIENCE).json()

    def broadcasts(self) -> list[dict[str, Any]]:
        """Open and ended ones, newest last."""
        return list(reversed(self.get("/api/v1/broadcasts", ended="true")["broadcasts"]))

    def newest(self) -> dict[str, Any] | None:
        """The channel's open broadcast, or its last one."""
        found: dict[str, Any] | None = self.get(f"/api/v1/channels/{self.channel}")["broadcast"]
        return found

    def wait_for(
        self, what: str, test: Callable[[dict[str, Any]], bool], seconds: float = PATIENCE
    ) -> dict[str, Any]:
        """The channel's newest broadcast as soon as it passes a test."""

        def probe() -> dict[str, Any] | None:
            newest = self.newest()
            return newest if newest and test(newest) else None

        try:
            return wait_for(what, probe, seconds)
        except AssertionError as error:
            log = "\n".join(line for line in self.logged().splitlines() if self.channel in line)
            raise AssertionError(f"{error}; it is {self.newest()}; {log[-4000:]}") from None

    def wait_state(self, *states: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The channel's newest broadcast as soon as it is in one of the states."""
        return self.wait_for(f"state {states}", lambda one: one["state"] in states, seconds)

    def fetch(self, path: str) -> str:
        """A playlist from nginx."""
        answer = http.get(self.hls + path, timeout=PATIENCE)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer.text

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels, as of a second ago at most."""
        total = 0.0
        for line in http.get(f"{self.http}/metrics", timeout=PATIENCE).text.splitlines():
            sample, _, value = line.rpartition(" ")
            wanted = all(f'{key}="{text}"' in sample for key, text in labels.items())
            if sample.split("{")[0] == name and wanted:
                total += float(value)
        return total

    def metric_now(self, name: str, **labels: str) -> float:
        """The same, but of now: what is rendered is kept for a while, and nothing tells of when it is."""
        time.sleep(FRESH)
        return self.metric(name, **labels)

    def children(self, name: str) -> list[psutil.Process]:
        """Processes below the server with that name."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in family if _named(child, name)]

    def encoder(self, broadcast: str) -> psutil.Process:
        """The FFmpeg that encodes this broadcast, as soon as there is one: others have theirs here, too."""

        def find() -> psutil.Process | None:
            return next((one for one in self.children("ffmpeg") if f"/{broadcast}-" in argv(one)), None)

        return wait_for(lambda: f"an encoder of {broadcast}; {self.logged()[-4000:]}", find)

    def master(self) -> psutil.Process:
        """That of nginx, as soon as there is one: its workers have another parent."""

        def find() -> psutil.Process | None:
            return next((one for one in self.children("nginx") if _parent(one) == self.process.pid), None)

        return wait_for(lambda: f"nginx; {self.logged()[-4000:]}", find)

    def kill(self, name: str) -> None:
        """All processes below the server with that name; the first may take the others with it."""
        for process in self.children(name):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def logged(self) -> str:
        """Whole lines: the last may be under way."""
        said = self.log.read_text(errors="replace")
        return said[: said.rfind("\n") + 1]


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """Of a server with these settings, whatever is set here."""
    found = {key: value for key, value in os.environ.items() if not key.startswith("INGESTD_")}
    found["INGESTD_INGEST_MAX_LOAD"] = "0"  # a busy machine is no reason to refuse a test
    found["INGESTD_WEBRTC_ENABLED"] = "false"  # two processes more, of which few tests speak
    found["INGESTD_AUTH_FAILURES"] = "100000"  # one test's wrong keys do not count against another
    return found | {f"INGESTD_{key.upper()}": str(value) for key, value in settings.items()}


def argv(process: psutil.Process) -> str:
    """Its command line; nothing of one that has ended meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def given(process: psutil.Process) -> list[str]:
    """Its arguments and its environment; nothing of one that has ended meanwhile."""
    try:
        return [*process.cmdline(), *process.environ().values()]
    except psutil.NoSuchProcess:
        return []


def _parent(process: psutil.Process) -> int | None:
    try:
        return int(process.ppid())
    except psutil.NoSuchProcess:
        return None


def _named(process: psutil.Process, name: str) -> bool:
    try:
        return process.name() == name
    except psutil.NoSuchProcess:
        return False


def alive(process: psutil.Process) -> bool:
    """Running: not gone, and not waiting for a PID 1 that reaps nothing."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def running(
    *flags: str,
    channels: int = 1,
    data: Path | None = None,
    expect_clean: bool = True,
    program: Sequence[str] = INGESTD,
    **settings: object,
) -> Iterator[Server]:
    """Start a server, stop it with SIGTERM, and check that it leaves no process behind.

    ``settings`` are environment variables without their prefix: ``hls_window=5``. With more
    ``channels`` than one there are demo, demo1, demo2 …
    """
    # not pytest's own directory: that one is closed to nginx's unprivileged workers
    root = Path(tempfile.mkdtemp(prefix="ingestd-test-"))
    root.chmod(0o755)
    directory = data or root / "data"
    if channels > 1:
        make_channels(directory, ["demo", *(f"demo{number}" for number in range(1, channels))])
    ready, log = root / "ready.json", root / "log"
    command = [
        *program,
        "up",
        "--data-dir",
        str(directory),
        "--ready-file",
        str(ready),
    ]
    command += ["--http-port", "0", "--hls-port", "0", "--rtmp-port", "0", "--set", "log.style=json", *flags]
    with log.open("wb") as errors, (root / "printed").open("wb") as printed:
        process = subprocess.Popen(
            command, env=environment(settings), stdout=printed, stderr=errors, start_new_session=True
        )
    try:
        wait_for(f"the server ({log})", lambda: ready.exists() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        facts = json.loads(ready.read_text())
        facts.pop("pid")
        yield Server(process, directory, log, **facts)
    finally:
        family = _stop(process)
    try:
        assert not family, f"left behind: {family}"
        if expect_clean:
            assert process.returncode == 0, log.read_text()[-4000:]
            assert "Traceback" not in log.read_text(), log.read_text()[-4000:]
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _stop(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """SIGTERM, and what of its children still runs a moment after it is gone."""
    family = []
    if process.poll() is None:
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(family, timeout=5)
    for child in alive:
        child.kill()
    return alive
