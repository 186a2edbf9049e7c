"""What it costs to carry bytes from publishers' sockets to encoders' pipes.

200 publishers of 2.5 Mb/s, each with an encoder that throws everything away, so that what is left
is the daemon: WebSocket, splitter, replay buffer, feed, supervision. Beside it, under the same
load, relays that do none of the last four: Node with ``ws``; the same with a mask of zeros, which
``ws`` looks for and no browser sends (its optional native addon would unmask nearly as cheaply);
and, as the least that Python can do, ``websockets``. CPU-seconds (user and system) of the one
process, without its children, for each GB (10^9 bytes) that its sinks read in the same time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import psutil

from tests.bench.processes import ROOT, cpu, spawned
from tests.bench.relay_load import Plan
from tests.bench.table import Row
from tests.support.accounts import key_of, token_for
from tests.support.server import running, wait_for

PUBLISHERS = 200
RAMP = 9.97  # seconds until every encoder runs; not a multiple of a message's period: no bursts
WARM = 8.0  # seconds until every replay buffer is full
WINDOW = 15.0  # seconds that are measured
QUICK_WINDOW = 6.0
TAIL = 1.0  # seconds that the load goes on after the window
ROUNDS = 2  # of all relays in turn: what else runs on the machine then falls on each of them
_PATIENCE = 30.0  # seconds until what was sent last has come through

_UNIT = "CPU-s/GB"
_TARGET = 3.3
_TARGET_TO_NODE = 1.0
# Its private playlists are there, as nginx-rtmp's would be: to look for one that is not costs more.
_SINK = """#!/bin/sh
private=
for target; do
  case $target in rtmp://*) private="$private ../hls/private/${target##*/}"; esac
