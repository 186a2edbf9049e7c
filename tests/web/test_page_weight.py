"""What the built pages make a browser fetch: little of our own, and nothing from anywhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bench.bench_pages import DIST, LIMIT, own, packed, scripts

PAGES = sorted(DIST.glob("*.html"))
SOURCES = sorted((DIST.parent / "src").glob("*.html"))
# Links lead elsewhere only in what people write; what is fetched is ours.
NAMED = re.compile(r'<(?:link|script|img|video|source|iframe|use)\b[^>]*?\b(?:src|href|poster)="([^"]*)"')
IMPORTED = re.compile(r"""(?:\bfrom|\bimport|\bimport\()\s*['"]([^'"]+)['"]""")
ELSEWHERE = re.compile(r"\w+:|//")


def test_the_pages_are_built() -> None:
    assert SOURCES, "where are they?"
    assert [page.name for page in PAGES] == [page.name for page in SOURCES], "npm run build, in web/"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_less_than_60_kb_of_our_own_javascript(page: Path) -> None:
    assert 0 < packed(own(page)) < LIMIT


def test_what_a_page_loads_later_is_counted_too() -> None:
    watch = {file.name for file in scripts(DIST / "watch.html", later=True)}
    assert {"hls.mjs", "media-chrome.mjs", "watch.js", "header.js"} <= watch
    assert not {"hls.mjs", "media-chrome.mjs"} & {file.name for file in own(DIST / "watch.html")}
    assert "timer-worker.js" in {file.name for file in own(DIST / "broadcast.html")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_nothing_that_is_elsewhere(page: Path) -> None:
    named = NAMED.findall(page.read_text(encoding="utf-8"))
    imported = [one for file in own(page) for one in IMPORTED.findall(file.read_text(encoding="utf-8"))]
    assert named and imported
    assert [one for one in [*named, *imported] if ELSEWHERE.match(one)] == []
