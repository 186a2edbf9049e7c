"""People in their browsers: they sign in, keep channels and keys, go live without one, and share."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import jwt
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.conftest import CHROMIUM, FAKE_CAMERA, PATIENCE_MS, QUIET
from tests.support import http
from tests.support.accounts import admin_password, token_for
from tests.support.administrator import administrator, good, signed_in
from tests.support.publisher import RECORDINGS
from tests.support.server import PATIENCE, Server, running, wait_for

CLIP = RECORDINGS / "vp8-opus_ts250_kf2000.webm"
LADDER = "[{height=240,bitrate=300}]"
WRONG = "The name or the password is wrong."
# What the browser itself says of an answer that a page asks for and then explains in words.
REFUSED = re.compile(r"Failed to load resource: the server responded with a status of 40[13] ")

NewPerson = Callable[[], AbstractContextManager[BrowserContext]]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(
        channels=2,
        encoder_preset="ultrafast",
        encoder_ladder=LADDER,
        ingest_resume_window=3,
        hls_poster_every=0,
    ) as made:
        yield made


@pytest.fixture(scope="module")
def chromium(server: Server, playwright: Playwright) -> Iterator[Browser]:
    """Begun after the server, whose installation is made in an event loop: playwright has one, too."""
    made = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *FAKE_CAMERA])
    yield made
    made.close()


@contextmanager
def somebody(chromium: Browser) -> Iterator[BrowserContext]:
    """A person's browser. What a page throws or complains of (CSP among it) fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    wrong: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and not REFUSED.match(message.text):
            wrong.append(f"{message.text} ({message.location})")

    context.on("weberror", lambda error: wrong.append(str(error.error)))
    context.on("console", heard)
    try:
        yield context
    finally:
        context.close()
    assert not wrong


@pytest.fixture
def person(chromium: Browser) -> NewPerson:
    """Somebody new, with an empty browser."""
    return lambda: somebody(chromium)


@pytest.fixture(scope="module")
def api(server: Server) -> Iterator[httpx.Client]:
    """What a test needs done before it begins."""
    with administrator(server) as client:
        yield client


@pytest.fixture(scope="module")
def admin(chromium: Browser, server: Server) -> Iterator[BrowserContext]:
    with somebody(chromium) as context:
        # all at once: what is not named is taken away
        context.grant_permissions(["camera", "microphone", "clipboard-read", "clipboard-write"])
        sign_in(context.new_page(), server, "admin", admin_password(server.data))
        yield context


@pytest.fixture(scope="module")
def studio(admin: BrowserContext, server: Server, api: httpx.Client) -> Iterator[Page]:
    """The channel ``evening`` is live from the admin's camera, without a stream key."""
    good(api.post("/channels", json={"name": "evening", "title": "Evening show"}))
    page = admin.new_page()
    page.goto(f"{server.hls}/broadcast?channel=evening")
    page.get_by_test_id("go-live").click()
    expect(page.locator('[data-testid=status][data-state="live"]')).to_be_attached()
    yield page
    page.get_by_test_id("stop").click()
    expect(page.locator('[data-testid=status][data-state="ended"]')).to_be_attached()


def sign_in(page: Page, server: Server, name: str, password: str) -> None:
    page.goto(f"{server.hls}/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/channels")


def is_signed_out(page: Page, server: Server) -> None:
    """A page that is for somebody sends this browser to the page for signing in."""
    page.goto(f"{server.hls}/channels")
    try:
        page.wait_for_url("**/sign-in?next=%2Fchannels")
    except PlaywrightTimeout:
        raise AssertionError(f"{page.url} shows:\n{page.locator('body').inner_text()}") from None


def plays(page: Page) -> None:
    """By hls.js: the browser's own player would have the playlist's address."""
    expect(page.locator('[data-testid=watch-state][data-state="playing"]')).to_be_attached(
        timeout=PATIENCE_MS
    )
    player = page.get_by_test_id("player")
    assert str(player.evaluate("it => it.currentSrc")).startswith("blob:")
    before = float(player.evaluate("it => it.currentTime"))
    wait_for("moving pictures", lambda: player.evaluate("it => it.currentTime") > before + 0.5)


def confirm(page: Page) -> None:
    page.get_by_test_id("confirm").click()