done
mkdir -p $private
for directory in $private; do : >"$directory/index.m3u8"; done
exec cat >/dev/null
"""
_NPM = ("npm", "ci", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error")


@dataclass(frozen=True, slots=True)
class Relay:
    """A relay that runs: its process, a path for each publisher, and the bytes that it says it took."""

    pid: int
    port: int
    paths: list[str]
    received: Callable[[], float] | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """CPU-seconds of the relay, and bytes that its sinks have read."""

    cpu: float
    bytes: int


def run(quick: bool = False) -> list[Row]:
    window = QUICK_WINDOW if quick else WINDOW
    kinds: dict[str, Callable[[], float]] = {
        "ingestd": lambda: measure(ingestd, window),
        "node": lambda: measure(node, window),
        "spared": lambda: measure(node, window, masked=False),
        "floor": lambda: measure(websockets, window),
    }
    rounds = [{name: relay() for name, relay in kinds.items()} for _ in range(1 if quick else ROUNDS)]
    ours, of_node, spared, floor = (median(one[name] for one in rounds) for name in kinds)
    what, bare = f"relay, {PUBLISHERS} publishers of 2.5 Mb/s", "(relay alone)"
    return [
        Row(what, ours, _UNIT, target=f"≤ {_TARGET}", reached=ours <= _TARGET),
        _compared(what, ours, f"Node with ws {bare}", of_node, _TARGET_TO_NODE),
        _compared(what, ours, f"Node with ws {bare}, spared the unmasking", spared),
        _compared(what, ours, f"websockets with uvloop {bare}", floor),
    ]


def _compared(what: str, figure: float, name: str, baseline: float, target: float | None = None) -> Row:
    ratio, words = figure / baseline, f"{name}: {baseline:.2f}"
    if target is None:
        return Row(what, figure, _UNIT, words, ratio)
    return Row(what, figure, _UNIT, words, ratio, f"ratio ≤ {target}", ratio <= target)


def measure(start: Callable[[], AbstractContextManager[Relay]], window: float, masked: bool = True) -> float:
    """CPU-seconds a GB of one relay, started for this alone."""
    seconds = RAMP + WARM + window + TAIL
    with start() as relay, spawned([sys.executable, "-m", "tests.bench.relay_load"]) as load:
        _write(load, json.dumps(asdict(Plan(relay.port, relay.paths, seconds, RAMP, masked))))
        assert _read(load)["connected"] == PUBLISHERS
        time.sleep(RAMP + WARM)
        sinks = [child for child in _children(relay.pid) if child.name() == "cat"]
        assert len(sinks) == PUBLISHERS, f"only {len(sinks)} sinks run: the machine is too busy"
        before = _look(relay.pid, sinks)
        time.sleep(window)
        after = _look(relay.pid, sinks)
        _check(_read(load), relay, sinks)
        _write(load, "close")
        assert _read(load)["closed"] == PUBLISHERS, "publishers were not let go"
    return (after.cpu - before.cpu) / (after.bytes - before.bytes) * 1e9


def _children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def _look(pid: int, sinks: list[psutil.Process]) -> Look:
    return Look(cpu(pid), sum(sink.io_counters().read_chars for sink in sinks))


def _check(load: dict[str, float], relay: Relay, sinks: list[psutil.Process]) -> None:
    """Every byte came in and went out, in time: a relay that is overloaded is not measured."""
    sent = load["sent"]
    assert load["alive"] == PUBLISHERS, f"{PUBLISHERS - load['alive']} publishers were dropped"
    assert load["latest"] < 1, f"the load was late by {load['latest']:.1f} s: the machine is too busy"
    if relay.received:
        told = relay.received
        wait_for(f"{sent} bytes received", lambda: told() >= sent, _PATIENCE)
        assert told() == sent, "more was received than sent"
    # what is not whole yet stays in the splitter: at most a keyframe of each publisher
    least = sent - PUBLISHERS * 100_000
    wait_for(f"{least} bytes in the sinks", lambda: _look(relay.pid, sinks).bytes >= least, _PATIENCE)


def _write(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _read(process: subprocess.Popen[str]) -> dict[str, float]:
    assert process.stdout
    line = process.stdout.readline()
    assert line, "the load ended early; its reason stands above"
    found: dict[str, float] = json.loads(line)
    return found


# The relays


@contextmanager
def ingestd() -> Iterator[Relay]:
    """The daemon, with a sink for an encoder: nothing ever reaches a playlist."""
    with TemporaryDirectory(prefix="ingestd-bench-") as directory:
        sink = Path(directory) / "sink"
        sink.write_text(_SINK)
        sink.chmod(0o755)
        Path(directory).chmod(0o755)
        with running(
            channels=PUBLISHERS,
            encoder_ffmpeg=sink,
            encoder_stall_timeout=3600,
            ingest_idle_timeout=60,  # all connect at once, and begin one after the other
            ingest_replay_buffer=2,
            ingest_max_broadcasts=PUBLISHERS + 50,
            hls_poster_every=0,
            hls_poll=5,  # nothing ever comes to a playlist here; looking for it is no part of this path
            data_min_free=0,
        ) as server:
            paths = _paths(server.data)
            port = int(server.http.rpartition(":")[2])
            yield Relay(
                server.process.pid, port, paths, lambda: server.metric("ingestd_received_bytes_total")
            )


def _paths(data: Path) -> list[str]:
    channels = ["demo", *(f"demo{number}" for number in range(1, PUBLISHERS))]
    return [
        "/ws?" + urlencode({"streamKey": key_of(data, channel), "token": token_for(data, channel)})
        for channel in channels
    ]


@contextmanager
def node() -> Iterator[Relay]:
    """Node with the ``ws`` package, installed here at the first use."""
    bench = ROOT / "tests" / "bench"
    if not (bench / "node_modules" / "ws").exists():
        subprocess.run(_NPM, cwd=bench, check=True, stdout=subprocess.DEVNULL)
    with _bare("node", "tests/bench/relay.mjs") as relay:
        yield relay


@contextmanager
def websockets() -> Iterator[Relay]:
    """The least that Python can do."""
    with _bare(sys.executable, "-m", "tests.bench.relay_websockets") as relay:
        yield relay


@contextmanager
def _bare(*argv: str) -> Iterator[Relay]:
    """A relay that prints its port and asks for no key."""
    with spawned(argv) as process:
        assert process.stdout
        yield Relay(process.pid, int(process.stdout.readline()), ["/"] * PUBLISHERS)
