"""What the log of a daemon that writes JSON tells, line by line. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable


def tracebacks(lines: Iterable[str]) -> list[str]:
    """What each of them says last, once."""
    found: dict[str, None] = {}
    for line in lines:
        if "Traceback" in line:
            entry = json.loads(line) if line.startswith("{") else {}
            words = str(entry.get("exception", line)).strip().splitlines()[-1]
            found[f"{entry.get('task') or entry.get('event') or ''}: {words}"[:300]] = None
    return list(found)


def last_words(lines: Iterable[str], count: int = 12) -> str:
    """The end of what is above the level of information."""
    loud = [line for line in lines if '"level": "info"' not in line and '"level":"info"' not in line]
    return "\n".join(line[:600] for line in loud[-count:])
