"""The watch page: by WebRTC where that goes, and by the playlist where it does not, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from tests.browser.conftest import CHROMIUM, PATIENCE_MS, QUIET
from tests.support import http
from tests.support.accounts import token_for
from tests.support.administrator import administrator, good
from tests.support.server import Server, running, wait_for
from tests.support.whip import publishing
from tests.system.conftest import SMALL

LADDER = "[{height=144,bitrate=200},{height=72,bitrate=100}]"
# ms without a new picture while a way takes over: the playlist is loaded only then.
MOST_GAP = {"webrtc": 1000, "playlist": 4000}
LOWEST = "try { localStorage.setItem('ingestd.delay', 'lowest') } catch { /* no page yet */ }"
# Every connection that the page makes, so that a test can cut one.
PEERS = """
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...how) { super(...how); window.peers.push(this); }
};
"""
# The longest time between two pictures on the page, in ms, since it was last asked for.
GAPS = """
let last = performance.now();
let longest = 0;
const seen = (now) => {
  longest = Math.max(longest, now - last);
  last = now;
  document.getElementById('player').requestVideoFrameCallback(seen);
};
window.gap = () => {
  const found = longest;
  longest = 0;
  return found;
};
document.getElementById('player').requestVideoFrameCallback(seen);
"""


@pytest.fixture(scope="module")
def server(network: None) -> Iterator[Server]:
    with running(
        channels=2, webrtc_enabled=True, hls_window=90, **{**SMALL, "encoder_ladder": LADDER}
    ) as made:
        yield made


@pytest.fixture(scope="module")
def live(server: Server) -> Iterator[Server]:
    """Somebody publishes by WHIP."""
    with publishing(server):
        server.wait_for("WebRTC and a playlist", lambda one: bool(one["whep"] and one["hls"]))
        yield server


@pytest.fixture(scope="module")
def chromium(live: Server) -> Iterator[Browser]:
    """Begun in the network of the test; and after the server, which is made in an event loop."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield made
        made.close()


@pytest.fixture
def viewer(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    wrong: list[str] = []
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    yield context
    context.close()
    assert not wrong


def opened(viewer: BrowserContext, server: Server, way: str = "webrtc", at: str = "watch") -> Page:
    """The page while it plays that way, with its controls in sight."""
    page = viewer.new_page()
    page.goto(f"{server.hls}/{at}/{server.channel}")
    plays(page, way)
    awake(page)
    return page


def awake(page: Page) -> None:
    """The controls are in sight, and stay there."""
    screen = page.locator("#screen:defined")
    screen.evaluate("it => it.setAttribute('autohide', '-1')")

    def shown() -> bool:
        for place in (100, 120):
            page.get_by_test_id("player").hover(position={"x": place, "y": place})
        return screen.get_attribute("userinactive") is None

    wait_for("the controls", shown)


def plays(page: Page, way: str) -> None:
    expect(page.locator(f'#theatre[data-way="{way}"][data-state="playing"]')).to_be_attached()


def settings(page: Page) -> None:
    page.get_by_test_id("settings").locator("summary").click()


def behind(page: Page) -> float:
    """Seconds behind live, as the page says."""
    words = page.get_by_test_id("position").inner_text()
    return float(words.split(" s ")[0]) if " s behind live" in words else 1000.0


def moves(page: Page, seconds: float = 1) -> None:
    """From now on, for so long."""
    before = page.get_by_test_id("player").evaluate("it => it.currentTime")
    wait_for(
        "moving pictures",
        lambda: page.get_by_test_id("player").evaluate("it => it.currentTime") > before + seconds,
    )


def went_smoothly(page: Page, way: str) -> None:
    """The other way has taken over, and the picture has hardly stood."""
    plays(page, way)
    moves(page)
    assert page.evaluate("gap()") < MOST_GAP[way]
    expect(page.locator(".still")).to_have_count(0)


def refused(route: Route) -> None:
    route.fulfill(status=503, headers={"Retry-After": "1"})


def unreachable(route: Route) -> None:
    """The answer names places where nobody is."""
    answer = route.fetch()
    body = re.sub(r"(a=candidate:.* udp \d+ )\S+ \d+", r"\g<1>198.51.100.99 9", answer.text())
    route.fulfill(response=answer, body=body)


def test_it_is_watched_by_webrtc_and_says_how_far_behind(viewer: BrowserContext, live: Server) -> None:
    page = opened(viewer, live)
    settings(page)
    expect(page.get_by_test_id("behind")).to_contain_text(" s behind live; by WebRTC")
    wait_for("an estimate", lambda: 0 < behind(page) < 1)
    expect(page.get_by_test_id("edge")).to_have_attribute("mediatimeislive", "")
    expect(page.get_by_test_id("delay")).to_have_value("auto")
    moves(page, 5)
    plays(page, "webrtc")


def test_other_sites_get_it_as_well(viewer: BrowserContext, live: Server) -> None:
    moves(opened(viewer, live, at="embed"))


def test_back_in_time_goes_by_the_playlist_and_to_live_by_webrtc(
    viewer: BrowserContext, live: Server
) -> None:
    live.wait_for("something to go back in", lambda one: one["media_time"] > 25)
    page = opened(viewer, live)
    page.evaluate(GAPS)
    page.keyboard.press("j")
    plays(page, "playlist")
    wait_for("ten seconds back", lambda: 10 < behind(page) < 20)
    went_smoothly(page, "playlist")
    page.keyboard.press("e")
    went_smoothly(page, "webrtc")
    wait_for("live", lambda: behind(page) < 1)
    bar = page.get_by_test_id("seek")
    box = bar.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2)
    plays(page, "playlist")
    wait_for("a place far from live", lambda: behind(page) > 8)


