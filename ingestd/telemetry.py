"""OpenTelemetry traces, where somebody collects them: a span for each request and each generation.

Off, and nothing is imported, until :func:`start` is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ingestd.errors import StartError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

Value = str | int | float | bool
Note = Callable[[str, Value], None]

_EXPORT_SECONDS = 5.0  # for one delivery to the collector

_tracer: Tracer | None = None


def start(endpoint: str) -> None:
    """Send spans to ``endpoint`` from now on, in a thread of its own; raises :class:`StartError`."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise StartError(
            "telemetry.otlp_endpoint needs OpenTelemetry, which is not installed. Under systemd: make install"
            " EXTRAS=otel; with Compose: INGESTD_EXTRAS=otel in .env, then docker compose up --build; in a"
            " checkout: .venv/bin/pip install -e '.[otel]'."
        ) from None
    provider = TracerProvider(resource=Resource.create({"service.name": "ingestd"}))
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    use(provider)


def use(provider: TracerProvider | None) -> None:
    """Make spans by this provider; None: make none."""
    global _tracer
    _tracer = provider.get_tracer("ingestd") if provider else None


@contextmanager
def span(name: str, attributes: Mapping[str, Value], *, root: bool = False) -> Iterator[Note]:
    """A span around what is done here; what it yields adds an attribute.

    ``root``: it is part of nothing, whoever has begun it. An exception is noted and goes on.
    """
    if _tracer is None:
        yield _nowhere
        return
    from opentelemetry.context import Context

    parent = Context() if root else None
    with _tracer.start_as_current_span(name, context=parent, attributes=attributes) as made:
        yield made.set_attribute


def _nowhere(_name: str, _value: Value) -> None:
    return None
