"""The studio: ready, live and over, at a glance. From a desktop window and from a phone's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Locator, Page, Playwright, expect

from tests.browser.conftest import FAKE_CAMERA, browser, studio, with_figures
from tests.browser.test_accounts import sign_in
from tests.browser.test_resumable import in_state, media_time, unsafe
from tests.support.accounts import admin_password
from tests.support.proxy import Proxy
from tests.support.server import Server, running, wait_for

PHONE = {"width": 390, "height": 844}
HEARD = re.compile(r"^Live\. Viewers are (\d+(?:\.\d)?) s behind\.")
# What the page asks of the screen's lock, and what becomes of each.
LOCKS = """
window.locks = [];
if (window.isSecureContext) {
  const { request } = WakeLock.prototype;
  WakeLock.prototype.request = async function (kind) {
    const asked = { kind, given: false, released: false };
    window.locks.push(asked);
    if (window.flat) throw new DOMException('a flat battery', 'NotAllowedError');
    const lock = await request.call(this, kind);
    asked.given = true;
    lock.addEventListener('release', () => (asked.released = true));
    return lock;
  };
}
"""
SIZE = "() => ({ wide: document.documentElement.scrollWidth, window: window.innerWidth })"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """To be named before ``playwright``: its installation is made in an event loop, and that has one, too."""
    with running(
        channels=2,
        encoder_preset="ultrafast",
        encoder_ladder="[{height=240,bitrate=300}]",
        ingest_resume_window=60,
        hls_poster_every=0,
        ingest_max_load=0,
    ) as made:
        yield made


def light(page: Page, which: str) -> None:
    expect(page.locator(f'[data-testid=health][data-light="{which}"]')).to_be_attached()


def says(page: Page, words: str | re.Pattern[str]) -> None:
    expect(page.get_by_test_id("status")).to_contain_text(words)


def check(page: Page, name: str, words: str) -> None:
    """A line of the checklist is as it should be."""
    line = page.get_by_test_id(f"check-{name}")
    expect(line).to_have_attribute("data-light", "good")
    expect(line).to_contain_text(words)


def check_upload(page: Page, words: str) -> None:
    """Measured again, as its button offers, where something else took the machine just then."""
    line, again = page.get_by_test_id("check-upload"), page.locator("#measure")

    def measured() -> bool:
        if again.is_enabled() and line.get_attribute("data-light") == "care":
            again.click()
        return line.get_attribute("data-light") == "good"

    wait_for("an upload that is enough", measured)
    expect(line).to_contain_text(words)


def figure(page: Page, name: str) -> Locator:
    return page.get_by_test_id(f"record-{name}")


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def ready(page: Page) -> None:
    """The camera comes on by itself, where it was allowed before."""
    page.get_by_test_id("quality").select_option("360p30")
    check(page, "picture", "On")


def test_from_a_checklist_to_a_record(server: Server, playwright: Playwright, tmp_path: Path) -> None:
    with browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context:
        with_figures(
            context, "lib/countdown.js", {"STEP_MS = 1000": "STEP_MS = 4000"}
        )  # nobody misses a number
        page, before = studio(context, server), server.newest()
        ready(page)
        check(page, "sound", "You are heard")
        check_upload(page, "enough for 360p")
        check(page, "room", "Has room for you")
        says(page, "Ready when you are.")
        light(page, "off")
        page.get_by_test_id("count-down").check()

        page.get_by_test_id("go-live").click()
        expect(page.get_by_test_id("countdown")).to_contain_text("3")
        says(page, "You go live in a moment.")
        expect(page.get_by_test_id("checklist")).to_be_hidden()
        page.keyboard.press("Escape")
        expect(page.get_by_test_id("countdown")).to_be_hidden()
        in_state(page, "ended")
        assert server.newest() == before, "nothing went on air"
        expect(page.get_by_test_id("record")).to_be_hidden()
        ready(page)

        page.get_by_test_id("go-live").click()
        expect(page.get_by_test_id("countdown")).to_contain_text("1")
        in_state(page, "live")
        light(page, "good")
        says(page, "Live. Nobody is watching at the moment.")
        expect(page.get_by_test_id("said")).to_have_text("You are live.")

        watch_it(page, server)
        expect(page.get_by_test_id("minutes")).to_be_visible()
        points = page.get_by_test_id("graph-upload")
        wait_for("samples", lambda: int(points.get_attribute("data-points") or 0) >= 5)
        expect(page.get_by_test_id("graph-upload").locator("canvas")).to_be_visible()
        expect(page.get_by_test_id("graph-upload").locator(".key")).to_contain_text("b/s")
        leaving_asks(page)
        stop_and_read(page, server)

        page.get_by_test_id("again").click()
        expect(page.get_by_test_id("stop")).to_be_focused()
        in_state(page, "live")
        expect(page.get_by_test_id("record")).to_be_hidden()
        page.get_by_test_id("stop").click()
        in_state(page, "ended")


def test_who_is_signed_in_goes_live_with_two_clicks_and_the_screen_stays_on_meanwhile(
    server: Server, playwright: Playwright, tmp_path: Path
) -> None:
    with browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context:
        context.grant_permissions(["camera", "microphone", "screen-wake-lock"])
        context.add_init_script(LOCKS)
        page, on = context.new_page(), server.on("demo1")
        sign_in(page, server, "admin", admin_password(server.data))
        page.goto(f"{server.hls}/channels/demo1")
        page.get_by_test_id("studio").click()  # one
        page.wait_for_url(f"{server.hls}/channels/demo1/studio")
        expect(page.locator("#channel-name")).to_have_text("demo1")
        check(page, "picture", "On")
        check(page, "room", "Has room for you")
        assert page.evaluate("window.locks") == []
        page.get_by_test_id("go-live").click()  # and two
        in_state(page, "live")
        live = on.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 2)
        expect(page.locator("#watch-link")).to_have_attribute("href", f"{server.hls}/watch/demo1")
        wait_for("a screen that stays on", lambda: [*map(held, page.evaluate("window.locks"))] == [True])
        page.get_by_test_id("stop").click()
        in_state(page, "ended")
        ended = on.wait_state("ended", "failed")
        assert (ended["id"], ended["state"]) == (live["id"], "ended")
        expect(page.get_by_test_id("record")).to_contain_text("That was your broadcast")
        expect(figure(page, "length")).to_have_text(clock(ended["media_time"]))
        expect(figure(page, "lost")).to_have_text("Nothing")
        wait_for("a screen that may go out", lambda: page.evaluate("window.locks")[0]["released"])

        page.evaluate("window.flat = true")
        page.get_by_test_id("again").click()
        in_state(page, "live")
        on.wait_for("media", lambda one: one["id"] != live["id"] and one["media_time"] >= 1)
        locks = page.evaluate("window.locks")
        assert [lock["kind"] for lock in locks] == ["screen"] * 2
        assert not locks[1]["given"]
        expect(page.get_by_test_id("error")).to_be_hidden()  # that is no reason to bother anybody
        page.get_by_test_id("stop").click()
        in_state(page, "ended")
        expect(page.get_by_test_id("record")).to_be_visible()


def held(lock: dict[str, bool]) -> bool:
    return lock["given"] and not lock["released"]


def watch_it(page: Page, server: Server) -> None:
    """The light says how far behind a viewer is: not less than our player's distance, and not much more."""
    viewer = page.context.new_page()
    viewer.goto(f"{server.hls}/watch/{server.channel}")
    expect(viewer.locator('[data-testid=watch-state][data-state="playing"]')).to_be_attached()
    page.bring_to_front()
    wait_for("a distance that can be true", lambda: 2 <= distance(page) <= 12)
    expect(page.get_by_test_id("watching")).to_have_text(re.compile("1"))
    viewer.close()


