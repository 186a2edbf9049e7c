"""The page that checks browser and connection, in a real browser with a fake camera."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.browser.conftest import CHROMIUM, FAKE_CAMERA, PATIENCE_MS, QUIET
from tests.browser.test_accounts import sign_in
from tests.support.accounts import admin_password
from tests.support.network import udp_blocked
from tests.support.server import Server, running
from tests.support.turn import BY_TCP, BY_UDP, RELAYS, coturn
from tests.system.conftest import SMALL

pytestmark = pytest.mark.timeout(300)  # the page itself waits for what does not come

SECRET = "0123456789abcdef-shared-with-coturn"
ALL = ("camera", "microphone", "socket", "upload", "stun", "turn", "udp", "loopback")
DEVICES = ("camera", "microphone")
WEBRTC = ("stun", "turn", "udp", "loopback")
FALLBACK = "Watching goes on by HLS; publishing by WebSocket."


@pytest.fixture(scope="module")
def server(network: None) -> Iterator[Server]:
    with running(channels=2, webrtc_enabled=True, **SMALL) as made:
        yield made


@pytest.fixture(scope="module")
def behind_turn(network: None) -> Iterator[Server]:
    """A server with STUN and TURN."""
    turn: dict[str, Any] = {"webrtc_turn": f'["{BY_UDP}", "{BY_TCP}"]', "webrtc_turn_secret": SECRET}
    turn["webrtc_stun"] = f'["{BY_UDP.replace("turn:", "stun:").partition("?")[0]}"]'
    with running(channels=2, webrtc_enabled=True, **turn, **SMALL) as made:
        yield made


@pytest.fixture(scope="module")
def playwright(server: Server, behind_turn: Server) -> Iterator[Playwright]:
    """Begun after the servers, which are made in event loops."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as made:
        yield made


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    made = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *FAKE_CAMERA])
    yield made
    made.close()


