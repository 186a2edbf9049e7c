"""FFmpeg's lines, as ``-loglevel level+…`` has it write them: how bad each is, and what it says. Pure."""

from __future__ import annotations

import re
from typing import Literal

Level = Literal["debug", "info", "warning", "error", "critical"]

# "[flv @ 0x55d0c8] [warning] words": the level comes last of what stands in front
_PREFIX = re.compile(
    r"^(?P<context>(?:\[[^\]]+ @ 0x[\da-f]+\] ?)*)"
    r"\[(?P<level>trace|debug|verbose|info|warning|error|fatal|panic)\] ?"
)
_LEVELS: dict[str, Level] = {
    "trace": "debug",
    "debug": "debug",
    "verbose": "debug",
    "info": "info",
    "warning": "warning",
    "error": "error",
    "fatal": "critical",
    "panic": "critical",
}


def parse(line: str) -> tuple[Level, str]:
    """Level and words of a line; one without a level goes on from the last, and may matter."""
    found = _PREFIX.match(line)
    if found is None:
        return "warning", line
    return _LEVELS[found["level"]], found["context"] + line[found.end() :]
