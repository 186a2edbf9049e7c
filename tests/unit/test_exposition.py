"""What /metrics answers, from a clock that is told the time."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import generate_latest
from starlette.applications import Starlette
from starlette.routing import Route

from ingestd.metrics.exposition import Exposition
from ingestd.monitor.host import FRESH
from ingestd.web.site import Site


class Rendered:
    """Counts what is rendered, and has a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return b"metric %d\n" % self.times


@pytest.fixture
def rendered() -> Rendered:
    return Rendered()


@pytest.fixture
def exposition(rendered: Rendered) -> Exposition:
    return Exposition(rendered, lambda: rendered.now)


def test_it_is_rendered_once_in_a_second_whoever_asks(rendered: Rendered, exposition: Exposition) -> None:
    for _ in range(300):
        assert exposition.get() == b"metric %d\n" % (1 + int(rendered.now))
        rendered.now += FRESH / 100
    assert rendered.times == 3


def test_what_is_packed_is_never_older_than_what_is_not(rendered: Rendered, exposition: Exposition) -> None:
    exposition.get()
    rendered.now += 0.9 * FRESH
    assert gzip.decompress(exposition.get(packed=True)) == b"metric 1\n"
    rendered.now += 0.2 * FRESH
    assert gzip.decompress(exposition.get(packed=True)) == exposition.get() == b"metric 2\n"
    assert rendered.times == 2


def test_what_is_no_longer_fresh_is_let_go(rendered: Rendered, exposition: Exposition) -> None:
    for _ in range(50):
        exposition.get(packed=True)
        rendered.now += FRESH
    assert len(exposition._fresh._read) <= 3


# By HTTP


def answers(count: int, encoding: str, exposition: Exposition) -> list[httpx.Response]:
    """To so many that ask at once."""
    nothing = cast(Any, None)
    site = Site(nothing, nothing, nothing, exposition, Path(), 0, ())
    app = Starlette(routes=[Route("/metrics", site.scrape)])

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ingestd") as client:
            asked = [client.get("/metrics", headers={"Accept-Encoding": encoding}) for _ in range(count)]
            return await asyncio.gather(*asked)

    return asyncio.run(ask())


@pytest.mark.parametrize("encoding", ["gzip", "identity", "deflate, gzip;q=0.5", ""])
def test_many_that_ask_at_once_get_the_same(
    encoding: str, rendered: Rendered, exposition: Exposition
) -> None:
    found = answers(100, encoding, exposition)
    assert {one.text for one in found} == {"metric 1\n"}
    assert rendered.times == 1
    for one in found:
        assert one.headers["content-type"].startswith("text/plain")
        assert one.headers["vary"] == "Accept-Encoding"
        assert one.headers.get("content-encoding") == ("gzip" if "gzip" in encoding else None)


def test_it_is_what_prometheus_takes() -> None:
    registry = CollectorRegistry()
    Gauge("ingestd_test", "A test.", registry=registry).set(1)
    (found,) = answers(1, "gzip", Exposition(lambda: generate_latest(registry)))
    assert "# TYPE ingestd_test gauge\ningestd_test 1.0\n" in found.text