def test_signing_in_and_out_takes_a_keyboard_only(person: NewPerson, server: Server) -> None:
    with person() as context:
        page = context.new_page()
        keys = page.keyboard
        page.goto(f"{server.hls}/account")
        page.wait_for_url("**/sign-in?next=%2Faccount")
        expect(page.get_by_label("Name")).to_be_focused()
        keys.type("admin")
        keys.press("Tab")
        keys.type("not the password")
        keys.press("Enter")
        expect(page.get_by_role("alert")).to_have_text(WRONG)
        keys.type(admin_password(server.data))  # over the wrong one, which is selected
        keys.press("Enter")
        page.wait_for_url("**/account")
        menu = page.get_by_test_id("person").locator("summary")
        expect(menu).to_contain_text("admin")
        while not menu.evaluate("it => it === document.activeElement"):
            keys.press("Tab")
        keys.press("Enter")
        keys.press("Tab")
        expect(page.get_by_role("link", name="Channels", exact=True)).to_be_focused()
        keys.press("Escape")
        expect(menu).to_be_focused()
        keys.press("Enter")
        for _ in ("Channels", "Account", "Overview", "Admin", "Sign out"):
            keys.press("Tab")
        keys.press("Enter")
        page.wait_for_url(f"{server.hls}/")
        expect(page.get_by_test_id("sign-in-link")).to_be_visible()
        is_signed_out(page, server)


def test_a_key_is_shown_once_and_a_new_one_ends_who_has_the_old(
    admin: BrowserContext, server: Server
) -> None:
    page = admin.new_page()
    page.goto(f"{server.hls}/channels")
    page.get_by_test_id("create-channel").click()
    page.get_by_label("Title").fill("Über Nacht!")
    expect(page.get_by_label("Name in its address")).to_have_value("uber-nacht")
    page.get_by_test_id("create-submit").click()
    page.wait_for_url("**/channels/uber-nacht/settings")
    page.get_by_test_id("new-key").click()
    page.get_by_label("What is it for?").fill("The old camera")
    page.get_by_test_id("key-submit").click()
    key = fresh_key(page)
    page.reload()
    expect(page.get_by_test_id("key")).to_contain_text("The old camera")
    assert key not in page.content()
    assert key not in page.locator("input").evaluate_all("all => all.map(it => it.value)")
    with publishing(server, "uber-nacht", key) as publisher:
        wait_for("media", lambda: (server_says(server, "uber-nacht") or {}).get("media_time", 0) >= 1)
        page.get_by_role("button", name="Regenerate The old camera").click()
        confirm(page)
        assert fresh_key(page) != key
        assert publisher.wait(PATIENCE) == 4  # refused: not allowed any more
    expect(page.get_by_test_id("key")).to_have_count(1)
    page.close()


def fresh_key(page: Page) -> str:
    """The key in the dialog, copied by its button; the dialog is then left."""
    dialog = page.get_by_test_id("fresh-key")
    dialog.get_by_role("button", name="Copy stream key").click()
    expect(page.get_by_test_id("result")).to_have_text("Stream key is copied.")
    key = str(page.evaluate("navigator.clipboard.readText()"))
    expect(dialog.get_by_label("Stream key")).to_have_value(key)
    dialog.get_by_role("button", name="Done").click()
    assert len(key) == 32
    return key


