"""Admins see how the server does, and why a broadcast went as it did; others are told that they do not."""

from __future__ import annotations

import io
import json
import re
import tarfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect

from tests.browser.conftest import CHROMIUM, QUIET
from tests.browser.test_accounts import LADDER, publishing, sign_in, somebody
from tests.support.accounts import admin_password
from tests.support.administrator import administrator, good
from tests.support.server import Server, running, wait_for

AGAIN = re.compile(r"[2-9]|\d\d+")  # points of a graph: more than one
RATE = re.compile(r"From publishers [\d.]+ [kM]b/s")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(channels=2, encoder_preset="ultrafast", encoder_ladder=LADDER, hls_poster_every=0) as made:
        yield made


@pytest.fixture(scope="module")
def chromium(server: Server, playwright: Playwright) -> Iterator[Browser]:
    """Begun after the server, whose installation is made in an event loop: playwright has one, too."""
    made = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
    yield made
    made.close()


@pytest.fixture(scope="module")
def broadcast(server: Server) -> Iterator[str]:
    """The id of one that is live for as long as these tests take."""
    with publishing(server, server.channel, server.stream_key):
        yield str(server.wait_state("live")["id"])


@pytest.fixture
def admin(chromium: Browser, server: Server) -> Iterator[BrowserContext]:
    with somebody(chromium) as context:
        sign_in(context.new_page(), server, "admin", admin_password(server.data))
        yield context


def young(server: Server) -> psutil.Process | None:
    """The encoder, if it does not end by itself soon: with each round of the clip, of ten seconds, there is
    another one."""
    for one in server.children("ffmpeg"):
        with suppress(psutil.NoSuchProcess):
            if time.time() - one.create_time() < 4:
                return one
    return None


def test_a_live_broadcast_is_shown_and_graphs_grow(
    admin: BrowserContext, server: Server, broadcast: str
) -> None:
    page = admin.new_page()
    page.goto(f"{server.hls}/channels")
    page.get_by_test_id("person").locator("summary").click()
    page.get_by_role("link", name="Overview").click()
    page.wait_for_url("**/admin/overview")
    card = page.get_by_test_id("show")
    expect(card.locator(".state")).to_have_text("Live")
    traffic = page.get_by_test_id("graph-traffic")
    expect(traffic).to_have_attribute("data-points", AGAIN)
    expect(traffic.locator(".key")).to_contain_text(RATE)
    expect(page.get_by_test_id("now")).to_contain_text("Live1")
    drawn = "it => it.getContext('2d').getImageData(0, 0, it.width, it.height).data.some(value => value > 0)"
    assert traffic.locator("canvas").evaluate(drawn)

    points = traffic.get_by_role("slider")
    points.focus()
    expect(points).to_have_attribute("aria-valuetext", RATE)
    newest = int(points.get_attribute("aria-valuenow") or 0)
    page.keyboard.press("ArrowLeft")
    expect(points).to_have_attribute("aria-valuenow", str(newest - 1))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(traffic.get_by_role("table")).to_contain_text("b/s")

    card.locator(".name").click()
    page.wait_for_url(f"**/channels/{server.channel}/broadcasts/{broadcast}")


def test_a_diagnosis_tells_what_happened_and_is_there_to_keep(
    admin: BrowserContext, server: Server, broadcast: str
) -> None:
    page = admin.new_page()
    page.goto(f"{server.hls}/channels/{server.channel}/broadcasts/{broadcast}")
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", "live")
    expect(page.get_by_test_id("timeline")).to_contain_text("Went live")
    expect(page.get_by_test_id("publishers")).to_contain_text("WebSocket from 127.0.0.1")
    expect(page.get_by_test_id("lines")).to_contain_text("encoder_started")
    for name in ("bitrate", "speed", "lag"):
        expect(page.get_by_test_id(f"graph-{name}")).to_have_attribute("data-points", AGAIN)

    wait_for("an encoder that has just begun", lambda: young(server)).kill()
    expect(page.get_by_test_id("timeline")).to_contain_text("The encoder ended early")
    life = page.get_by_test_id("encoders").locator("details").last
    life.locator("summary").click()
    expect(life).to_contain_text("Frames made")

    with page.expect_download() as started:
        page.get_by_test_id("download").click()
    assert started.value.suggested_filename == f"ingestd-{broadcast}.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(Path(started.value.path()).read_bytes())) as tar:
        found = tar.extractfile(f"ingestd-{broadcast}/diagnosis.json")
        assert found and json.load(found)["broadcast"] == broadcast


def test_a_channel_s_settings_lead_to_its_broadcast(
    admin: BrowserContext, server: Server, broadcast: str
) -> None:
    page = admin.new_page()
    page.goto(f"{server.hls}/channels/{server.channel}/settings")
    page.get_by_test_id("diagnosis").click()
    page.wait_for_url(f"**/channels/{server.channel}/broadcasts/{broadcast}")
    expect(page.get_by_test_id("state")).to_be_visible()


def test_others_are_told_that_it_is_not_for_them(chromium: Browser, server: Server, broadcast: str) -> None:
    with administrator(server) as api:
        good(api.post("/users", json={"name": "nora", "password": "long enough", "role": "broadcaster"}))
    with somebody(chromium) as context:
        page = context.new_page()
        page.goto(f"{server.hls}/admin/overview")
        page.wait_for_url("**/sign-in?next=%2Fadmin%2Foverview")
        sign_in(page, server, "nora", "long enough")
        page.goto(f"{server.hls}/admin/overview")
        expect(page.locator("#loading")).to_have_text("This page is for admins.")
        page.get_by_test_id("person").locator("summary").click()
        expect(page.get_by_role("link", name="Overview")).to_have_count(0)
        page.goto(f"{server.hls}/channels/{server.channel}/broadcasts/{broadcast}")
        expect(page.locator("#loading")).to_have_text("You are not allowed to do this.")
        expect(page.get_by_test_id("download")).to_be_hidden()
