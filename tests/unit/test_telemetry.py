"""Spans, where somebody collects them."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ingestd import telemetry
from ingestd.errors import StartError
from tests.unit.live import BLOCK, INIT, running
from tests.unit.test_publication import Wire
from tests.unit.test_requests import ask

ROOT = Path(__file__).parents[2]


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry.use(provider)
    yield exporter
    telemetry.use(None)
    provider.shutdown()


def test_a_span_has_its_attributes_and_those_that_are_noted(spans: InMemorySpanExporter) -> None:
    with telemetry.span("GET", {"request_id": "a"}) as note:
        note("status", 204)
    (made,) = spans.get_finished_spans()
    assert (made.name, dict(made.attributes or {})) == ("GET", {"request_id": "a", "status": 204})


def test_a_root_is_part_of_nothing(spans: InMemorySpanExporter) -> None:
    with telemetry.span("request", {}), telemetry.span("generation", {}, root=True):
        with telemetry.span("inner", {}):
            pass
    by_name = {made.name: made for made in spans.get_finished_spans()}
    inner, generation = by_name["inner"], by_name["generation"]
    assert generation.parent is None
    assert inner.parent and generation.context and inner.parent.span_id == generation.context.span_id


def test_an_exception_is_noted_and_goes_on(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError), telemetry.span("GET", {}):
        raise ValueError("no")
    (made,) = spans.get_finished_spans()
    assert not made.status.is_ok


def test_a_request_is_a_span_with_its_id_and_status(spans: InMemorySpanExporter) -> None:
    answers, _, _ = ask(("/none?token=x", {}))
    (made,) = spans.get_finished_spans()
    assert (made.name, dict(made.attributes or {})) == (
        "GET",
        {
            "request_id": answers[0].headers["X-Request-Id"],
            "url.path": "/none",
            "http.response.status_code": 404,
        },
    )


def test_a_generation_is_a_span_of_its_own(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    async def story() -> str:
        async with running(tmp_path) as registry:
            wire = await Wire(registry).plain()
            with telemetry.span("request", {}):
                wire.send(INIT + BLOCK)
                async with asyncio.timeout(20):
                    while not spans.get_finished_spans():  # noqa: ASYNC110 - an exporter sends no event
                        await asyncio.sleep(0.01)
            wire.hang_up()
            await wire.gone()
            (one,) = registry
            return one.id

    name = asyncio.run(story())
    made = spans.get_finished_spans()[0]
    assert (made.name, made.parent) == ("generation", None)
    assert made.attributes and made.attributes["reason"]
    assert (made.attributes["broadcast"], made.attributes["generation"]) == (name, 0)


def test_without_a_collector_nothing_happens() -> None:
    with telemetry.span("GET", {}) as note:
        note("status", 200)


def test_the_extra_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(StartError) as raised:
        telemetry.start("http://127.0.0.1:4318/v1/traces")
    said = str(raised.value)
    for way in ("make install EXTRAS=otel", "INGESTD_EXTRAS=otel", "pip install -e '.[otel]'"):
        assert way in said
    assert not re.search(r"install [^.]*\bingestd\b", said), "nobody has to own that name in an index"


def test_each_way_that_it_names_installs_the_extra() -> None:
    assert "\notel =\n" in (ROOT / "setup.cfg").read_text()
    for file in ("Dockerfile", ".ci/service"):
        assert "${EXTRAS:+[$EXTRAS]}" in (ROOT / file).read_text(), file
    assert 'EXTRAS: "${INGESTD_EXTRAS:-}"' in (ROOT / "compose.yaml").read_text()
    assert 'EXTRAS="${EXTRAS-}"' in (ROOT / ".ci" / "service").read_text(), "sudo empties the environment"
