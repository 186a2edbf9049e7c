"""How long a publisher is off when the daemon was killed and started again at once.

``ingestd publish`` sends a recording in real time, by way of a proxy that counts what it hands to
the daemon. The daemon is SIGKILLed and started with the same data directory and the same ports;
the seconds count from the moment its HTTP port takes a connection until media comes again: more
bytes than a handshake has. Beside it the same publisher after its connection alone was cut for as
long, from the moment the proxy takes connections again: what of it is the publisher's own waiting.

Also from SIGKILL to the ready file, beside a start from spawn with no broadcast to take up.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from signal import SIGKILL
from statistics import median

from tests.bench.processes import spawned
from tests.bench.table import Row
from tests.chaos.stage import LOOPBACK, Stage
from tests.support.proxy import Proxy
from tests.support.publisher import RECORDINGS
from tests.support.server import PATIENCE, wait_for

_RECORDING = RECORDINGS / "vp8-opus_ts250_kf2000.webm"
_TIMES, _QUICK_TIMES = 7, 2
_MEDIA = 4000  # bytes: more than handshakes have, less than the first piece of media
_ON_AIR = 2.0  # seconds in the playlist, then it is killed
_TARGET = 1.5  # seconds
_LOOK = 0.005  # seconds between two looks
_SETTINGS: dict[str, object] = {"encoder_preset": "veryfast", "hls_window": 60}


@dataclass(frozen=True, slots=True)
class Death:
    """Seconds: from SIGKILL until the port took a connection and until the ready file was there, and
    from the port until media came again."""

    port: float
    ready: float
    sending: float


def run(quick: bool = False) -> list[Row]:
    times = _QUICK_TIMES if quick else _TIMES
    deaths, cuts = [], []
    with Stage(_SETTINGS, channels=2 * times) as stage:
        for _ in range(times):
            deaths.append(death(stage))
            cuts.append(cut(stage, deaths[-1].port))
        starts = [_start(stage) for _ in range(times)]
    assert not stage.trouble, stage.trouble
    return [_sending(deaths, cuts), _ready(deaths, starts)]


def _sending(deaths: list[Death], cuts: list[float]) -> Row:
    found = [one.sending for one in deaths]
    return Row(
        f"daemon killed, its port open to the publisher's media (worst of {len(found)}: {max(found):.2f} s)",
        median(found),
        "s",
        f"after a connection cut for as long: {median(cuts):.2f}",
        median(found) / median(cuts),
        f"≤ {_TARGET:g} s",
        median(found) <= _TARGET,
    )


def _ready(deaths: list[Death], starts: list[float]) -> Row:
    found, port = median(one.ready for one in deaths), median(one.port for one in deaths)
    return Row(
        f"daemon killed, SIGKILL to ready file (its port: {port:.2f} s)",
        found,
        "s",
        f"a start without broadcasts: {median(starts):.2f}",
        found / median(starts),
    )


def death(stage: Stage) -> Death:
    """One broadcast, in the midst of which the daemon is killed."""
    with Proxy(stage.port) as proxy, _publishing(stage, proxy):
        assert stage.process
        stage.process.send_signal(SIGKILL)
        killed = time.monotonic()
        stage.process.wait()
        stage.start()
        port = _moment("its port", lambda: _listening(stage))
        before = proxy.upward
        # in this order: media may come before the ready file is there, and after it
        seen = _moments(
            {
                "media": lambda: proxy.upward - before > _MEDIA,
                "the ready file": (stage.root / "ready.json").exists,
            }
        )
    return Death(port - killed, seen["the ready file"] - killed, seen["media"] - port)


def cut(stage: Stage, seconds: float) -> float:
    """One broadcast, whose connection alone is cut for so long; seconds until media comes again."""
    with Proxy(stage.port) as proxy, _publishing(stage, proxy):
        proxy.cut()
        time.sleep(seconds)
        before = proxy.upward
        proxy.restore()
        restored = time.monotonic()
        return _moment("media", lambda: proxy.upward - before > _MEDIA) - restored


@contextmanager
def _publishing(stage: Stage, proxy: Proxy) -> Iterator[None]:
    """A broadcast that is on the air; at the end the whole recording has to stand in the playlist."""
    channel = stage.channel()
    command = [sys.executable, "-m", "ingestd", "publish", str(_RECORDING), "--server", proxy.url, "--quiet"]
    environment = os.environ | stage.secrets(channel)
    with spawned(command, stdout=subprocess.DEVNULL, env=environment) as publisher:

        def on_air() -> bool:
            found = stage.look(channel)
            return bool(found and found["state"] == "live" and _listed(stage, channel, found["id"]))

        wait_for("a broadcast on the air", on_air)
        yield
        assert publisher.wait(PATIENCE) == 0, f"ingestd publish: exit code {publisher.returncode}"


def _listed(stage: Stage, channel: str, broadcast: str) -> bool:
    """Whether the first seconds of a broadcast can be watched in every rendition."""
    there = (stage.data / "hls" / "public" / channel / broadcast).glob("*.m3u8")
    texts = [path.read_text() for path in there if path.name != "index.m3u8"]
    return bool(texts) and all(text.count("#EXTINF") >= _ON_AIR for text in texts)


def _start(stage: Stage) -> float:
    """Seconds from spawn to ready file, after a proper end with nothing on the air."""
    assert stage.process
    stage.process.terminate()
    assert stage.process.wait(PATIENCE) == 0
    began = time.monotonic()
    stage.start()
    return _moment("the ready file", (stage.root / "ready.json").exists) - began


def _listening(stage: Stage) -> bool:
    with suppress(OSError):
        socket.create_connection((LOOPBACK, stage.port), 1.0).close()
        return True
    return False


def _moment(what: str, probe: Callable[[], bool]) -> float:
    """When something came true (monotonic clock)."""
    return _moments({what: probe})[what]


def _moments(probes: dict[str, Callable[[], bool]]) -> dict[str, float]:
    """When each of several came true (monotonic clock)."""
    seen: dict[str, float] = {}
    deadline = time.monotonic() + PATIENCE
    while missing := probes.keys() - seen.keys():
        seen |= {what: time.monotonic() for what in missing if probes[what]()}
        assert time.monotonic() < deadline, f"waited {PATIENCE:g} s in vain for {', '.join(missing)}"
        time.sleep(_LOOK)
    return seen
