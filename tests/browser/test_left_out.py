"""Who watches the rendition that a slow machine leaves out goes on: smaller for a while, then as before."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil
from playwright.sync_api import Page, Playwright, expect

from tests.browser.conftest import browser
from tests.browser.test_go_live import assert_moves, watch
from tests.chaos.clip import clip
from tests.support.server import running
from tests.system.conftest import SMALL
from tests.system.test_pace import LONG, SLOW, on_air

SETTINGS = SMALL | {
    "encoder_ladder": "[{height=144,bitrate=200},{height=72,bitrate=100}]",
    "encoder_ffmpeg": SLOW,
    "encoder_slow_timeout": 3,
    "encoder_climb_after": 4,
}
# Counts how often the player has been emptied: a reload by any other name.
COUNT = """
video => {
  window.emptied = 0;
  video.addEventListener('emptied', () => { window.emptied += 1; });
}
"""


def test_a_viewer_goes_on_while_the_top_rendition_is_left_out(playwright: Playwright, tmp_path: Path) -> None:
    source = clip("vp8", 256, 144, LONG).path
    with (
        running(hls_window=3600, **SETTINGS) as server,
        browser(playwright, tmp_path / "profile") as context,
        on_air(server, source),
    ):
        server.wait_for("a playlist", lambda one: one["hls"] is not None)
        viewer = watch(context, server)
        viewer.get_by_test_id("quality").select_option(label="144p")
        assert_moves(viewer, 144)
        viewer.get_by_test_id("player").evaluate(COUNT)
        slow = server.data / "scratch" / "slow"
        slow.touch()
        for process in server.children("ffmpeg"):
            with suppress(psutil.NoSuchProcess):
                process.kill()  # the next one is slow
        server.wait_for("a drop", lambda one: "144p is left out" in one["message"])
        assert_moves(viewer, 72)
        assert chosen(viewer) == "144p"
        slow.unlink()
        server.wait_for("the climb", lambda one: "left out" not in one["message"])
        assert_moves(viewer, 144)
        assert chosen(viewer) == "144p"
        expect(viewer.locator('[data-testid=watch-state][data-state="playing"]')).to_be_attached()
        assert viewer.evaluate("window.emptied") == 0  # and there is none after a reload


def chosen(viewer: Page) -> str:
    """The quality that the viewer sees chosen."""
    return viewer.get_by_test_id("quality").locator("option:checked").inner_text()
