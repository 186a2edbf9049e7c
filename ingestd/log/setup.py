"""Sets up logging for the process: structlog and whatever else logs go the same way to stderr."""

from __future__ import annotations

import contextvars
import logging
import math
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, Literal

import structlog

from ingestd.log.recent import Recent
from ingestd.log.redaction import redact
from ingestd.log.repeats import Repeats, key_of

Style = Literal["auto", "json", "console"]

log = structlog.get_logger("ingestd.log")

_ONE_BY_ONE = frozenset({"request", "repeated"})  # never held back: who wants them wants them all
_ABOUT = ("broadcast", "channel", "generation", "target")  # stand on the line that tells of those held back


def configure(style: str, level: str) -> Recent:
    """Set up logging of the process: ``style`` is auto, json or console, ``level`` a name of logging's.

    ``auto`` writes for people where stderr is a terminal, and JSON under systemd, in containers and
    into files. The answer holds the last lines of each broadcast.
    """
    if style == "auto":
        style = "console" if sys.stderr.isatty() else "json"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    as_json = _formatter(shared, structlog.processors.format_exc_info, structlog.processors.JSONRenderer())
    recent = Recent()
    handler = _Handler(recent, as_json, in_json=style == "json")
    handler.setFormatter(as_json if handler.in_json else _formatter(shared, _for_people()))
    handler.addFilter(_NoRepeats())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for chatty in ("uvicorn.error", "uvicorn.access", "websockets", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return recent


def _formatter(
    shared: list[structlog.typing.Processor], *last: structlog.typing.Processor
) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, _redact_line],
    )


def _for_people() -> structlog.typing.Processor:
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def _redact_line(_logger: Any, _method: str, line: Any) -> Any:
    return redact(line)  # last of all, so that no renderer can bring a secret back


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to stderr, and keeps what is said of a broadcast."""

    def __init__(self, recent: Recent, as_json: logging.Formatter, *, in_json: bool) -> None:
        super().__init__(sys.stderr)
        self.in_json = in_json
        self._recent = recent
        self._as_json = as_json

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        broadcast = record.msg.get("broadcast") if isinstance(record.msg, dict) else None
        if isinstance(broadcast, str):
            self._recent.add(broadcast, self._as_json.format(record))


class _NoRepeats(logging.Filter):
    """Applies :class:`Repeats` to our own lines and to those of libraries, whatever thread they come from."""

    def __init__(self) -> None:
        super().__init__()
        self._repeats = Repeats()
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        entry = _entry(record)
        if record.levelno <= logging.DEBUG or entry["event"] in _ONE_BY_ONE:
            return True
        now = time.monotonic()
        self.tell(now)
        with self._lock:
            return self._repeats.passes(key_of(entry), entry, now)

    def tell(self, now: float) -> None:
        """Write down what was held back in windows that have closed by then (seconds)."""
        with self._lock:
            over = self._repeats.over(now)
        for entry, count in over:
            # Nothing of whoever happens to be at work now: that is another request, or nobody.
            contextvars.Context().run(_tell, entry, count)


def _tell(entry: Mapping[str, Any], count: int) -> None:
    structlog.contextvars.bind_contextvars(
        **{name: entry[name] for name in _ABOUT if entry.get(name) is not None}
    )
    log.warning("repeated", what=entry["event"], held_back=count)


def in_json() -> bool:
    """Whether what is logged is written as JSON."""
    return any(one.in_json for one in logging.getLogger().handlers if isinstance(one, _Handler))


def tell_of_repeats(*, all_of_them: bool = False) -> None:
    """Write down what was held back; ``all_of_them``: also where more may come, for this is the end.

    To be called again and again, for a log in which nothing else happens tells of nothing by itself.
    """
    for handler in logging.getLogger().handlers:
        for one in handler.filters:
            if isinstance(one, _NoRepeats):
                one.tell(math.inf if all_of_them else time.monotonic())


def _entry(record: logging.LogRecord) -> Mapping[str, Any]:
    if isinstance(record.msg, dict):
        return record.msg
    return {"event": str(record.msg), "level": record.levelname.lower(), "logger": record.name}