def server_says(server: Server, channel: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = server.get(f"/api/v1/channels/{channel}")["broadcast"]
    return found


@contextmanager
def publishing(server: Server, channel: str, key: str) -> Iterator[subprocess.Popen[bytes]]:
    """``ingestd publish`` with this key, round and round."""
    secrets = {"INGESTD_STREAM_KEY": key, "INGESTD_TOKEN": token_for(server.data, channel)}
    command = [sys.executable, "-m", "ingestd", "publish", str(CLIP), "--loop", "--server", server.http]
    process = subprocess.Popen(command, env=os.environ | secrets, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_camera_is_live_without_a_key(
    person: NewPerson, server: Server, studio: Page, api: httpx.Client
) -> None:
    good(api.patch("/channels/evening", json={"private": False}))
    expect(studio.get_by_test_id("status")).to_contain_text("Live.")
    with person() as viewer:
        page = viewer.new_page()
        page.goto(server.hls)
        page.locator('[data-testid=card][data-channel="evening"]').get_by_role("link").click()
        page.wait_for_url("**/watch/evening")
        plays(page)


def test_a_private_channel_is_watched_by_link_and_by_who_may_broadcast(
    person: NewPerson, server: Server, admin: BrowserContext, studio: Page, api: httpx.Client
) -> None:
    password = user(api, "nora")
    page = admin.new_page()
    page.goto(f"{server.hls}/channels/evening/settings")
    page.get_by_label("Only people with a link").check()
    page.get_by_test_id("details-form").get_by_role("button", name="Save").click()
    expect(page.get_by_test_id("result")).to_have_text("Saved.")
    page.get_by_role("button", name="Make a watch link").click()
    link = page.get_by_label("Watch link", exact=True).input_value()
    page.get_by_label("Name of another person").fill("nora")
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_test_id("publisher")).to_contain_text("nora")
    page.close()
    with person() as viewer:
        page = viewer.new_page()
        page.goto(server.hls)
        expect(page.get_by_test_id("nobody")).to_be_visible()
        page.goto(f"{server.hls}/watch/evening")
        expect(page.get_by_test_id("watch-state")).to_have_text("This channel is private")
        page.get_by_label("Watch link").fill("https://example.org/not/the/link")
        page.get_by_role("button", name="Watch", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("There is no token in this link.")
        page.get_by_label("Watch link").fill(link)
        page.get_by_role("button", name="Watch", exact=True).click()
        plays(page)
        assert "token" not in page.url
        claims = jwt.decode(link.partition("token=")[2], options={"verify_signature": False})
        good(api.delete(f"/tokens/{claims['jti']}"))
        expect(page.get_by_test_id("watch-state")).to_have_text("This channel is private")
        expect(page.get_by_text("Your watch link does not work any more")).to_be_visible()
    with person() as publisher:
        page = publisher.new_page()
        sign_in(page, server, "nora", password)
        for origin in (server.hls, server.http):  # at the second one the media are another origin's
            page.goto(f"{origin}/watch/evening")
            plays(page)


def test_an_owner_revokes_the_link_they_made(person: NewPerson, server: Server, api: httpx.Client) -> None:
    password, address = user(api, "lara"), f"{server.http}/api/v1/channels/lara"
    with person() as context, signed_in(server, "lara", password) as program:
        good(program.post("/channels", json={"name": "lara", "title": "Lara", "private": True}))
        page = context.new_page()
        sign_in(page, server, "lara", password)
        page.goto(f"{server.hls}/channels/lara/settings")
        page.get_by_role("button", name="Make a watch link").click()
        link = page.get_by_label("Watch link", exact=True).input_value()
        bearer = {"Authorization": f"Bearer {link.partition('token=')[2]}"}
        assert http.get(address, headers=bearer).status_code == 200
        page.get_by_test_id("link").get_by_role("button", name="Revoke").click()
        confirm(page)
        expect(page.get_by_test_id("link")).to_have_count(0)
        assert http.get(address, headers=bearer).status_code == 403


def test_sessions_are_listed_and_ended(person: NewPerson, server: Server, api: httpx.Client) -> None:
    password = user(api, "mona")
    with person() as here, person() as elsewhere, signed_in(server, "mona", password) as program:
        mine, other = here.new_page(), elsewhere.new_page()
        for page in (mine, other):
            sign_in(page, server, "mona", password)
        mine.goto(f"{server.hls}/account")
        sessions = mine.get_by_test_id("session")
        expect(sessions).to_have_count(3)
        expect(sessions.filter(has_text="Chrome on Linux")).to_have_count(2)
        expect(sessions.first).to_contain_text("in use now")
        sessions.filter(has_text="httpx").get_by_role("button").click()
        expect(sessions).to_have_count(2)
        assert program.get("/session").json()["user"] is None
        mine.get_by_test_id("end-others").click()
        confirm(mine)
        expect(sessions).to_have_count(1)
        is_signed_out(other, server)
        mine.get_by_test_id("sign-out").click()
        mine.wait_for_url(f"{server.hls}/")
        is_signed_out(mine, server)


def test_an_admin_makes_a_person_and_disables_them(
    person: NewPerson, server: Server, admin: BrowserContext
) -> None:
    page = admin.new_page()
    page.goto(f"{server.hls}/admin")
    page.get_by_test_id("new-user").click()
    page.get_by_label("Name", exact=True).fill("vera")
    password = page.get_by_label("First password", exact=True).input_value()
    page.get_by_test_id("user-submit").click()
    expect(page.get_by_test_id("result")).to_have_text("vera can sign in now.")
    expect(page.get_by_test_id("audit")).to_contain_text("user vera")
    with person() as theirs:
        hers = theirs.new_page()
        sign_in(hers, server, "vera", password)
        hers.goto(f"{server.hls}/admin")
        expect(hers.get_by_text("This page is for admins.")).to_be_visible()
        page.get_by_role("button", name="Disable: vera").click()
        confirm(page)
        vera = page.get_by_test_id("user").filter(has_text="vera")
        expect(vera.get_by_text("Disabled", exact=True)).to_be_visible()  # it is there before, but hidden
        is_signed_out(hers, server)
        hers.get_by_label("Name").fill("vera")
        hers.get_by_label("Password").fill(password)
        hers.get_by_role("button", name="Sign in").click()
        expect(hers.get_by_role("alert")).to_have_text(WRONG)
    page.close()


def test_a_place_that_is_pushed_to_gets_another_key_and_another_address(
    admin: BrowserContext, server: Server, api: httpx.Client
) -> None:
    """By keyboard where a dialog is; nothing is live there, so nothing is pushed."""
    good(api.post("/channels", json={"name": "pushed", "title": "Pushed"}))
    first, second = "rtmp://93.184.216.34/live", "rtmp://93.184.216.34/other"
    page = admin.new_page()
    page.goto(f"{server.hls}/channels/pushed/settings")
    page.get_by_test_id("new-target").click()
    page.keyboard.type(first)
    page.get_by_label("Stream key there").fill("the-first-key")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("result")).to_have_text("The place is added.")

    def change() -> dict[str, Any]:
        with page.expect_request(lambda request: request.method == "PATCH") as asked:
            page.get_by_test_id("target-submit").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_test_id("result")).to_have_text("The place is changed.")
        expect(page.get_by_role("button", name="Change: ")).to_be_focused()
        return dict(asked.value.post_data_json or {})

    page.get_by_role("button", name=f"Change: {first}").click()
    key = page.get_by_label("Stream key there")
    expect(page.get_by_label("Server", exact=True).and_(page.locator("#target-url"))).to_have_value(first)
    expect(key).to_have_value("")
    page.get_by_label("Rendition").select_option("480p")
    assert change() == {"url": first, "rendition": "480p"}
    page.get_by_role("button", name=f"Change: {first}").click()
    page.locator("#target-url").fill(second)
    page.get_by_test_id("target-submit").click()  # another address without its key
    expect(key).to_be_focused()
    key.fill("the-second-key")
    assert change() == {"url": second, "rendition": "480p", "key": "the-second-key"}
    (target,) = good(api.get("/channels/pushed/targets"))["targets"]
    assert (target["url"], target["rendition"]) == (second, "480p")
    expect(page.get_by_test_id("target")).to_contain_text(second)
    expect(page.get_by_test_id("target")).to_contain_text("480p")
    page.close()


def test_an_admin_hands_a_channel_over(admin: BrowserContext, server: Server, api: httpx.Client) -> None:
    good(api.post("/channels", json={"name": "handed", "title": "Handed"}))
    user(api, "olga")
    page = admin.new_page()
    page.goto(f"{server.hls}/channels/handed/settings")
    page.get_by_label("Hand the channel over to").fill("olga")
    page.get_by_role("button", name="Hand over").click()
    expect(page.get_by_test_id("result")).to_have_text("olga owns this channel now.")
    expect(page.get_by_text("Its owner, olga, may.")).to_be_visible()
    assert good(api.get("/channels/handed"))["owner"] == "olga"
    page.close()


def user(api: httpx.Client, name: str) -> str:
    """A broadcaster of that name; the password."""
    password = f"password of {name}"
    good(api.post("/users", json={"name": name, "password": password, "role": "broadcaster"}))
    return password
