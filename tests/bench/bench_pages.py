"""How much JavaScript a page loads before a player is needed: static imports, followed from its HTML."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from tests.bench.processes import ROOT
from tests.bench.table import Row

_DIST = ROOT / "web" / "dist"
_LIMIT = 60_000  # bytes
_SCRIPT = re.compile(r"<(?:script|link)\b[^>]*?\b(?:src|href)=\"([^\"]+\.m?js)\"")
_IMPORT = re.compile(r"^\s*(?:import|export)\b(?:[^'\"();=]*?\bfrom\b)?\s*['\"]([^'\"]+)['\"]", re.MULTILINE)


def run(quick: bool = False) -> list[Row]:
    del quick  # it takes no time
    return [_page("index.html", _LIMIT), _page("watch.html"), _page("broadcast.html")]


def _page(name: str, limit: int | None = None) -> Row:
    files = [file.read_bytes() for file in sorted(scripts(_DIST / name))]
    size = sum(map(len, files))
    packed = sum(len(gzip.compress(file)) for file in files)
    target, reached = ("", None) if limit is None else (f"< {limit / 1000:g} kB", size < limit)
    baseline = f"gzip: {packed / 1000:.1f} kB in {len(files)} files"
    return Row(f"JavaScript of {name}", size / 1000, "kB", baseline, None, target, reached)


def scripts(page: Path) -> set[Path]:
    """Every module that the browser fetches before it runs the page's own."""
    found: set[Path] = set()
    todo = [_at(page, reference) for reference in _SCRIPT.findall(page.read_text(encoding="utf-8"))]
    while todo:
        file = todo.pop()
        if file not in found:
            found.add(file)
            todo += [_at(file, reference) for reference in _IMPORT.findall(file.read_text(encoding="utf-8"))]
    return found


def _at(file: Path, reference: str) -> Path:
    """The file below web/dist that a URL in ``file`` means; ``/assets/`` is where it is served."""
    if reference.startswith("/"):
        return _DIST / reference.removeprefix("/assets/")
    return (file.parent / reference).resolve()
