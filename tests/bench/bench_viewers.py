"""What it costs to count viewers: real datagrams, as nginx sends them, at 5,000 requests a second.

CPU-seconds of a process with our event loop and listener, for 1,000 lines; the baseline is one that
takes each datagram as it comes, by asyncio's own means, and does nothing with it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from typing import Any

import uvloop

from ingestd.monitor.viewer_log import ViewerLog, listen, new_tag
from ingestd.monitor.viewers import Viewers
from tests.bench.processes import cpu, spawned
from tests.bench.table import Row

RATE = 5000  # requests a second
SESSIONS = 2500  # each asks twice a second
SECONDS, _QUICK_SECONDS = 10.0, 3.0
_HOST = "127.0.0.1"
_TARGET = 10.0  # percent of a core
_UNIT = "CPU-ms/1000 lines"
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"


def run(quick: bool = False) -> list[Row]:
    seconds = _QUICK_SECONDS if quick else SECONDS
    ours, bare = measure("viewers", seconds), measure("bare", seconds)
    what, words = f"viewers, {RATE} requests a second", f"a datagram at a time, nothing done: {bare:.1f}"
    percent = ours / 1000 * RATE / 1000 * 100
    return [
        Row(what, ours, _UNIT, words, ours / bare),
        Row(what, percent, "% of a core", "", None, f"< {_TARGET:g} %", percent < _TARGET),
    ]


def measure(kind: str, seconds: float) -> float:
    """CPU-milliseconds for a thousand lines; every line has to have been read."""
    with spawned([sys.executable, "-m", "tests.bench.bench_viewers", kind]) as process:
        assert process.stdout and process.stdin
        port, tag = process.stdout.readline().split()
        before = cpu(process.pid)
        sent = _send(int(port), tag, seconds)
        used = cpu(process.pid) - before
        process.stdin.close()
        received = int(process.stdout.readline())
    assert received == sent, f"{sent - received} of {sent} lines were lost"
    return used / sent * 1_000_000


def _send(port: int, tag: str, seconds: float) -> int:
    """At an even pace, as a busy nginx would; how many lines."""
    began, sent = time.monotonic(), 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nginx:
        nginx.connect((_HOST, port))
        while (past := time.monotonic() - began) < seconds:
            while sent < past * RATE:
                who = sent % SESSIONS
                said = f"demo 200 312000 m 192.0.{who // 250}.{who % 250} {_AGENT}"
                nginx.send(f"<190>Nov 21 15:45:27 {tag}: {said}".encode())
                sent += 1
            time.sleep(1 / RATE)
        time.sleep(0.1)  # for what is still to be read
    return sent


# The processes that are measured


async def _viewers() -> None:
    log = ViewerLog(
        listen(f"{_HOST}:0"), new_tag(), Viewers(10.0, lambda _: True, os.urandom, time.monotonic())
    )
    log.start([])
    print(log.address.rpartition(":")[2], log.tag, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    found = log.viewers.traffic()["demo"]
    print(sum(found.requests.values()) if found.viewers == SESSIONS else found.viewers, flush=True)
    await log.close()


class _Bare(asyncio.DatagramProtocol):
    received = 0

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received += 1


async def _bare() -> None:
    with listen(f"{_HOST}:0") as bound:
        bound.setblocking(False)
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(_Bare, sock=bound)
        print(bound.getsockname()[1], new_tag(), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        transport.close()
        print(protocol.received, flush=True)


if __name__ == "__main__":
    uvloop.run({"viewers": _viewers, "bare": _bare}[sys.argv[1]]())
