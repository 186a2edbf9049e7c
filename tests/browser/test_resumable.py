"""The page keeps what is not safe: lost connections, other sources, another publisher."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser.conftest import FAKE_CAMERA, PATIENCE_MS, browser, studio, with_figures
from tests.support.media import check_ended
from tests.support.proxy import Proxy
from tests.support.server import Server, running, wait_for

# One small rung, and a window that is longer than any cut here.
LADDER = "[{height=240,bitrate=300}]"
WINDOW = 120  # seconds

# The browser's database, as the page uses it: two pieces in, one out, one away; then a dead page's.
DATABASE = """
async () => {
  const { openIdbStore } = await import('/assets/lib/store-idb.js');
  const rows = () => new Promise((done, failed) => {
    const request = indexedDB.open('ingestd');
    request.onsuccess = () => {
      const keys = request.result.transaction('chunks').objectStore('chunks').getAllKeys();
      keys.onsuccess = () => {
        request.result.close();
        done(keys.result.map(([page, key]) => `${page} ${key}`));
      };
    };
    request.onerror = () => failed(request.error);
  });
  const store = await openIdbStore('alive');
  await store.put([[1, new Blob(['one'])], [2, new Blob(['two'])]]);
  const two = await (await store.get(2)).text();
  await store.remove([1]);
  const missing = await store.get(1).then(() => 'there', () => 'gone');
  const { IdbStore } = await import('/assets/lib/store-idb.js');
  const database = await new Promise((done) => {
    const request = indexedDB.open('ingestd');
    request.onsuccess = () => done(request.result);
  });
  await new IdbStore(database, 'dead').put([[7, new Blob(['left'])]]);
  const before = await rows();
  await openIdbStore('next');
  return { two, missing, before, after: await rows() };
}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(
        encoder_preset="ultrafast",
        encoder_ladder=LADDER,
        ingest_resume_window=WINDOW,
        hls_poster_every=0,
        ingest_max_load=0,
    ) as made:
        yield made


def go_live(page: Page) -> None:
    page.get_by_test_id("go-live").click()
    in_state(page, "live")


def in_state(page: Page, state: str) -> None:
    expect(page.locator(f'[data-testid=status][data-state="{state}"]')).to_be_attached(timeout=PATIENCE_MS)


def unsafe(page: Page) -> float:
    """Seconds that the page says are not yet safe."""
    return float((page.locator("#unsafe").text_content() or "0").split()[0])


def media_time(server: Server) -> float:
    newest = server.newest()
    return float(newest["media_time"]) if newest else 0.0


def stop(page: Page, server: Server) -> dict[str, Any]:
    """The page says that all of it is in the playlist, and so it is."""
    page.get_by_test_id("stop").click()
    in_state(page, "ended")
    expect(page.get_by_test_id("status")).to_have_text("Ended: everything is in the playlist.")
    ended = server.wait_state("ended", "failed")
    assert ended["state"] == "ended"
    return ended


def discontinuities(server: Server, ended: dict[str, Any]) -> int:
    (playlist,) = check_ended(server, ended).values()
    return len(re.findall(r"^#EXT-X-DISCONTINUITY$", playlist, re.MULTILINE))


@pytest.mark.parametrize("fault", ["cut", "black_hole"])
def test_a_lost_connection_loses_nothing(
    playwright: Playwright, server: Server, tmp_path: Path, fault: str
) -> None:
    port = int(server.hls.rpartition(":")[2])
    with (
        Proxy(port) as proxy,
        browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context,
    ):
        page = studio(context, replace(server, hls=proxy.url))
        go_live(page)
        live = server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 3)
        getattr(proxy, fault)()
        in_state(page, "reconnecting")
        expect(page.get_by_test_id("status")).to_contain_text("Recording goes on here; nothing is lost.")
        wait_for("what waits", lambda: unsafe(page) >= 6)
        expect(page.get_by_test_id("status")).to_contain_text("are waiting here")
        proxy.restore()
        in_state(page, "live")
        wait_for("what waited to be safe", lambda: unsafe(page) < 5)
        assert [worker.url.rpartition("/")[2] for worker in page.workers] == ["timer-worker.js"]
        recorded = page.locator("#time").text_content() or ""
        ended = stop(page, server)
    minutes, seconds = recorded.split(":")
    assert ended["id"] == live["id"]
    assert ended["media_time"] >= int(minutes) * 60 + int(seconds) - 1
    assert discontinuities(server, ended) == 0


