"""A Prometheus that asks a hundred times a second takes nothing from a broadcast, little of the server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import httpx

from ingestd.monitor.host import FRESH
from tests.support import http
from tests.support.resumable import Resumable
from tests.support.server import PATIENCE, Server, running
from tests.system.numbered import NUMBERED, check_whole, recording

RATE = 100  # a second, of all together
AT_ONCE = 5
LEAST = 5  # answers that a busy machine gives meanwhile: fewer say that nothing was tried


@dataclass
class Scrapes:
    """``renderings``: answers that differ. Those of a live broadcast do: its playlist is older each time."""

    answers: int = 0
    failures: int = 0
    renderings: set[str] = field(default_factory=set)
    seconds: float = 0.0


@contextmanager
def scraped(server: Server) -> Iterator[Scrapes]:
    """By several that begin their rounds at an even pace, and are late when the server is."""
    counted, over, began = Scrapes(), Event(), time.monotonic()

    def ask() -> list[httpx.Response]:
        answers: list[httpx.Response] = []
        with http.Client(timeout=PATIENCE) as client:
            while not over.wait(max(0.0, began + len(answers) * AT_ONCE / RATE - time.monotonic())):
                answers.append(client.get(f"{server.http}/metrics"))
        return answers

    with ThreadPoolExecutor(AT_ONCE) as pool:
        rounds = [pool.submit(ask) for _ in range(AT_ONCE)]
        try:
            yield counted
        finally:
            over.set()
    counted.seconds = time.monotonic() - began
    for answer in (answer for one in rounds for answer in one.result()):
        whole = answer.status_code == 200 and "ingestd_commit_lag_seconds" in answer.text
        counted.answers += whole
        counted.failures += not whole
        counted.renderings.add(answer.text)


def test_a_hundred_scrapes_a_second_cost_no_frame_and_are_rendered_once_a_second() -> None:
    source = recording()
    data = source.path.read_bytes()
    # a machine that is busy with other things is no reason to start an encoder again
    patient: dict[str, Any] = {"encoder_stall_timeout": PATIENCE, "encoder_slow_timeout": PATIENCE}
    with running(**NUMBERED, **patient) as server, scraped(server) as counted:
        publisher = Resumable.start(server)
        publisher.send(data)
        publisher.finish()
        check_whole(server, publisher.broadcast, 0, source.frames)
        assert server.newest()["encoder"]["restarts"] == 0  # type: ignore[index]
    assert counted.failures == 0 and counted.answers >= LEAST
    assert len(counted.renderings) <= counted.seconds / FRESH + 2
