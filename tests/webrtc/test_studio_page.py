"""The studio by WebRTC: one page publishes by WHIP, in a real browser, and others watch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, expect, sync_playwright

from tests.browser.conftest import FAKE_CAMERA, PATIENCE_MS, browser, studio
from tests.browser.test_pages import LOOKING, accessible
from tests.browser.test_resumable import in_state
from tests.support.server import Server, running, wait_for
from tests.system.conftest import SMALL
from tests.webrtc.test_watch_page import LADDER, LOWEST, moves, plays

pytestmark = pytest.mark.timeout(300)

REMEMBERED = "try { localStorage.setItem('ingestd.way', 'sent') } catch { /* no page yet */ }"
# All that the light says from now on, with the state before it.
LISTEN = """() => {
  window.said = [];
  const it = document.getElementById('status');
  const hear = () => said.push(`${it.dataset.state}: ${it.textContent}`);
  new MutationObserver(hear).observe(it, { childList: true, characterData: true, subtree: true });
}"""
AWAY = re.compile(r"^reconnecting: .*Nobody sees you meanwhile, and nothing of it is kept\.")
TERMS = {"encoder_ladder": LADDER, "ingest_resume_window": 60, "ingest_max_load": 0}
PHONE = {"width": 390, "height": 844}
HLS_ONLY = "try { localStorage.setItem('ingestd.delay', 'normal') } catch { /* no page yet */ }"
# How large the picture is in the middle of the watch page, and of what colour.
COLOUR = """it => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
  const context = canvas.getContext('2d');
  context.drawImage(it, it.videoWidth * 0.08, it.videoHeight * 0.5, 1, 1, 0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""


@pytest.fixture(scope="module")
def server(network: None) -> Iterator[Server]:
    with running(channels=3, webrtc_enabled=True, **{**SMALL, **TERMS}) as made:
        yield made


@pytest.fixture(scope="module")
def playwright(server: Server) -> Iterator[Playwright]:
    """Begun in the network of the test, and after the server, which is made in an event loop."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as made:
        yield made


@pytest.fixture
def context(playwright: Playwright, tmp_path: Path) -> Iterator[BrowserContext]:
    with browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as made:
        yield made


@contextmanager
def watcher(playwright: Playwright, tmp_path: Path, server: Server, script: str, way: str) -> Iterator[Page]:
    """Somebody else, in a browser of their own, who watches that way."""
    with browser(playwright, tmp_path / way) as other:
        other.add_init_script(script)
        page = other.new_page()
        page.goto(f"{server.hls}/watch/{server.channel}")
        plays(page, way)
        yield page


def go_live(context: BrowserContext, server: Server) -> Page:
    """By WebRTC, with the fake camera."""
    page = studio(context, server)
    page.get_by_test_id("quality").select_option("360p30")
    page.get_by_test_id("way-sent").check()
    page.get_by_test_id("go-live").click()
    in_state(page, "live")
    return page


def stop(page: Page) -> None:
    page.get_by_test_id("stop").click()
    in_state(page, "ended")


def test_it_is_watched_by_webrtc_and_by_hls_and_ends_with_the_page_s_wish(
    server: Server, playwright: Playwright, context: BrowserContext, tmp_path: Path
) -> None:
    context.add_init_script(LOOKING)
    page = studio(context, server)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.get_by_test_id("quality").select_option("360p30")
    page.get_by_test_id("way-sent").check()
    page.get_by_test_id("title-input").fill("By WebRTC")
    assert accessible(page) == []
    page.get_by_test_id("go-live").click()
    in_state(page, "live")
    expect(page.get_by_test_id("way-kept")).to_be_disabled()
    live = server.wait_for("WebRTC and a playlist", lambda one: bool(one["whep"] and one["hls"]))
    assert live["title"] == "By WebRTC"
    assert live["source"]["video"]["height"] == 360, "the picture does not begin small"
    with (
        watcher(playwright, tmp_path, server, LOWEST, "webrtc") as fast,
        watcher(playwright, tmp_path, server, HLS_ONLY, "playlist") as slow,
    ):
        moves(fast, 2)
        moves(slow, 2)
        assert accessible(page) == []
        expect(page.get_by_test_id("status")).to_contain_text(
            re.compile(r"by WebRTC are a fraction of a second behind\. By HLS they are \d+\.\d s behind\.")
        )
        stop(page)
        ended = server.wait_state("ended", "failed")
        assert (ended["id"], ended["state"]) == (live["id"], "ended")
        expect(fast.get_by_test_id("curtain-title")).to_have_text("The broadcast is over")
    expect(page.get_by_test_id("status")).to_have_text("Ended: all that arrived is in the playlist.")
    expect(page.get_by_test_id("record-words")).to_contain_text("what the network lost on the way is lost")
    size = page.evaluate("() => ({ wide: document.documentElement.scrollWidth, window: window.innerWidth })")
    assert size["wide"] <= size["window"]


def test_another_source_takes_its_place_while_live(
    server: Server, playwright: Playwright, context: BrowserContext, tmp_path: Path
) -> None:
    channel = server.on("demo1")
    page = go_live(context, channel)
    with watcher(playwright, tmp_path, channel, LOWEST, "webrtc") as viewer:
        video = viewer.get_by_test_id("player")
        wait_for("the fake camera's green", lambda: green(video.evaluate(COLOUR)))
        page.get_by_test_id("source-test").check()
        wait_for("the test picture's first bar", lambda: grey(video.evaluate(COLOUR)))
        moves(viewer, 2)
    expect(page.get_by_test_id("error")).to_be_hidden()
    in_state(page, "live")
    live = channel.newest()
    stop(page)
    ended = channel.wait_state("ended", "failed")
    assert live and (ended["id"], ended["state"]) == (live["id"], "ended")


def green(colour: list[int]) -> bool:
    red, other, blue = colour
    return other > 80 and red < 60 and blue < 60


def grey(colour: list[int]) -> bool:
    return min(colour) > 120


def test_a_janus_that_is_killed_is_found_again_by_the_page(server: Server, context: BrowserContext) -> None:
    channel = server.on("demo2")
    page = go_live(context, channel)
    before = channel.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 2)
    (sfu,) = [one for one in server.children("janus") if one.cwd().endswith("/in")]
    page.evaluate(LISTEN)
    sfu.kill()
    wait_for("the page to say so", lambda: any(map(AWAY.search, page.evaluate("said"))))
    in_state(page, "live")
    after = channel.wait_for("more", lambda one: one["media_time"] > before["media_time"] + 3)
    assert after["id"] == before["id"]
    stop(page)
    assert channel.wait_state("ended", "failed")["state"] == "ended"


def test_the_choice_is_remembered_and_a_page_that_is_left_ends_its_broadcast(
    server: Server, context: BrowserContext
) -> None:
    page = go_live(context, server)
    live = server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 1)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.get_by_test_id("way-sent")).to_be_checked()
    ended = server.wait_state("ended", "failed")
    assert (ended["id"], ended["state"]) == (live["id"], "ended")
    page.get_by_test_id("way-kept").check()
    page.reload()
    expect(page.get_by_test_id("way-kept")).to_be_checked()


def test_a_channel_that_somebody_else_is_live_on_can_be_taken_over(
    server: Server, context: BrowserContext
) -> None:
    first = go_live(context, server)
    server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 1)
    second = studio(context, server)
    expect(second.get_by_test_id("way-sent")).to_be_checked()
    second.get_by_test_id("go-live").click()
    in_state(second, "failed")
    expect(second.get_by_test_id("error")).to_contain_text("already live from somewhere else")
    second.get_by_test_id("take-over").click()
    in_state(second, "live")
    in_state(first, "failed")
    stop(second)
    assert server.wait_state("ended", "failed")["state"] == "ended"


def test_a_server_without_webrtc_says_so(network: None, playwright: Playwright, tmp_path: Path) -> None:
    with (
        running(webrtc_enabled=False, **SMALL) as server,
        browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context,
    ):
        context.add_init_script(REMEMBERED)
        page = studio(context, server)
        expect(page.get_by_test_id("way-why")).to_have_text("This server takes no WebRTC.")
        expect(page.get_by_test_id("way-sent")).to_be_disabled()
        expect(page.get_by_test_id("way-kept")).to_be_checked()
