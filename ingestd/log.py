"""Structured logs: one line an event, JSON or for a console, and no secret in any of them."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog

# What a secret looks like in foreign text (nginx's error lines quote whole requests) and in our own
# lines after a renderer has escaped or coloured them. The time taken grows with the text and no
# faster, and no quote is taken that was not opened: a line of JSON stays one.
_NAME = r"(?:stream[_-]?key|token|secret)"
# a word of its own, also behind an escape or a colour: not the end of "monkey"
_KEY = r"(?:(?<![\w-])|(?<=%[\da-f]{2})|(?<=%25[\da-f]{2})|(?<=\\[nrt])|(?<=\x1b\[\dm)|(?<=\x1b\[\d\dm))key"
_COLOUR = r"(?:\x1b\[[\d;]*m)*"
_QUOTE = r"\\{0,7}[\"'](?![\s,:}\]]|$)"  # one that opens: what closes in JSON is followed by these
_OPENED = rf"(?:\[?b?(?P<quote>{_QUOTE}))?"
_QUOTED = r"(?:(?!(?P=quote))(?:\\.|[^\\\"\n]))++"
# up to the next parameter or word; … stands for a secret in our own messages
_LETTER = (
    r"(?:[^&\s\"'#%\\\x1b,;)}…]|\\u(?!2026)[\da-f]{4}"
    r"|['),;}](?![\s\"'\\\x1b),;}]|$))"  # punctuation, unless it ends a phrase
)
_HINTS = ("key", "token", "secret", "bearer", "eyj")  # none in the text: nothing to look for
_PATTERNS = [
    re.compile(f"(?i){pattern}")
    for pattern in (
        r"(?P<before>bearer(?:[ .+]|%20){1,3})[\w~.+/=-]{16,}",
        r"(?<![\w-])(?P<before>(?>[\w-]*?(?=(?-i:eyJ))))[\w-]++\.[\w-]++\.[\w-]++",  # JWT
        # streamKey=…, and in an address within another: streamKey%3D…%26
        rf"(?P<before>(?:{_NAME}|{_KEY}){_COLOUR}={_COLOUR}{_OPENED})(?(quote){_QUOTED}|(?:{_LETTER}|%)++)",
        rf"(?P<before>(?:{_NAME}|{_KEY})%(?:25)*3D)(?:{_LETTER}|%(?!(?:25)*2[36]))++",
        # "stream_key": "…", of JSON and of Python, and stream_key: …
        rf"(?P<before>{_NAME}(?P<close>\\{{0,7}}[\"'])\s*:\s*\[?b?(?P<quote>(?P=close)|{_QUOTE})){_QUOTED}",
        rf"(?P<before>{_NAME}{_COLOUR} *[:=]{_COLOUR} *{_OPENED})(?(quote){_QUOTED}|[\w~.+/-]{{16,}})",
    )
]


def redact(text: str) -> str:
    """Take stream keys, tokens and anything that looks like a JWT out of a text."""
    lower = text.lower()
    if not any(hint in lower for hint in _HINTS):
        return text
    for pattern in _PATTERNS:
        text = pattern.sub(r"\g<before>[hidden]", text)
    return text


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
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
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
    for chatty in ("uvicorn.error", "uvicorn.access", "sse_starlette.sse", "websockets", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
