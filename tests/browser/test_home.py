"""Home, channels and their settings, and the player in other sites' pages, as people meet them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from tests.browser.conftest import CHROMIUM, PATIENCE_MS, QUIET
from tests.browser.test_accounts import LADDER, plays, publishing, sign_in, somebody
from tests.support.accounts import admin_password, token_for
from tests.support.administrator import administrator, good
from tests.support.server import Server, running, wait_for

# Everything that jumps without anybody's doing, as the browser itself counts it.
SHIFTS = """
window.shifted = [];
new PerformanceObserver((list) => {
  const moved = list.getEntries().filter((shift) => !shift.hadRecentInput);
  for (const { sources } of moved) {
    window.shifted.push(...sources.map(({ node }) => node?.outerHTML ?? String(node)));
  }
}).observe({ type: "layout-shift", buffered: true });
"""
POSTER = re.compile(r"/hls/demo/\w+/poster\.jpg\?\d+$")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(
        channels=2,
        encoder_preset="ultrafast",
        encoder_ladder=LADDER,
        ingest_resume_window=1,
        hls_poster_every=1,
    ) as made:
        yield made


@pytest.fixture(scope="module")
def chromium(server: Server, playwright: Playwright) -> Iterator[Browser]:
    """Begun after the server, whose installation is made in an event loop: playwright has one, too."""
    made = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
    yield made
    made.close()


@pytest.fixture(scope="module")
def api(server: Server) -> Iterator[httpx.Client]:
    with administrator(server) as client:
        yield client


@pytest.fixture
def viewer(chromium: Browser, server: Server) -> Iterator[BrowserContext]:
    """Somebody without an account, while nobody is live."""
    wait_for("the end of what others broadcast", lambda: not server.get("/api/v1/broadcasts")["broadcasts"])
    with somebody(chromium) as context:
        context.add_init_script(SHIFTS)
        yield context


@pytest.fixture(scope="module")
def admin(chromium: Browser, server: Server) -> Iterator[BrowserContext]:
    with somebody(chromium) as context:
        sign_in(context.new_page(), server, "admin", admin_password(server.data))
        yield context


def shifts(page: Page) -> list[str]:
    """What has moved."""
    found: list[str] = page.evaluate("window.shifted")
    return found


def loaded(page: Page, selector: str) -> bool:
    """Whether a picture is there, and seen."""
    return bool(
        page.locator(selector).evaluate("it => it.naturalWidth > 0 && it.classList.contains('shown')")
    )


def test_a_live_channel_appears_with_a_fresh_picture_and_nothing_jumps(
    viewer: BrowserContext, server: Server
) -> None:
    page = viewer.new_page()
    page.goto(server.hls)
    expect(page.get_by_test_id("nobody")).to_be_visible()
    expect(page.get_by_test_id("other")).to_have_count(len(server.get("/api/v1/channels")["channels"]))
    expect(page.get_by_test_id("nobody").get_by_role("link", name="Go live")).to_have_attribute(
        "href", "/broadcast"
    )
    with publishing(server, "demo", server.stream_key):
        card = page.locator('[data-testid=card][data-channel="demo"]')
        expect(card).to_contain_text("Live for", timeout=90_000)
        expect(card.get_by_role("link")).to_have_attribute("href", "/watch/demo")
        picture = card.locator("img")
        expect(picture).to_have_attribute("src", POSTER)
        wait_for("the picture", lambda: loaded(page, "[data-testid=card] img"))
        first = picture.get_attribute("src") or ""
        expect(picture).not_to_have_attribute("src", first)  # another one, a moment later
        expect(page.get_by_test_id("nobody")).to_be_hidden()
        expect(page.locator("#summary")).to_have_text(re.compile(r"^1 live, \d+ more channels?\.$"))
        expect(page.locator('[data-testid=other][data-channel="demo"]')).to_contain_text("Live")
        assert shifts(page) == []
    expect(page.get_by_test_id("nobody")).to_be_visible()
    expect(page.locator('[data-testid=other][data-channel="demo"]')).to_contain_text("Last live just now")
    expect(card).to_have_count(0)


def test_channels_are_found_as_one_types(viewer: BrowserContext, server: Server, api: httpx.Client) -> None:
    good(api.post("/channels", json={"name": "cafe", "title": "Café", "description": "Jazz every evening"}))
    page = viewer.new_page()
    page.goto(server.hls)
    expect(page.locator('[data-testid=other][data-channel="cafe"]')).to_be_visible()
    page.keyboard.press("/")
    search = page.get_by_role("searchbox", name="Search channels")
    expect(search).to_be_focused()
    page.keyboard.type("JAZZ cafe")
    expect(page.get_by_test_id("other")).to_have_count(1)
    expect(page.locator("#summary")).to_have_text("1 channel found, 0 live.")
    expect(page.get_by_test_id("nobody")).to_be_hidden()
    assert page.url.endswith("/?q=JAZZ+cafe")
    page.keyboard.type("teria")
    expect(page.get_by_test_id("not-found")).to_contain_text("No channel matches “JAZZ cafeteria”.")
    expect(page.locator("#summary")).to_have_text("No channel found for “JAZZ cafeteria”.")
    page.get_by_role("button", name="Show all channels").click()
    expect(search).to_be_focused()
    expect(page.get_by_test_id("not-found")).to_be_hidden()
    expect(page.get_by_test_id("nobody")).to_be_visible()
    page.goto(f"{server.hls}/?q=cafe")
    expect(search).to_have_value("cafe")
    page.locator('[data-testid=other][data-channel="cafe"]').get_by_role("link").click()
    page.wait_for_url("**/channels/cafe")


def test_a_server_without_a_channel_invites_to_make_one(viewer: BrowserContext, server: Server) -> None:
    page = viewer.new_page()
    page.route("**/api/v1/channels", lambda route: route.fulfill(json={"channels": []}))
    page.goto(server.hls)
    expect(page.get_by_test_id("no-channel")).to_be_visible()
    expect(page.get_by_test_id("nobody")).to_be_hidden()
    page.get_by_role("link", name="Create a channel").click()
    page.wait_for_url("**/sign-in?next=%2Fchannels")


def test_what_an_owner_says_stands_on_the_channel_s_page(
    viewer: BrowserContext, admin: BrowserContext, server: Server, api: httpx.Client, tmp_path: Path
) -> None:
    good(api.post("/channels", json={"name": "choir", "title": "The choir"}))
    settings = admin.new_page()
    settings.goto(f"{server.hls}/channels/choir/settings")
    tell = settings.get_by_test_id("result")
    file = tmp_path / "choir.png"
    Image.effect_noise((1600, 1000), 90).convert("RGB").save(file)  # beyond what the server takes
    assert file.stat().st_size > 2 << 20
    settings.get_by_label("Picture", exact=True).set_input_files(file)
    expect(tell).to_have_text("The picture is stored.")
    wait_for("the picture", lambda: loaded(settings, "#picture"))
    (tmp_path / "notes.txt").write_text("no picture")
    settings.get_by_label("Picture", exact=True).set_input_files(tmp_path / "notes.txt")
    expect(settings.get_by_test_id("picture-form").get_by_role("alert")).to_contain_text("This is no picture")

    settings.get_by_label("What is to come").fill("Carols")
    settings.get_by_label("When").fill("2020-01-01T20:00")
    form = settings.get_by_test_id("next-form")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("This time has passed.")
    coming = datetime.now() + timedelta(hours=2, minutes=5)
    settings.get_by_label("When").fill(coming.isoformat(timespec="minutes"))
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_be_hidden()
    expect(tell).to_have_text("Saved.")

    page = viewer.new_page()
    page.goto(f"{server.hls}/channels/choir")
    expect(page.get_by_role("heading", name="The choir")).to_be_visible()
    wait_for("the picture", lambda: loaded(page, "#image"))
    expect(page.get_by_test_id("next")).to_contain_text("Carols")
    expect(page.get_by_test_id("next")).to_contain_text("Begins in 2 h")
    expect(page.get_by_test_id("air")).to_have_text("Not live yet")
    expect(page.get_by_test_id("studio")).to_be_hidden()
    expect(page.get_by_test_id("settings")).to_be_hidden()
    page.goto(server.hls)
    expect(page.get_by_test_id("nobody")).to_contain_text("Next: Carols, on The choir.")

    settings.get_by_role("link", name="Channel page").click()
    settings.wait_for_url("**/channels/choir")
    expect(settings.get_by_test_id("studio")).to_have_attribute("href", "/channels/choir/studio")
    expect(settings.get_by_test_id("settings")).to_have_attribute("href", "/channels/choir/settings")
    settings.close()


def test_a_channel_s_page_follows_its_broadcast_and_leads_to_how_it_went(
    viewer: BrowserContext, admin: BrowserContext, server: Server
) -> None:
    on = server.on("demo1")
    page, mine = viewer.new_page(), admin.new_page()
    for one in (page, mine):
        one.goto(f"{server.hls}/channels/demo1")
        expect(one.get_by_test_id("channel")).to_have_attribute("data-state", "offline")
    with publishing(server, "demo1", on.stream_key):
        expect(page.get_by_test_id("channel")).to_have_attribute("data-state", "live")
        expect(page.get_by_test_id("air")).to_contain_text("Live for")
        wait_for("the picture", lambda: loaded(page, "#image"))
        page.get_by_test_id("watch").click()
        page.wait_for_url("**/watch/demo1")
        plays(page)
        page.goto(f"{server.hls}/channels/demo1")
    expect(page.get_by_test_id("channel")).to_have_attribute("data-state", "offline")
    expect(page.get_by_test_id("air")).to_have_text("Last live just now")
    row = page.get_by_test_id("broadcast").first
    expect(row).to_be_visible()
    expect(row.get_by_role("link")).to_have_count(0)
    newest = on.newest()
    assert newest
    mine.get_by_test_id("broadcast").first.get_by_role("link", name="How").click()
    mine.wait_for_url(f"**/channels/demo1/broadcasts/{newest['id']}")
    mine.close()


def test_a_private_channel_s_page_says_so_and_no_more(
    viewer: BrowserContext, server: Server, api: httpx.Client
) -> None:
    good(api.post("/channels", json={"name": "board", "title": "Secret board", "private": True}))
    page = viewer.new_page()
    page.goto(f"{server.hls}/channels/board")
    expect(page.get_by_test_id("trouble")).to_contain_text("This channel is private")
    assert "Secret" not in page.content()
    page.goto(f"{server.hls}/channels/board#token={token_for(server.data, 'board', scope='watch')}")
    expect(page.get_by_role("heading", name="Secret board")).to_be_visible()
    assert "token" not in page.url


def test_a_channel_s_page_catches_up_once_the_server_is_there(viewer: BrowserContext, server: Server) -> None:
    page = viewer.new_page()
    path = "**/api/v1/channels/demo1"
    page.route(path, lambda route: route.fulfill(body="somebody else's proxy"))
    page.goto(f"{server.hls}/channels/demo1")
    expect(page.get_by_test_id("trouble")).to_contain_text("no answer that makes sense")
    page.unroute(path)
    expect(page.get_by_test_id("channel")).to_have_attribute("data-state", "offline")
    expect(page.get_by_test_id("channel")).to_be_visible()
    expect(page.get_by_test_id("trouble")).to_be_hidden()


@contextmanager
def other_site(frame: str) -> Iterator[str]:
    """A page of somebody else's, with this address in a frame."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f'<!doctype html><title>Elsewhere</title><iframe src="{frame}" allow="autoplay"></iframe>'
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{site.server_address[1]}"
        finally:
            site.shutdown()
            thread.join()