def distance(page: Page) -> float:
    """Seconds that viewers are behind, as the page says; 0: it says something else."""
    found = HEARD.match(page.get_by_test_id("status").inner_text())
    return float(found[1]) if found else 0.0


def leaving_asks(page: Page) -> None:
    """Who goes by mistake is asked, and stays live."""
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", answer)
    page.close(run_before_unload=True)
    wait_for("the question", lambda: page.evaluate("1") and asked)
    page.remove_listener("dialog", answer)
    assert asked == ["beforeunload"]
    in_state(page, "live")


def stop_and_read(page: Page, server: Server) -> None:
    page.get_by_test_id("stop").click()
    in_state(page, "ended")
    ended = server.wait_state("ended")
    expect(page.get_by_test_id("record")).to_be_visible()
    expect(figure(page, "length")).to_have_text(clock(ended["media_time"]))
    expect(figure(page, "peak")).to_have_text("1")
    expect(figure(page, "interruptions")).to_have_text("None")
    expect(figure(page, "lost")).to_have_text("Nothing")
    expect(page.get_by_test_id("record-words")).to_contain_text(
        re.compile(r"^Nothing was lost: all \d+:\d\d")
    )
    expect(page.get_by_test_id("record-watch")).to_have_attribute("href", f"/watch/{server.channel}")


def test_a_phone_on_a_poor_connection(server: Server, playwright: Playwright, tmp_path: Path) -> None:
    """Too slow, then gone, then back: the light says so each time, and nothing is lost."""
    with (
        Proxy(int(server.hls.rpartition(":")[2])) as proxy,
        browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context,
    ):
        figures = {"SLOW_SECONDS = 10": "SLOW_SECONDS = 3", "FINE_SECONDS = 5": "FINE_SECONDS = 2"}
        with_figures(context, "lib/flow.js", {**figures, "TREND_MS = 5000": "TREND_MS = 1500"})
        page = studio(context, replace(server, hls=proxy.url))
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        check(page, "room", "Has room for you")
        within_reach(page, "go-live")
        page.get_by_test_id("quality").select_option("360p30")
        page.get_by_test_id("go-live").click()
        in_state(page, "live")
        light(page, "good")
        within_reach(page, "stop")

        proxy.throttle(8_000)
        says(page, re.compile(r"Your upload is too slow .* s are waiting here, nothing is lost\."))
        light(page, "care")
        proxy.restore()
        light(page, "good")

        proxy.cut()
        in_state(page, "reconnecting")
        light(page, "bad")
        says(page, re.compile(r"nothing is lost\. \d+ s are waiting here\."))
        proxy.restore()
        in_state(page, "live")
        light(page, "good")
        before = media_time(server)
        wait_for("more media", lambda: media_time(server) >= before + 1 and unsafe(page) < 5)
        page.get_by_test_id("stop").click()
        in_state(page, "ended")
        expect(figure(page, "interruptions")).to_have_text(re.compile(r"^\d+ \(\d+ s"))
        expect(figure(page, "lost")).to_have_text("Nothing")
        expect(page.get_by_test_id("again")).to_be_visible()
        size = page.evaluate(SIZE)
        assert size["wide"] <= size["window"]


def within_reach(page: Page, button: str) -> None:
    """The one button that matters is in the window, however far the page is scrolled."""
    for top in (0, 10_000):
        page.evaluate(f"window.scrollTo(0, {top})")
        expect(page.get_by_test_id(button)).to_be_in_viewport(ratio=1)
    page.evaluate("window.scrollTo(0, 0)")
