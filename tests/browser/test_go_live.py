"""The main job: a browser's camera, screen or file, seen by another page in three qualities."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, expect

from tests.browser.conftest import FAKE_CAMERA, browser, studio
from tests.support.media import check_ended, frames
from tests.support.server import Server, wait_for

# What the video shows now, as the page sees it: a small copy of the picture, and which frame it is.
PICTURE = """
video => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 32, height: 18});
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, 32, 18);
  const pixels = context.getImageData(0, 0, 32, 18).data;
  const quality = video.getVideoPlaybackQuality();
  return {pixels: pixels.join(' '), frames: quality.totalVideoFrames, time: video.currentTime,
          height: video.videoHeight};
}
"""


def picture(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.get_by_test_id("player").evaluate(PICTURE)
    return found


def spread(pixels: str) -> int:
    """How different the brightest and darkest of the picture's values are: 0 for a black frame."""
    colours = [value for index, value in enumerate(map(int, pixels.split())) if index % 4 != 3]
    return max(colours) - min(colours)


def assert_moves(page: Page, height: int) -> None:
    """Frames of that height advance, and what they show changes."""
    wait_for(f"{height} lines", lambda: picture(page)["height"] == height)
    first = picture(page)
    assert spread(first["pixels"]) > 40
    wait_for("30 more frames", lambda: picture(page)["frames"] >= first["frames"] + 30)
    wait_for("another picture", lambda: picture(page)["pixels"] != first["pixels"])
    assert picture(page)["time"] > first["time"]


def go_live(page: Page) -> None:
    page.get_by_test_id("go-live").click()
    expect(page.locator('[data-testid=status][data-state="live"]')).to_be_attached()


def stop(page: Page, server: Server) -> dict[str, Any]:
    page.get_by_test_id("stop").click()
    ended = server.wait_state("ended", "failed")
    assert ended["state"] == "ended"
    expect(page.locator('[data-testid=status][data-state="ended"]')).to_be_attached()
    return ended


def watch(context: BrowserContext, server: Server) -> Page:
    page = context.new_page()
    page.goto(f"{server.hls}/watch/{server.channel}")
    expect(page.locator('[data-testid=watch-state][data-state="playing"]')).to_be_attached()
    page.get_by_test_id("settings").evaluate("it => { it.open = true; }")  # where qualities are chosen
    return page


def test_a_camera_is_seen_in_three_qualities(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    with browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context:
        home = context.new_page()
        home.goto(server.hls)
        page = studio(context, server)
        assert "streamKey" not in page.evaluate("location.href")
        page.get_by_test_id("source-camera").check(force=True)
        page.get_by_test_id("title-input").fill("From the test's camera")
        go_live(page)
        expect(home.locator('[data-testid=card][data-channel="demo"]')).to_contain_text(
            "From the test's camera"
        )
        viewer = watch(context, server)
        for height in (720, 480, 360):
            viewer.get_by_test_id("quality").select_option(label=f"{height}p")
            assert_moves(viewer, height)
        wait_for("a poster", lambda: (server.newest() or {}).get("poster"))
        live = server.newest()
        assert live is not None
        assert live["source"]["audio"]
        ended = stop(page, server)
        over = viewer.locator('[data-testid=watch-state][data-state="ended"]')
        expect(over).to_be_attached(timeout=60_000)  # it plays to the end first, wherever it was
        expect(home.locator('[data-testid=card][data-channel="demo"]')).to_have_count(0)
    for path in check_ended(server, ended):
        pictures, packets = frames(server, path)
        assert pictures > 60
        assert packets > 100


def test_a_screen_is_seen(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    with browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context:
        page = studio(context, server)
        page.get_by_test_id("source-screen").check(force=True)
        go_live(page)
        viewer = watch(context, server)
        wait_for("frames", lambda: picture(viewer)["frames"] >= 30)
        shown = picture(viewer)
        assert shown["height"] in (720, 480, 360)
        assert spread(shown["pixels"]) > 20
        stop(page, server)


def test_a_file_is_seen_and_its_end_ends_the_broadcast(
    playwright: Playwright, server: Server, tmp_path: Path
) -> None:
    clip, seconds = tmp_path / "clip.webm", 20  # time for a busy machine's viewer to see it begin
    sources = [f"testsrc2=size=640x360:rate=30:duration={seconds}", f"sine=duration={seconds}"]
    command = ["ffmpeg", "-v", "error", *(word for one in sources for word in ("-f", "lavfi", "-i", one))]
    subprocess.run(
        [*command, "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", str(clip)], check=True
    )
    with browser(playwright, tmp_path / "profile") as context:
        page = studio(context, server)
        page.get_by_test_id("source-file").check(force=True)
        page.get_by_test_id("file-input").set_input_files(clip)
        go_live(page)
        viewer = watch(context, server)
        assert_moves(viewer, 360)
        ended = server.wait_state("ended", "failed")
        assert ended["state"] == "ended"
    for path in check_ended(server, ended):
        pictures, packets = frames(server, path)
        assert pictures == pytest.approx(seconds * 30, rel=0.2)  # what a loaded machine's recorder leaves out
        assert packets == pytest.approx(seconds * 48000 / 1024, abs=60)


def test_playback_goes_on_after_kill_9_of_the_encoder(
    playwright: Playwright, server: Server, tmp_path: Path
) -> None:
    with browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context:
        page = studio(context, server)
        page.get_by_test_id("source-camera").check(force=True)
        go_live(page)
        viewer = watch(context, server)
        wait_for("frames", lambda: picture(viewer)["frames"] >= 60)
        for process in server.children("ffmpeg"):
            with suppress(psutil.NoSuchProcess):  # one that made a poster has ended by itself
                process.kill()
        server.wait_for("a restart", lambda one: one["encoder"]["restarts"] >= 1)
        before = picture(viewer)
        wait_for("eight more seconds of play", lambda: picture(viewer)["time"] >= before["time"] + 8)
        assert picture(viewer)["frames"] > before["frames"] + 100
        expect(viewer.locator('[data-testid=watch-state][data-state="playing"]')).to_be_attached()
        stop(page, server)


def test_native_playback_takes_the_playlists(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    """Chromium's own HLS player, with nothing of ours in the page."""
    with browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context:
        page = studio(context, server)
        page.get_by_test_id("source-camera").check(force=True)
        go_live(page)
        server.wait_for("ten segments", lambda one: one["media_time"] >= 6)
        viewer = context.new_page()
        viewer.goto(f"{server.hls}/hls/demo/index.m3u8", wait_until="commit")
        # a page of the same origin without our policy: answers of the daemon that are no pages allow no media
        viewer.route("**/blank", lambda route: route.fulfill(body="<body></body>", content_type="text/html"))
        viewer.goto(f"{server.hls}/blank")
        viewer.evaluate(
            f"""() => {{
              const video = document.createElement('video');
              video.muted = true;
              video.src = {json.dumps(server.hls + "/hls/demo/index.m3u8")};
              document.body.append(video);
              return video.play();
            }}"""
        )
        video = viewer.locator("video")
        start = time.monotonic()
        wait_for(
            "native frames", lambda: video.evaluate("v => v.getVideoPlaybackQuality().totalVideoFrames") > 60
        )
        assert video.evaluate("v => v.error") is None, time.monotonic() - start
        stop(page, server)
