"""Eyevinn's WHIP client for browsers, as npm has it, on a page of another site."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FAKE_CAMERA, QUIET
from tests.support import whip
from tests.support.server import Server, running
from tests.system.conftest import SMALL

MODULES = Path(__file__).parents[2] / "web" / "node_modules"

_PAGE = b"<!doctype html><title>Eyevinn</title>"
_REQUIRE = re.compile(r"""\brequire\(["']([^"']+)["']\)""")

# what a bundler would make of CommonJS
_LOAD = """
(files) => {
    const made = {}
    const get = (id) => {
        if (!(id in made)) {
            const module = (made[id] = { exports: {} })
            const { text, needs } = files[id]
            const whole = new Function("module", "exports", "require", text)
            whole(module, module.exports, (name) => get(needs[name]))
        }
        return made[id].exports
    }
    window.get = get
}
"""
_PUBLISH = """
async ([id, endpoint, authkey]) => {
    const { WHIPClient } = window.get(id)
    window.publisher = new WHIPClient({ endpoint, opts: { authkey } })
    await publisher.ingest(await navigator.mediaDevices.getUserMedia({ video: true, audio: true }))
    await publisher.getResourceUrl()
}
"""


def entry(package: str) -> Path:
    folder = MODULES / package
    main = folder / str(json.loads((folder / "package.json").read_text())["main"])
    return (main / "index.js" if main.is_dir() else main.with_suffix(".js")).resolve()


def needed(file: Path) -> dict[str, Path]:
    """What a file requires, by the names that it has for it."""
    found = {}
    for name in _REQUIRE.findall(file.read_text(encoding="utf-8")):
        if name.startswith("."):
            found[name] = (file.parent / name).with_suffix(".js").resolve()
        elif (MODULES / name).is_dir():
            found[name] = entry(name)
    return found


def gathered(*packages: str) -> dict[str, dict[str, object]]:
    """Their files, and those that these require; each with what its own names mean."""
    found: dict[str, dict[str, object]] = {}
    todo = [entry(package) for package in packages]
    while todo:
        file = todo.pop()
        needs = needed(file)
        named = {name: str(one) for name, one in needs.items()}
        found[str(file)] = {"text": file.read_text(encoding="utf-8"), "needs": named}
        todo += [one for one in needs.values() if str(one) not in found]
    return found


@pytest.fixture(scope="module")
def server(network: None) -> Iterator[Server]:
    with running(webrtc_enabled=True, **SMALL) as made:
        yield made


class _Site(BaseHTTPRequestHandler):
    """The page, whatever is asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(_PAGE)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(network: None) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as made:
        Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}/"
        made.shutdown()


@pytest.fixture
def page(tmp_path: Path, site: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            tmp_path, executable_path=CHROMIUM, args=[*QUIET, *FAKE_CAMERA]
        )
        made = browser.new_page()
        made.goto(site)
        yield made
        browser.close()


def test_what_it_publishes_is_on_the_air_until_it_takes_leave(server: Server, page: Page) -> None:
    publisher = "@eyevinn/whip-web-client"
    page.evaluate(_LOAD, gathered(publisher))
    page.evaluate(_PUBLISH, [str(entry(publisher)), whip.url(server), server.stream_key])
    broadcast = server.wait_for("media", lambda one: one["media_time"] >= 2)
    page.evaluate("() => publisher.destroy()")
    ended = server.wait_state("ended", "failed", "interrupted")
    assert (ended["state"], ended["id"]) == ("ended", broadcast["id"])
