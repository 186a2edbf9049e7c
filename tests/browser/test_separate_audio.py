"""Sound as a rendition of its own: the watch page plays it with every quality, and so does a bare player."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.browser.conftest import CHROMIUM, QUIET
from tests.browser.test_watch import LADDER, moves, player, somebody, watching
from tests.support.accounts import token_for
from tests.support.administrator import administrator, good, listed, publishing
from tests.support.server import Server, running, wait_for

# Chromium's own player for HLS, which this build has: no library of ours.
BARE = """async (address) => {
  const video = document.createElement('video');
  video.id = 'bare';
  video.muted = true;
  video.src = address;
  document.body.append(video);
  await video.play();
}"""
HEARD = "it => [it.currentTime, it.videoHeight, it.webkitAudioDecodedByteCount]"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The channel ``demo`` is on the air."""
    with running(
        encoder_preset="ultrafast",
        encoder_ladder=LADDER,
        encoder_separate_audio=True,
        encoder_stall_timeout=30,
        hls_poster_every=2,
        ingest_max_load=0,
    ) as made:
        with publishing(made):
            listed(made)
            yield made


@pytest.fixture(scope="module")
def chromium(server: Server, playwright: Playwright) -> Iterator[Browser]:
    made = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
    yield made
    made.close()


def sounds(page: Page) -> None:
    """It decodes more sound."""
    before = player(page, "webkitAudioDecodedByteCount")
    wait_for("sound", lambda: player(page, "webkitAudioDecodedByteCount") > before)


def test_the_watch_page_plays_pictures_with_their_sound_and_lists_no_sound(
    server: Server, chromium: Browser
) -> None:
    with somebody(chromium) as viewer:
        page = watching(viewer, server.hls)
        moves(page)
        sounds(page)
        page.get_by_test_id("settings").locator("summary").click()
        menu = page.get_by_test_id("quality")
        expect(menu.locator("option")).to_have_count(3)
        assert menu.locator("option").all_inner_texts()[1:] == ["144p", "72p"]
        menu.select_option(label="72p")
        wait_for("72 lines", lambda: player(page, "videoHeight") == 72)
        moves(page)
        sounds(page)
        broadcast = listed(server)
        server.encoder(broadcast["id"]).kill()
        restarts = broadcast["encoder"]["restarts"] + 1
        server.wait_for("a restart", lambda one: one["encoder"]["restarts"] >= restarts)
        after = server.wait_for("media", lambda one: one["media_time"] > broadcast["media_time"] + 4)
        assert after["poster"], "made of pictures alone"
        for _ in range(6):
            moves(page)
        sounds(page)


def test_a_bare_player_finds_the_sound_too(server: Server, chromium: Browser) -> None:
    with somebody(chromium) as viewer:
        page = viewer.new_page()
        page.goto(f"{server.hls}/sign-in")
        page.evaluate(BARE, "/hls/demo/index.m3u8")

        def plays() -> bool:
            time, height, heard = page.locator("#bare").evaluate(HEARD)
            return bool(time > 2 and height > 0 and heard > 0)

        wait_for("two seconds with sound", plays)


def test_on_a_private_channel_the_token_leads_to_the_sound_too(server: Server, chromium: Browser) -> None:
    with administrator(server) as api:
        good(api.post("/channels", json={"name": "club", "title": "The club", "private": True}))
        key = str(good(api.post("/channels/club/keys", json={"label": "A camera"}))["key"])
    token = token_for(server.data, "club", scope="watch")
    with publishing(replace(server, channel="club", stream_key=key)), somebody(chromium) as viewer:
        page = watching(viewer, server.hls, f"/watch/club#token={token}")
        moves(page)
        sounds(page)
