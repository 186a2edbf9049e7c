"""What it costs to be scraped: ``/metrics`` with 200 channels that viewers ask for, by several Prometheuses.

CPU of the daemon while it is asked 100 times a second by four clients, beside once a second by one; and how
long somebody else waits for an answer meanwhile, for whatever is rendered holds up the one event loop.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from tests.bench.processes import cpu
from tests.bench.table import Row
from tests.support import http
from tests.support.server import PATIENCE, Server, running, wait_for

CHANNELS = 200
RATE, CLIENTS = 100, 4  # of all of them together
SECONDS, _QUICK_SECONDS = 20.0, 6.0
_ASKED = 50  # requests of somebody else meanwhile
_TARGET = 15.0  # percent of a core


def run(quick: bool = False) -> list[Row]:
    seconds = _QUICK_SECONDS if quick else SECONDS
    with running(channels=CHANNELS) as server:
        _ask_for_every_channel(server)
        size = len(http.get(f"{server.http}/metrics", headers={"Accept-Encoding": "identity"}).content)
        alone = _used(server, seconds, rate=1, clients=1)[0]
        often, waited = _used(server, seconds, RATE, CLIENTS)
    what = f"/metrics of {CHANNELS} channels ({size / 1000:.0f} kB), asked {RATE} times a second"
    words = f"once a second: {alone:.1f}"
    return [
        Row(what, often, "% of a core", words, often / alone, f"≤ {_TARGET:g} %", often <= _TARGET),
        Row(
            f"{what}: GET /healthz of somebody else (longest {max(waited):.0f} ms)",
            statistics.median(waited),
            "ms (median)",
        ),
    ]


def _ask_for_every_channel(server: Server) -> None:
    """So that each has its series."""
    names = ["demo", *(f"demo{number}" for number in range(1, CHANNELS))]
    with http.Client(base_url=server.hls, timeout=PATIENCE) as viewer:
        for name in names:
            viewer.get(f"/hls/{name}/index.m3u8")

    def counted() -> bool:
        return http.get(f"{server.http}/metrics").text.count("ingestd_viewers{") >= CHANNELS

    wait_for("every channel", counted)


def _used(server: Server, seconds: float, rate: int, clients: int) -> tuple[float, list[float]]:
    """Percent of a core, and milliseconds that each of somebody else's requests took."""
    pid = server.process.pid
    with _scraped(server, rate, clients), http.Client(timeout=PATIENCE) as other:
        before, began, waited = cpu(pid), time.monotonic(), []
        while (past := time.monotonic() - began) < seconds:
            asked = time.monotonic()
            other.get(f"{server.http}/healthz").raise_for_status()
            waited.append((time.monotonic() - asked) * 1000)
            time.sleep(seconds / _ASKED)
        return (cpu(pid) - before) / past * 100, waited


@contextmanager
def _scraped(server: Server, rate: int, clients: int) -> Iterator[None]:
    """At an even pace, by clients that take gzip as Prometheus does; they are on time, or it is no test."""
    over, began = Event(), time.monotonic()

    def ask() -> int:
        asked = 0
        with http.Client(timeout=PATIENCE, headers={"Accept-Encoding": "gzip"}) as client:
            while not over.wait(max(0.0, began + asked * clients / rate - time.monotonic())):
                client.get(f"{server.http}/metrics").raise_for_status()
                asked += 1
        return asked

    with ThreadPoolExecutor(clients) as pool:
        rounds = [pool.submit(ask) for _ in range(clients)]
        try:
            yield
        finally:
            over.set()
    made = sum(one.result() for one in rounds) / (time.monotonic() - began)
    assert made > 0.8 * rate, f"{made:.0f} answers a second, where {rate} were asked for"
