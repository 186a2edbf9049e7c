"""What it costs to keep pages open: 10,000 event streams of ``/api/v1/events``, first with nothing to tell,
then with one broadcast live, of which each segment is a change.

They come from 100 addresses of loopback, since one may have 100, and go to ingestd itself; every event is
read. Memory and CPU are those of the one process, beside the same broadcast without any stream; a request of
somebody else says whether the others leave it its turn.
"""

from __future__ import annotations

import resource
import select
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from urllib.parse import urlsplit

from tests.bench.processes import cpu, resident
from tests.bench.table import Row
from tests.support import http
from tests.support.publisher import RECORDINGS
from tests.support.server import INGESTD, Server, environment, running
from tests.system.conftest import SMALL

STREAMS, _QUICK_STREAMS = 10_000, 1000
CLIP = RECORDINGS / "vp8-opus_ts250_kf2000.webm"
_EACH = 100  # for one address
_SETTLE = 5.0  # seconds before it is measured
_WATCHED = 20.0  # seconds for which it is
_ASK = 0.05  # seconds between two requests of somebody else
_PATIENCE = 60.0  # seconds
_TARGET = 100.0  # kB
_REQUEST = b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
_EVENT = b"event: broadcast\r\n"


def run(quick: bool = False) -> list[Row]:
    count = _QUICK_STREAMS if quick else STREAMS
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with running(**SMALL) as server:
        time.sleep(_SETTLE)
        before = resident(server.process.pid)
        with _Streams(server, count) as streams:
            time.sleep(_SETTLE)
            each = (resident(server.process.pid) - before) * 1000 / count
            idle, _, _ = _watch(server)
            with _live(server):
                told, began = streams.events, time.monotonic()
                busy, median, worst = _watch(server)
                rate = (streams.events - told) / (time.monotonic() - began) / count
            assert streams.lost == 0, f"{streams.lost} streams were closed"
        with _live(server):
            alone, median_alone, worst_alone = _watch(server)
    what = f"{count} event streams"
    live, asked = f"{what}, one broadcast live", "GET /healthz of somebody else"
    return [
        Row(f"{what}, memory of each", each, "kB", "", None, f"≤ {_TARGET:g} kB", each <= _TARGET),
        Row(f"{what}, nothing live, CPU", idle, "% of a core"),
        Row(f"{live}, CPU", busy, "% of a core", f"that broadcast, no stream: {alone:.1f}", busy / alone),
        Row(f"{live}, events told to each", rate, "a second"),
        Row(f"{live}, {asked}", median, "ms (median)", f"no stream: {median_alone:.1f}"),
        Row(f"{live}, {asked}", worst, "ms (worst)", f"no stream: {worst_alone:.1f}"),
    ]


class _Streams:
    """So many, open, and a thread that reads them all. ``events``: told so far; ``lost``: closed by the
    server."""

    def __init__(self, server: Server, count: int) -> None:
        self.events = self.lost = 0
        self._ready = select.epoll()
        self._over = Event()
        self._sockets: dict[int, socket.socket] = {}
        port = urlsplit(server.http).port or 0
        for number in range(count):
            made = _open(port, f"127.0.1.{1 + number // _EACH}")
            self._sockets[made.fileno()] = made
            self._ready.register(made.fileno(), select.EPOLLIN)
        self._thread = Thread(target=self._read)

    def __enter__(self) -> _Streams:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        for one in self._sockets.values():
            one.close()
        self._ready.close()

    def _read(self) -> None:
        while not self._over.is_set():
            for number, _ in self._ready.poll(0.1):
                text = self._sockets[number].recv(65536)
                self.events += text.count(_EVENT)
                if not text:
                    self.lost += 1
                    self._ready.unregister(number)


def _open(port: int, source: str) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), _PATIENCE, (source, 0))
    made.sendall(_REQUEST)
    status = made.recv(65536).split()[1]
    assert status == b"200", status
    return made


@contextmanager
def _live(server: Server) -> Iterator[None]:
    """Somebody goes live, and ends."""
    command = [*INGESTD, "publish", str(CLIP), "--loop", "--server", server.http]
    secrets = {"INGESTD_STREAM_KEY": server.stream_key, "INGESTD_TOKEN": server.token}
    publisher = subprocess.Popen(command, env=environment({}) | secrets, stderr=subprocess.DEVNULL)
    try:
        server.wait_state("live", seconds=_PATIENCE)
        time.sleep(_SETTLE)
        yield
    finally:
        publisher.terminate()
        publisher.wait(_PATIENCE)
        server.wait_state("ended", seconds=_PATIENCE)


def _watch(server: Server) -> tuple[float, float, float]:
    """Percent of a core; and milliseconds until somebody else has an answer, median and worst."""
    took, used, began = [], cpu(server.process.pid), time.monotonic()
    with http.Client(timeout=_PATIENCE) as client:
        while (now := time.monotonic()) - began < _WATCHED:
            client.get(f"{server.http}/healthz").raise_for_status()
            took.append((time.monotonic() - now) * 1000)
            time.sleep(_ASK)
    percent = (cpu(server.process.pid) - used) / (time.monotonic() - began) * 100
    return percent, statistics.median(took), max(took)
