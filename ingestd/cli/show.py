"""Lists for people (tables) and for programs (``--json``, with the names and times of the HTTP API)."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

_GAP = "  "
_NOTHING = "-"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns as wide as what stands in them; an empty cell as a dash."""
    lines = [list(headings), *([plain(cell) or _NOTHING for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        _write(_GAP.join(cells).rstrip())


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and what they stand for, one below the other."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        _write(f"{name.ljust(width)}{_GAP}{plain(value) or _NOTHING}")


def as_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, indent=2))


def plain(text: str) -> str:
    """One line without anything that a terminal would obey: titles and labels are other people's."""
    line = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)


def moment(at: float | None) -> str:
    """Unix seconds as people here read them: local time, to the second."""
    return "" if at is None else datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


def iso(at: float | None) -> str | None:
    """Unix seconds as programs read them: ISO 8601 in UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _write(line: str) -> None:
    """A terminal that has no letters for a title gets question marks, not a traceback."""
    encoding = sys.stdout.encoding or "ascii"
    print(line.encode(encoding, "replace").decode(encoding))
