"""Memory of the daemon: idle, and what each broadcast of 2.5 Mb/s adds.

With real FFmpeg, so that segments are committed and the replay buffer holds what it holds in life;
the ladder is tiny, so that the machine keeps up. Resident set of the one process, without children.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread

from tests.bench.clip import clip, paced
from tests.bench.processes import resident
from tests.bench.table import Row
from tests.support.publisher import STOP, dial
from tests.support.server import Server, running

_BROADCASTS = 4
_SETTLE = 15.0  # seconds on air before it is measured
_QUICK_SETTLE = 6.0
_IDLE = 2.0  # seconds after the start
_SAMPLES = 5  # of which the mean is taken, a second apart
_TARGET_IDLE = 90.0  # MB
_TARGET_EACH = 5.0  # MB


def run(quick: bool = False) -> list[Row]:
    settle = _QUICK_SETTLE if quick else _SETTLE
    messages = paced(clip(8 if quick else 20).read_bytes())
    with running(
        channels=_BROADCASTS,
        encoder_ladder="[{height=90, bitrate=50}]",
        encoder_preset="ultrafast",
    ) as server:
        time.sleep(_IDLE)
        idle = _mean(server)
        with ExitStack() as stack:
            stack.enter_context(on_air(server, messages))
            time.sleep(settle)
            one = _mean(server)
            for number in range(1, _BROADCASTS):
                stack.enter_context(on_air(server.on(f"demo{number}"), messages))
            time.sleep(settle)
            each = (_mean(server) - one) / (_BROADCASTS - 1)
    return [
        Row("memory, idle", idle, "MB", "", None, f"≤ {_TARGET_IDLE:g} MB", idle <= _TARGET_IDLE),
        Row(
            "memory, each further broadcast of 2.5 Mb/s",
            each,
            "MB",
            f"the first one: {one - idle:.1f}",
            None,
            f"≤ {_TARGET_EACH:g} MB",
            each <= _TARGET_EACH,
        ),
    ]


def _mean(server: Server) -> float:
    """The replay buffer grows and shrinks with each unit."""
    found = []
    for _ in range(_SAMPLES):
        found.append(resident(server.process.pid))
        time.sleep(1)
    return sum(found) / len(found)


@contextmanager
def on_air(server: Server, messages: list[tuple[float, bytes]]) -> Iterator[None]:
    """A broadcast in real time; the clip comes again and again, as successive recordings."""
    enough = Event()
    with dial(server) as connection:

        def publish() -> None:
            began = time.monotonic()
            while True:
                for due, data in messages:
                    if enough.wait(max(0.0, began + due - time.monotonic())):
                        return
                    connection.send(data)
                began += messages[-1][0]

        thread = Thread(target=publish, daemon=True)
        thread.start()
        try:
            yield
        finally:
            enough.set()
            thread.join()
            connection.close(STOP)
