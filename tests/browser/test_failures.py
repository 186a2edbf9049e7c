"""What can fail while a page broadcasts: the person reads what to do, and no picture is lost.

Beside these: what is not allowed, and what is unplugged (test_sources); lost connections, killed servers and
recorders (test_resumable, test_every_frame).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser.conftest import PATIENCE_MS
from tests.browser.test_every_frame import (
    FIRST,
    LONG,
    SETTINGS,
    SIZE,
    STORED,
    OnAir,
    check_whole,
    on_air,
    prepared,
)
from tests.browser.test_resumable import go_live, in_state, unsafe
from tests.chaos.clip import clip
from tests.chaos.stage import Stage
from tests.support.accounts import token_for
from tests.support.administrator import administrator, good, only_key
from tests.support.resumable import Resumable
from tests.support.server import Server, wait_for
from tests.system.numbered import recording

GONE_SECONDS = 20
SHORT_SECONDS = 25  # for which a token is good: enough to go live
QUOTA = 600_000  # bytes that the browser may keep on its disk
KEPT_WORDS = "Recording goes on here; nothing is lost."
NEW_LINK_WORDS = "Open a new broadcast link in this tab, and it goes on."


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Has room for one broadcast. To be named before ``playwright``, see test_every_frame."""
    clip("vp8", *SIZE, LONG, FIRST)
    recording()
    with Stage(SETTINGS | {"ingest_max_broadcasts": 1, "ingest_idle_timeout": 60}) as made:
        yield made
    assert made.trouble == []


def says(page: Page, words: str) -> None:
    expect(page.get_by_test_id("status")).to_contain_text(words, timeout=PATIENCE_MS)


def open_link(page: Page, server: Server, key: str, token: str) -> None:
    """In the tab that broadcasts already."""
    secret = f"channel={server.channel}&streamKey={key}&token={token}"
    page.goto(f"{server.hls}/broadcast#{secret}")


def is_back(air: OnAir) -> None:
    in_state(air.page, "live")
    try:
        wait_for("what waited to be safe", lambda: unsafe(air.page) < 5)
    except AssertionError as error:
        page = air.page.get_by_test_id("status").inner_text()
        server = air.stage.look(air.server.channel)
        raise AssertionError(f"{error}: {page} {server} {air.stage.last_words()}") from None


def test_a_full_server_is_waited_for_and_one_that_is_gone_for_twenty_seconds(
    stage: Stage, playwright: Playwright, tmp_path: Path
) -> None:
    with prepared(playwright, stage, tmp_path / "profile") as air:
        other = Resumable.start(_elsewhere(air))
        other.send(recording().path.read_bytes())
        air.page.get_by_test_id("go-live").click()
        says(air.page, "The server is full at the moment.")
        says(air.page, "Trying again")
        other.finish()
        in_state(air.page, "live")  # by itself
        air.wait_live()
        assert stage.process
        stage.process.send_signal(SIGKILL)
        stage.process.wait()
        in_state(air.page, "reconnecting")
        says(air.page, KEPT_WORDS)
        wait_for("what waits", lambda: unsafe(air.page) >= GONE_SECONDS)
        stage.start()
        stage.wait_ready()
        is_back(air)
        check_whole(air, tmp_path, epochs=1)


def _elsewhere(air: OnAir) -> Server:
    """Another channel of the same server."""
    channel = air.stage.channel()
    secrets = air.stage.secrets(channel)
    there = Server(**vars(air.server))
    there.channel = channel
    there.stream_key, there.token = secrets["INGESTD_STREAM_KEY"], secrets["INGESTD_TOKEN"]
    return there


def test_a_token_that_expires_and_a_key_that_is_revoked_in_mid_broadcast(
    stage: Stage, playwright: Playwright, tmp_path: Path
) -> None:
    with prepared(playwright, stage, tmp_path / "profile") as air:
        page, server = air.page, air.server
        expires = time.time() + SHORT_SECONDS
        short = token_for(server.data, server.channel, SHORT_SECONDS)
        open_link(page, server, server.stream_key, short)
        go_live(page)
        air.wait_live()
        wait_for("the token to expire", lambda: time.time() > expires + 1)
        in_state(page, "live")  # what is under way goes on
        air.proxy.cut()
        in_state(page, "reconnecting")
        air.proxy.restore()
        says(page, f"The token has expired. {NEW_LINK_WORDS} {KEPT_WORDS}")
        wait_for("what waits", lambda: unsafe(page) >= 4)
        open_link(page, server, server.stream_key, server.token)
        is_back(air)

        key = _regenerate(server)
        says(page, f"This key or token is not valid any more. {NEW_LINK_WORDS} {KEPT_WORDS}")
        wait_for("what waits", lambda: unsafe(page) >= 4)
        open_link(page, server, key, server.token)
        is_back(air)
        check_whole(air, tmp_path, epochs=1)


def _regenerate(server: Server) -> str:
    """The channel's new stream key; the old one is good no more."""
    with administrator(server) as admin:
        path = f"/channels/{server.channel}/keys/{only_key(admin, server.channel)}/regenerate"
        return str(good(admin.post(path))["key"])


def test_a_device_without_storage_keeps_what_waits_in_memory(
    stage: Stage, playwright: Playwright, tmp_path: Path
) -> None:
    with on_air(playwright, stage, tmp_path / "profile") as air:
        browser = air.page.context.new_cdp_session(air.page)
        browser.send("Storage.overrideQuotaForOrigin", {"origin": air.proxy.url, "quotaSize": QUOTA})
        air.proxy.cut()
        in_state(air.page, "reconnecting")
        notice = air.page.get_by_test_id("notice")
        expect(notice).to_contain_text("free some space on this device", timeout=PATIENCE_MS)
        stored, waiting = int(air.page.evaluate(STORED)), unsafe(air.page)
        wait_for("more that waits", lambda: unsafe(air.page) >= waiting + 4)
        assert int(air.page.evaluate(STORED)) == stored  # the rest is in memory
        air.proxy.restore()
        is_back(air)
        check_whole(air, tmp_path, epochs=1)
