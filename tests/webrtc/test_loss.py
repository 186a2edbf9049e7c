"""On a way that loses packets: pictures go on for viewers, and what was published is in the playlist."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import CHROMIUM, FAKE_CAMERA, PATIENCE_MS, QUIET
from tests.chaos.analysis import examine
from tests.chaos.clip import clip
from tests.support.media import check_ended, decode_errors
from tests.support.network import loss
from tests.support.recorder import broadcasting
from tests.support.server import Server, running, wait_for
from tests.support.whip import copied, publisher, url
from tests.system.numbered import NUMBERED, fetch
from tests.webrtc.test_watch_page import LOWEST, PEERS, plays
from tests.webrtc.test_whip import PAGE
from tests.webrtc.test_whip_faults import KEYFRAME

LOSSES = [3, 10]  # percent
SECONDS = 20  # of the numbered recording
SPARED = 3  # seconds at its end that are free of loss, and of what that has spoilt

# Of the newest connection: [pictures decoded or encoded, their packets that were asked for again].
FIGURES = """async () => {
  const all = [...(await peers.at(-1).getStats()).values()];
  const video = all.find((one) => /^(in|out)bound-rtp$/.test(one.type) && one.kind === "video");
  return [video?.framesDecoded ?? video?.framesEncoded ?? 0, video?.nackCount ?? 0];
}"""


@pytest.fixture(scope="module")
def server(network: None) -> Iterator[Server]:
    with running(channels=7, webrtc_enabled=True, ingest_resume_window=2, **NUMBERED) as made:
        yield made


@contextmanager
def page_at(address: str) -> Iterator[Page]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *FAKE_CAMERA])
        page = browser.new_page()
        page.add_init_script(PEERS)
        page.add_init_script(LOWEST)
        page.goto(address)
        yield page
        browser.close()


def goes_on(page: Page) -> None:
    """Pictures, while packets are lost, and are asked for again."""
    before, _ = page.evaluate(FIGURES)
    wait_for("more pictures", lambda: page.evaluate(FIGURES)[0] >= before + 120)
    wait_for("packets that are asked for again", lambda: page.evaluate(FIGURES)[1] > 0)


def more_media(channel: Server) -> None:
    found = channel.newest()
    before = float(found["media_time"]) if found else 0.0
    channel.wait_for("more media", lambda one: one["media_time"] > before + 4)


@pytest.mark.parametrize("percent", LOSSES)
def test_the_watch_page_goes_on(server: Server, percent: int) -> None:
    channel = server.on(f"demo{1 + LOSSES.index(percent)}")
    with broadcasting(channel):
        channel.wait_for("WebRTC", lambda one: bool(one["whep"] and one["hls"]))
        with page_at(f"{server.hls}/watch/{channel.channel}") as page:
            plays(page, "webrtc")
            with loss(percent):
                goes_on(page)
            plays(page, "webrtc")


@pytest.mark.parametrize("percent", LOSSES)
def test_a_browsers_broadcast_goes_on_and_its_playlist_is_sound(server: Server, percent: int) -> None:
    channel = server.on(f"demo{3 + LOSSES.index(percent)}")
    with page_at(server.http) as page:
        page.evaluate(PAGE, [url(channel), channel.stream_key])
        channel.wait_state("live")
        with loss(percent):
            goes_on(page)
            more_media(channel)
        more_media(channel)
        page.evaluate("() => window.leave()")
        ended = channel.wait_state("ended", "failed")
    assert ended["state"] == "ended"
    for path in check_ended(channel, ended):
        assert decode_errors(channel, path) == ""


@pytest.mark.parametrize("percent", LOSSES)
def test_of_what_is_published_little_is_missing_and_nothing_of_the_end(server: Server, percent: int) -> None:
    channel = server.on(f"demo{5 + LOSSES.index(percent)}")
    source = clip("h264", 256, 144, SECONDS)
    with subprocess.Popen(publisher(channel, copied(source))) as process:
        channel.wait_for("media", lambda one: one["media_time"] > 2)
        with loss(percent):
            channel.wait_for("media", lambda one: one["media_time"] > 10)
        process.wait()
    ended = channel.wait_state("ended", "failed")
    found = examine(fetch(channel), str(ended["hls_broadcast"]), 0, source.frames)
    assert found.complaints == ()
    for name, one in found.renditions.items():
        first, _, last = one.runs.rpartition(", ")[2].partition("-")
        assert int(first) <= source.frames - SPARED * 30 and int(last) == source.frames - 1, (
            name,
            one.runs,
        )
        assert len(one.lost) <= KEYFRAME + source.frames * percent / 100, (name, one.runs)
        assert one.overlap < 0.05, name