def test_a_chosen_quality_and_a_chosen_delay_go_by_the_playlist(viewer: BrowserContext, live: Server) -> None:
    page = opened(viewer, live)
    page.evaluate(GAPS)
    settings(page)
    page.get_by_test_id("quality").select_option(label="72p")
    plays(page, "playlist")
    wait_for("72 lines", lambda: page.get_by_test_id("player").evaluate("it => it.videoHeight") == 72)
    expect(page.get_by_test_id("behind")).to_contain_text("automatic quality only")
    page.get_by_test_id("quality").select_option(value="auto")
    went_smoothly(page, "webrtc")
    page.get_by_test_id("delay").select_option("normal")
    went_smoothly(page, "playlist")
    page.reload()
    plays(page, "playlist")
    moves(page, 3)
    plays(page, "playlist")
    expect(page.get_by_test_id("delay")).to_have_value("normal")
    awake(page)
    settings(page)
    page.get_by_test_id("delay").select_option("lowest")
    plays(page, "webrtc")
    page.reload()
    plays(page, "webrtc")
    expect(page.get_by_test_id("delay")).to_have_value("lowest")


def test_a_server_that_says_no_is_asked_again_later(viewer: BrowserContext, live: Server) -> None:
    viewer.add_init_script(LOWEST)
    viewer.route("**/whep/demo", refused)
    page = opened(viewer, live, "playlist")
    page.evaluate(GAPS)
    settings(page)
    expect(page.get_by_test_id("behind")).to_contain_text("does not get through now")
    viewer.unroute("**/whep/demo")
    went_smoothly(page, "webrtc")


def test_where_no_media_comes_the_playlist_is_played(viewer: BrowserContext, live: Server) -> None:
    viewer.route("**/whep/demo", unreachable)
    page = opened(viewer, live, "playlist")
    moves(page, 3)
    plays(page, "playlist")
    page.reload()
    plays(page, "playlist")
    assert int(page.get_by_test_id("theatre").get_attribute("data-first-frame") or 9999) < 3000


def test_where_no_more_media_comes_the_playlist_goes_on(viewer: BrowserContext, live: Server) -> None:
    viewer.add_init_script(LOWEST)
    viewer.add_init_script(PEERS)
    page = opened(viewer, live)
    page.evaluate("peers.at(-1).close()")
    plays(page, "playlist")
    page.evaluate(GAPS)
    went_smoothly(page, "webrtc")


def test_a_page_that_is_left_takes_leave(viewer: BrowserContext, live: Server) -> None:
    page = viewer.new_page()
    with page.expect_response(
        lambda answer: answer.request.method == "POST" and "/whep/" in answer.url
    ) as made:
        page.goto(f"{live.hls}/watch/demo")
    session = live.http + made.value.headers["location"]
    plays(page, "webrtc")
    page.goto("about:blank")
    wait_for("its end", lambda: http.request("PATCH", session).status_code == 404)


def test_a_private_channel_is_opened_by_a_watch_link(viewer: BrowserContext, live: Server) -> None:
    with administrator(live) as api:
        good(api.patch("/channels/demo", json={"private": True}))
        token = token_for(live.data, "demo", scope="watch")
        page = viewer.new_page()
        page.goto(f"{live.hls}/watch/demo#token={token}")
        plays(page, "webrtc")
        moves(page)
        good(api.patch("/channels/demo", json={"private": False}))


def test_what_begins_while_one_waits_is_watched_until_its_end(viewer: BrowserContext, live: Server) -> None:
    other = live.on("demo1")
    page = viewer.new_page()
    page.goto(f"{live.hls}/watch/demo1")
    expect(page.get_by_test_id("curtain-title")).to_have_text("Offline")
    with publishing(other):
        plays(page, "webrtc")
        moves(page)
    expect(page.get_by_test_id("curtain-title")).to_have_text("The broadcast is over")
    page.get_by_test_id("curtain-action").click()
    plays(page, "playlist")
