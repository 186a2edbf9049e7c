"""What a benchmark finds, and the Markdown table of it with the machine it was found on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 10  # that a program gets to say its version


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. ``baseline`` says what it is compared with, ``ratio`` is figure / baseline.

    ``reached`` is None where no target was set.
    """

    what: str
    figure: float
    unit: str
    baseline: str = ""
    ratio: float | None = None
    target: str = ""
    reached: bool | None = None


def failed(what: str, error: BaseException) -> Row:
    """A benchmark that could not be run, with the reason in one line."""
    words = " ".join(str(error).split())[:300]
    return Row(what, float("nan"), "", f"not measured: {type(error).__name__}: {words}", reached=False)


def table(rows: Sequence[Row]) -> str:
    """Markdown, aligned for those who read it in a terminal."""
    head = ("what", "figure", "unit", "baseline", "ratio", "target", "reached")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = [_line(line, widths) for line in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    reached = {None: "", True: "yes", False: "**no**"}[row.reached]
    figure = "" if row.figure != row.figure else _number(row.figure)
    ratio = "" if row.ratio is None else _number(row.ratio)
    return (row.what, figure, row.unit, row.baseline, ratio, row.target, reached)


def _number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.replace("|", "\\|").ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def machine() -> str:
    """CPU, cores, load, kernel and the versions of the programs: a figure means nothing without."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    facts = {
        "CPU": f"{_cpu()}, {os.cpu_count()} cores (load before: {load})",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "ffmpeg": _version("ffmpeg", "-version"),
        "nginx": _version("nginx", "-v"),
        "node": _version("node", "--version"),
    }
    return "\n".join(f"- {name}: {fact}" for name, fact in facts.items())


def _cpu() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _version(program: str, flag: str) -> str:
    """The first thing with dots and digits in it that the program says of itself."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    try:
        said = subprocess.run(
            [program, flag], capture_output=True, text=True, timeout=_SECONDS, env={"PATH": path}
        )
    except OSError:
        return "not there"
    found = re.search(r"\d+(?:\.\d+)+\S*", said.stdout + said.stderr)
    return found[0] if found else "?"