@contextmanager
def somebody(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    wrong: list[str] = []
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    yield context
    context.close()
    assert not wrong


def checked(context: BrowserContext, server: Server, button: str = "everything") -> Page:
    """The page once it is done."""
    page = context.new_page()
    page.goto(f"{server.hls}/diagnose")
    page.get_by_test_id(button).click()
    done(page)
    return page


def done(page: Page) -> None:
    expect(page.get_by_test_id("report")).to_be_visible()
    expect(page.get_by_test_id("said")).to_contain_text("Done: ")


def lights(page: Page) -> dict[str, str]:
    return {name: str(page.get_by_test_id(name).get_attribute("data-light")) for name in ALL}


def figures(page: Page, name: str) -> str:
    return " | ".join(page.get_by_test_id(name).locator(".measured li").all_inner_texts())


def test_where_all_is_well_all_is_said_to_work(chromium: Browser, server: Server) -> None:
    with somebody(chromium) as context:
        sign_in(context.new_page(), server, "admin", admin_password(server.data))
        page = checked(context, server)
        assert lights(page) == dict.fromkeys(ALL, "good") | {"stun": "off", "turn": "off"}
        expect(page.get_by_test_id("stun")).to_contain_text("No STUN server is configured.")
        assert "640 × 480" in figures(page, "camera")
        assert "round trip" in figures(page, "socket")
        assert "b/s | as for the channel demo" in figures(page, "upload")
        assert "directly by UDP" in figures(page, "udp")
        back = figures(page, "loopback")
        assert "delay " in back and "H264" in back and "% of packets lost" in back
        picture = page.get_by_test_id("loopback").locator("canvas")
        assert picture.evaluate("it => it.width") > 0
        text = page.get_by_test_id("report").input_value()
        assert text.startswith(f"Browser and connection, {server.hls}, ")
        assert "WebRTC, there and back: works. " in text and "198.51.100" not in text
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_test_id("copy").click()
        expect(page.get_by_test_id("copy")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == text


def test_a_viewer_is_asked_for_no_camera_and_told_what_takes_an_account(
    chromium: Browser, server: Server
) -> None:
    with somebody(chromium) as context:
        page = checked(context, server, "connection")
        assert lights(page) == dict.fromkeys(ALL, "off") | dict.fromkeys(
            ("socket", "udp", "loopback"), "good"
        )
        expect(page.get_by_test_id("camera")).to_contain_text("Left out.")
        expect(page.get_by_test_id("upload")).to_contain_text("Sign in to test this.")
        by_link = context.new_page()
        by_link.goto(f"{server.hls}/diagnose?check=connection")
        done(by_link)
        assert lights(by_link) == lights(page)


def test_where_no_udp_gets_through_it_says_what_goes_on_and_which_ports(
    chromium: Browser, server: Server
) -> None:
    with udp_blocked(), somebody(chromium) as context:
        page = checked(context, server, "connection")
        assert lights(page)["socket"] == "good"
        assert lights(page)["udp"] == lights(page)["loopback"] == "bad"
        expect(page.get_by_test_id("udp")).to_contain_text(
            f"UDP to this server does not get through. {FALLBACK}"
        )
        expect(page.get_by_test_id("udp")).to_contain_text("20000-20099 (publishers)")
        assert "Let UDP in on 20000-20099" in page.get_by_test_id("report").input_value()
    with somebody(chromium) as context:  # its place is free again
        assert lights(checked(context, server, "connection"))["loopback"] == "good"


def test_stun_and_turn_and_that_a_relay_helps_where_udp_is_blocked(
    chromium: Browser, behind_turn: Server
) -> None:
    with coturn(SECRET), somebody(chromium) as context:
        page = checked(context, behind_turn, "connection")
        assert [lights(page)[name] for name in WEBRTC] == ["off", "good", "good", "good"]
        expect(page.get_by_test_id("stun")).to_contain_text("this device may need none")  # there is no NAT
        assert figures(page, "turn") == "relays by UDP | relays by TCP"
        with udp_blocked(but=RELAYS):
            blocked = checked(context, behind_turn, "connection")
        assert [lights(blocked)[name] for name in WEBRTC] == ["bad", "good", "bad", "good"]
        assert figures(blocked, "turn") == "relays by TCP"
        assert "by TURN over TCP" in figures(blocked, "loopback")


def test_a_turn_server_that_refuses_or_is_not_there(chromium: Browser, behind_turn: Server) -> None:
    with somebody(chromium) as context:
        with coturn(f"{SECRET}x"):
            refused = checked(context, behind_turn, "connection")
            assert lights(refused)["turn"] == "bad"
            expect(refused.get_by_test_id("turn")).to_contain_text("webrtc.turn_secret")
            expect(refused.get_by_test_id("turn")).to_contain_text("The TURN server refuses")
        gone = checked(context, behind_turn, "connection")
        expect(gone.get_by_test_id("turn")).to_contain_text("No TURN server answers.")
        assert lights(gone)["loopback"] == "good"


def test_a_camera_that_is_not_allowed_and_one_that_is_not_there(
    playwright: Playwright, server: Server
) -> None:
    for flags, light, words in (
        ((), "off", "was found"),
        (("--use-fake-device-for-media-stream", "--deny-permission-prompts"), "bad", "not allowed to use it"),
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *flags])
        with somebody(browser) as context:
            page = checked(context, server)
            for device in DEVICES:
                assert lights(page)[device] == light
                expect(page.get_by_test_id(device)).to_contain_text(words)
        browser.close()


def test_a_server_that_is_gone(chromium: Browser, server: Server) -> None:
    with somebody(chromium) as context:
        page = context.new_page()
        page.goto(f"{server.hls}/diagnose")
        context.set_offline(True)
        page.get_by_test_id("connection").click()
        done(page)
        assert lights(page)["udp"] == lights(page)["socket"] == "bad"
        context.set_offline(False)
        page.get_by_test_id("connection").click()
        done(page)
        assert lights(page)["udp"] == lights(page)["socket"] == "good"
