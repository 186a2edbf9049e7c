"""Structured logs: one line an event, JSON or for a console, and no secret in any of them."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog

# What a secret looks like in foreign text (nginx's error lines quote whole requests).
_VALUE = re.compile(
    r"(?i)(streamkey|stream_key|token|secret)((?:=|%3D|[\"']?\s*:\s*)[\"']?)[^&\s\"'#,}%]+(?:%(?!26)[^&\s\"'#,}%]*)*"
)
_BEARER = re.compile(r"(?i)\bbearer[ .][\w.~+/=-]+")
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")


def redact(text: str) -> str:
    """Take stream keys, tokens and anything that looks like a JWT out of a text."""
    text = _VALUE.sub(lambda match: f"{match[1]}{match[2]}[hidden]", text)
    return _JWT.sub("[hidden]", _BEARER.sub("bearer [hidden]", text))


def _redact_line(_logger: Any, _method: str, line: Any) -> Any:
    return redact(line)  # last of all, so that no renderer can bring a secret back


def configure(style: str, level: str) -> None:
    """Set up logging of the process: ``style`` is json or console, ``level`` a name of logging's."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if style == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer, _redact_line],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for chatty in ("uvicorn.error", "uvicorn.access", "sse_starlette.sse", "websockets"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
