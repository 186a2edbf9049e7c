"""End-to-end tests in real Chromium with its fake camera, against a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, Route, expect, sync_playwright

from tests.support.server import Server, running

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
FAKE_CAMERA = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=fps=30"]
PATIENCE_MS = 60_000
NO_COUNTDOWN = "try { localStorage.setItem('ingestd.countdown', 'off') } catch { /* it has no store */ }"
_MODULES = Path(__file__).parents[2] / "web" / "src"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """For a module only: it keeps an event loop running, beside which asyncio.run is not allowed."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as made:
        yield made


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The three default rungs, but cheap ones: what is tested is that all three play."""
    with running(
        encoder_preset="ultrafast",
        encoder_ladder="[{height=720,bitrate=1500},{height=480,bitrate=800},{height=360,bitrate=400}]",
        ingest_resume_window=3,
        hls_poster_every=2,
    ) as made:
        yield made


@contextmanager
def browser(
    playwright: Playwright, profile: Path, *flags: str, without: Sequence[str] = ()
) -> Iterator[BrowserContext]:
    """Chromium with an empty profile, and ``without`` some of playwright's own flags. An error that a page
    throws fails the test."""
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=CHROMIUM,
        headless=True,
        args=[*QUIET, *flags],
        ignore_default_args=list(without),
        viewport={"width": 1280, "height": 800},
    )
    context.add_init_script(NO_COUNTDOWN)
    thrown: list[str] = []
    context.on("weberror", lambda error: thrown.append(str(error.error)))
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield context
    finally:
        context.close()
    assert not thrown


def studio(context: BrowserContext, server: Server) -> Page:
    """The broadcast page, opened by the link that the server prints."""
    page = context.new_page()
    secret = f"channel={server.channel}&streamKey={server.stream_key}&token={server.token}"
    page.goto(f"{server.hls}/broadcast#{secret}")
    return page


def with_figures(context: BrowserContext, module: str, changes: Mapping[str, str]) -> None:
    """From now on pages of this browser get a module of ours, such as lib/vault.js, with other figures.

    They are given as they are written: what the server has of them has short names, and lies in other files.
    """
    text = (_MODULES / module).read_text()
    for figure, other in changes.items():
        assert figure in text, f"{module} has no {figure}"
        text = text.replace(figure, other)

    def given(route: Route) -> None:
        path = urlsplit(route.request.url).path.removeprefix("/assets/")
        body = text if path == module else (_MODULES / path).read_text()
        route.fulfill(body=body, content_type="text/javascript")

    context.route(re.compile(r"/assets/(lib|pages)/[\w-]+\.js$"), given)
