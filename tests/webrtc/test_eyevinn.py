"""Eyevinn's WHIP client and WebRTC player for browsers, as npm has them, on a page of another site."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FAKE_CAMERA, QUIET
from tests.support import whep, whip
from tests.support.server import Server, running, wait_for
from tests.system.conftest import SMALL

WEB = Path(__file__).parents[2] / "web"

_PAGE = b"<!doctype html><title>Eyevinn</title>"
_CLIENTS = """
export { WHIPClient } from "@eyevinn/whip-web-client";
export { WebRTCPlayer } from "@eyevinn/webrtc-player";
"""
_PUBLISH = """
async ([endpoint, authkey]) => {
    window.publisher = new eyevinn.WHIPClient({ endpoint, opts: { authkey } })
    await publisher.ingest(await navigator.mediaDevices.getUserMedia({ video: true, audio: true }))
    await publisher.getResourceUrl()
}
"""
_WATCH = """
async (url) => {
    const video = document.body.appendChild(document.createElement("video"))
    video.muted = video.autoplay = true
    window.player = new eyevinn.WebRTCPlayer({ video, type: "whep", iceServers: [] })
    await player.load(new URL(url))
}
"""
_PICTURES = "() => document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames"


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
        made.add_script_tag(content=clients())
        yield made
        browser.close()


def clients() -> str:
    """A script that gives a page both, as ``eyevinn``."""
    command = ["node_modules/.bin/esbuild", "--bundle", "--format=iife", "--global-name=eyevinn"]
    made = subprocess.run(command, cwd=WEB, input=_CLIENTS, capture_output=True, text=True, check=True)
    return made.stdout


def test_what_it_publishes_is_on_the_air_until_it_takes_leave(server: Server, page: Page) -> None:
    page.evaluate(_PUBLISH, [whip.url(server), server.stream_key])
    broadcast = server.wait_for("media", lambda one: one["media_time"] >= 2)
    page.evaluate("() => publisher.destroy()")
    ended = server.wait_state("ended", "failed", "interrupted")
    assert (ended["state"], ended["id"]) == ("ended", broadcast["id"])


def test_it_plays_until_it_takes_leave(server: Server, page: Page) -> None:
    with whip.publishing(server):
        server.wait_state("live")
        page.evaluate(_WATCH, whep.url(server))
        wait_for("pictures", lambda: page.evaluate(_PICTURES) >= 30)
        server.wait_for("a viewer", lambda one: one["peers"]["viewers"] == 1)
        page.evaluate("() => player.destroy()")
        server.wait_for("nobody", lambda one: one["peers"]["viewers"] == 0)
