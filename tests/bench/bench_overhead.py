"""What ingestd costs beside its encoder: one 720p30 broadcast in real time, with the default ladder.

CPU-seconds of the daemon process, from the connect until the encoder is gone, to those of its
children that ended in that time: the encoder, and FFmpeg for the posters.
"""

from __future__ import annotations

import psutil

from tests.bench.clip import clip, paced
from tests.bench.processes import cpu, cpu_of_children
from tests.bench.table import Row
from tests.support.publisher import STOP, dial, send
from tests.support.server import Server, running, wait_for

_SECONDS, _QUICK_SECONDS = 20, 8
_TARGET = 3.0  # percent


def run(quick: bool = False) -> list[Row]:
    messages = paced(clip(_QUICK_SECONDS if quick else _SECONDS).read_bytes())
    with running() as server:
        ours, children = broadcast(server, messages)
    percent = 100 * ours / children
    baseline = f"its FFmpeg: {children:.1f} CPU-s (ingestd {ours:.2f})"
    what = "overhead, one 720p30 broadcast in real time"
    return [Row(what, percent, "%", baseline, ours / children, f"≤ {_TARGET} %", percent <= _TARGET)]


def broadcast(server: Server, messages: list[tuple[float, bytes]]) -> tuple[float, float]:
    """CPU-seconds of the daemon and of its children for one broadcast, all of it."""
    pid = server.process.pid
    before, children = cpu(pid), cpu_of_children(pid)
    with dial(server) as connection:
        send(connection, messages)
        encoders = wait_for("an encoder", lambda: server.children("ffmpeg"))
        connection.close(STOP)
    wait_for("the encoder's end", lambda: not any(map(psutil.Process.is_running, encoders)))
    ended = server.wait_state("ended")
    assert ended["encoder"]["restarts"] == 0, ended
    return cpu(pid) - before, cpu_of_children(pid) - children