def test_a_broadcast_that_is_over_is_followed_by_one_with_all_that_was_kept(
    playwright: Playwright, tmp_path: Path
) -> None:
    """Without a gap between the two: the second begins with what did not stand in the first."""
    with (
        running(
            encoder_preset="ultrafast",
            encoder_ladder=LADDER,
            ingest_resume_window=2,
            hls_poster_every=0,
            ingest_max_load=0,
        ) as server,
        Proxy(int(server.hls.rpartition(":")[2])) as proxy,
        browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context,
    ):
        page = studio(context, replace(server, hls=proxy.url))
        page.evaluate(
            """() => {
              const { start } = MediaRecorder.prototype;
              window.recorders = 0;
              MediaRecorder.prototype.start = function (...given) {
                window.recorders += 1;
                return start.apply(this, given);
              };
            }"""
        )
        go_live(page)
        server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 5)
        proxy.cut()
        expect(page.get_by_test_id("status")).to_contain_text(
            "The server has probably ended the broadcast by now.", timeout=PATIENCE_MS
        )
        first = server.wait_state("ended")
        away = unsafe(page)
        proxy.restore()
        expect(page.locator("#notice")).to_contain_text("A new broadcast has begun.", timeout=PATIENCE_MS)
        expect(page.locator("#notice")).not_to_contain_text("could not be delivered")
        in_state(page, "live")
        wait_for("what waited to be safe", lambda: unsafe(page) < 5)
        second = stop(page, server)
        assert discontinuities(server, second) == 0
        assert page.evaluate("window.recorders") == 1
    assert second["id"] != first["id"]
    assert second["media_time"] >= away


def test_another_source_stays_on_air(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    with browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context:
        page = studio(context, server)
        go_live(page)
        page.evaluate(
            """() => {
              const status = document.querySelector('#status');
              window.states = [];
              new MutationObserver(() => window.states.push(status.dataset.state))
                .observe(status, { attributes: true });
            }"""
        )
        live = server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 2)
        before = media_time(server)
        page.get_by_test_id("source-screen").check(force=True)
        wait_for("more media", lambda: media_time(server) >= before + 4)
        in_state(page, "live")
        states = page.evaluate("window.states")
        ended = stop(page, server)
    assert states == []
    assert ended["id"] == live["id"]
    assert discontinuities(server, ended) == 1


def test_everything_can_be_chosen_anew_while_live(
    playwright: Playwright, server: Server, tmp_path: Path
) -> None:
    """Quality, file and camera are epochs; the microphone is not: what is recorded is the mixer."""
    clip = tmp_path / "clip.webm"
    source = "testsrc2=size=640x360:rate=15:duration=60"  # its end would be that of the broadcast
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-f", "lavfi", "-i", "sine=duration=60"]
    subprocess.run(
        [*command, "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", str(clip)], check=True
    )

    def on_air(height: int) -> None:
        """The server receives a picture of that size, and what it received becomes media."""
        server.wait_for(f"{height} lines", lambda one: one["source"]["video"]["height"] == height)
        before = media_time(server)
        wait_for("more media", lambda: media_time(server) >= before + 2)

    with browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context:
        page = studio(context, server)
        go_live(page)
        live = server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 1)
        page.locator("#quality").select_option("480p30")
        server.wait_for(
            "the next encoder", lambda one: one["encoder"]["generation"] > live["encoder"]["generation"]
        )
        on_air(720)
        page.get_by_test_id("mic-select").select_option(index=1)
        page.get_by_test_id("mic-select").select_option("none")
        page.get_by_test_id("source-file").check(force=True)
        page.get_by_test_id("file-input").set_input_files(clip)
        on_air(360)
        page.get_by_test_id("source-camera").check(force=True)
        on_air(720)
        expect(page.get_by_test_id("error")).to_be_hidden()
        ended = stop(page, server)
    assert ended["id"] == live["id"]
    assert discontinuities(server, ended) == 3


def test_a_picker_that_is_closed_leaves_the_camera_on_air(
    playwright: Playwright, server: Server, tmp_path: Path
) -> None:
    with browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context:
        page = studio(context, server)
        go_live(page)
        server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 1)
        page.evaluate(
            """() => {
              const refused = new DOMException('', 'NotAllowedError');
              navigator.mediaDevices.getDisplayMedia = () => Promise.reject(refused);
            }"""
        )
        page.get_by_test_id("source-screen").click(force=True)
        expect(page.get_by_test_id("error")).to_contain_text("what was on air goes on. (Nothing was chosen")
        expect(page.get_by_test_id("source-camera")).to_be_checked()
        before = media_time(server)
        wait_for("more media", lambda: media_time(server) >= before + 2)
        ended = stop(page, server)
    assert discontinuities(server, ended) == 0


def test_who_is_taken_over_is_told_so(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    with browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context:
        first = studio(context, server)
        go_live(first)
        live = server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 1)
        second = studio(context, server)
        second.get_by_test_id("go-live").click()
        expect(second.get_by_test_id("error")).to_contain_text("already live from somewhere else")
        second.get_by_test_id("take-over").click()
        in_state(second, "live")
        in_state(first, "failed")
        expect(first.get_by_test_id("error")).to_contain_text("Another publisher took over this channel.")
        expect(first.get_by_test_id("take-over")).to_be_hidden()
        server.wait_for("the second", lambda one: one["id"] != live["id"] and one["media_time"] >= 1)
        ended = stop(second, server)
    assert ended["id"] != live["id"]


def test_the_database_holds_what_it_is_given(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    with browser(playwright, tmp_path / "profile") as context:
        with_figures(context, "lib/store-idb.js", {})
        page = context.new_page()
        page.goto(f"{server.hls}/watch/{server.channel}")
        found = page.evaluate(DATABASE)
    assert found == {"two": "two", "missing": "gone", "before": ["alive 2", "dead 7"], "after": ["alive 2"]}
