"""How much JavaScript each page loads: what it imports, at once or later, followed from its HTML."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from tests.bench.processes import ROOT
from tests.bench.table import Row

DIST = ROOT / "web" / "dist"
LIMIT = 60_000  # bytes of our own, compressed
_SCRIPT = re.compile(r"<(?:script|link)\b[^>]*?\b(?:src|href)=\"([^\"]+\.m?js)\"")
_IMPORT = re.compile(r"""\b(?:from|import)\s*['"]([./][^'"\s]+\.m?js)['"]""")
_LATER = re.compile(r"""\b(?:import|new Worker)\(\s*['"]([./][^'"\s]+\.m?js)['"]""")


def run(quick: bool = False) -> list[Row]:
    del quick  # it takes no time
    return [_page(page) for page in sorted(DIST.glob("*.html"))]


def _page(page: Path) -> Row:
    """Our own, compressed, against the limit; beside it what comes from libraries at once."""
    files, theirs = own(page), {file for file in scripts(page) if _is_library(file)}
    size = packed(files)
    libraries = ", ".join(sorted(f"{file.stem} {packed({file}) / 1000:.0f} kB" for file in theirs))
    return Row(
        f"own JavaScript of {page.name}, gzip",
        size / 1000,
        "kB",
        f"{len(files)} modules; beside them {libraries or 'nothing'}",
        None,
        f"< {LIMIT / 1000:g} kB",
        size < LIMIT,
    )


def packed(files: set[Path]) -> int:
    """Bytes that go over the wire."""
    return sum(len(gzip.compress(file.read_bytes())) for file in files)


def own(page: Path) -> set[Path]:
    """Every module of ours that the page can ever load, workers among them."""
    return {file for file in scripts(page, later=True) if not _is_library(file)}


def _is_library(file: Path) -> bool:
    return file.parent.name == "vendor"


def scripts(page: Path, *, later: bool = False) -> set[Path]:
    """Every module that the browser fetches before it runs the page's own; or also what comes later."""
    found: set[Path] = set()
    todo = [_at(page, reference) for reference in _SCRIPT.findall(page.read_text(encoding="utf-8"))]
    while todo:
        file = todo.pop()
        if file not in found:
            found.add(file)
            text = file.read_text(encoding="utf-8")
            todo += [_at(file, one) for one in _IMPORT.findall(text)]
            # a library in one file loads nothing
            todo += [_at(file, one) for one in _LATER.findall(text) if later and not _is_library(file)]
    return found


def _at(file: Path, reference: str) -> Path:
    """The file below web/dist that a URL in ``file`` means; ``/assets/`` is where it is served."""
    if reference.startswith("/"):
        return DIST / reference.removeprefix("/assets/")
    return (file.parent / reference).resolve()