def framed(context: BrowserContext, site: str) -> bool:
    """Whether a browser shows our player on that site, once it has decided."""
    page = context.new_page()
    page.goto(site)

    def decided() -> str:
        child = next((one for one in page.frames if one != page.main_frame), None)
        if child is None or child.url in ("", "about:blank"):
            return ""
        if child.url.startswith("chrome-error"):
            return "refused"
        return "shown" if child.evaluate("document.querySelector('video') !== null") else ""

    found = wait_for("the frame", decided)
    page.close()
    return found == "shown"


def test_the_player_stands_on_the_sites_that_are_allowed_and_on_no_other(
    chromium: Browser, admin: BrowserContext, server: Server, api: httpx.Client
) -> None:
    good(api.post("/channels", json={"name": "shown", "title": "Shown"}))
    with (
        other_site(f"{server.hls}/embed/shown") as ours,
        other_site(f"{server.hls}/embed/shown") as theirs,
    ):
        settings = admin.new_page()
        settings.goto(f"{server.hls}/channels/shown/settings")
        form = settings.get_by_test_id("sites-form")
        expect(settings.get_by_test_id("embed-code")).to_be_hidden()
        form.get_by_label("These sites").check()
        form.get_by_label("Sites, one on each line").fill("no site!")
        form.get_by_role("button", name="Save").click()
        expect(form.get_by_role("alert")).to_contain_text("is no site.")
        form.get_by_label("Sites, one on each line").fill(f"{ours}/a-page")
        form.get_by_role("button", name="Save").click()
        expect(form.get_by_label("Sites, one on each line")).to_have_value(ours)
        code = settings.get_by_test_id("embed-code")
        expect(code).to_have_value(re.compile(f'^<iframe src="{server.hls}/embed/shown"'))
        settings.close()

        context = chromium.new_context()  # whose console says that a frame was refused
        context.set_default_timeout(PATIENCE_MS)
        assert framed(context, ours)
        assert not framed(context, theirs)
        good(api.patch("/channels/shown", json={"private": True}))
        assert not framed(context, ours)
        context.close()
    token = token_for(server.data, "shown", scope="watch")
    with other_site(f"{server.hls}/embed/shown?token={token}") as ours:
        good(api.patch("/channels/shown", json={"embed_sites": [ours]}))
        context = chromium.new_context()
        context.set_default_timeout(PATIENCE_MS)
        assert framed(context, ours)
        context.close()
