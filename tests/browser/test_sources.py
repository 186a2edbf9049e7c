"""What can be broadcast from the page, and what becomes of it when something is unplugged."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, expect

from tests.browser.conftest import FAKE_CAMERA, PATIENCE_MS, browser, studio, with_figures
from tests.browser.pictures import film, seconds
from tests.browser.test_resumable import discontinuities, go_live, in_state, media_time, stop
from tests.support.media import check_ended
from tests.support.proxy import Proxy
from tests.support.server import Server, running, wait_for

RED, GREEN, BLUE = (255, 0, 0), (0, 128, 0), (0, 0, 255)
WHITE_BAR, BLUE_BAR = (191, 191, 191), (0, 0, 191)
CARD = (18, 18, 23)
CENTRE = (0.5, 0.5)

# Every stream that the page is given is kept, so that a cable can be pulled.
KEEP = """
window.streams = [];
const { getUserMedia, enumerateDevices } = MediaDevices.prototype;
MediaDevices.prototype.getUserMedia = async function (wanted) {
  const stream = await getUserMedia.call(this, wanted);
  window.streams.push(stream);
  return stream;
};
MediaDevices.prototype.enumerateDevices = async function () {
  const all = await enumerateDevices.call(this);
  const gone = window.gone ?? [];
  return all.filter(({ kind, label }) => !gone.includes(kind) && !gone.includes(label));
};
"""
PULL = """
(gone) => {
  window.gone = gone;
  navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
}
"""
OPEN = """
window.streams.flatMap((stream) => stream.getVideoTracks())
  .filter(({ readyState }) => readyState === 'live').map(({ label }) => label)
"""
CUT = """
(kind) => {
  const tracks = window.streams.flatMap((stream) => stream.getTracks());
  const track = tracks.findLast((one) => one.kind === kind && one.readyState === 'live');
  track.stop();
  track.dispatchEvent(new Event('ended'));
}
"""
# A phone: one camera at a time, with two sides.
PHONE = """
const { getUserMedia: open } = MediaDevices.prototype;
let live = null;
window.sides = [];
MediaDevices.prototype.getUserMedia = async function (wanted) {
  if (!wanted.video) return open.call(this, wanted);
  if (live && live.readyState === 'live') throw new DOMException('', 'NotReadableError');
  const side = wanted.video.facingMode?.ideal ?? 'user';
  const stream = await open.call(this, { ...wanted, video: { width: 640, height: 360 } });
  [live] = stream.getVideoTracks();
  const settings = live.getSettings.bind(live);
  live.getSettings = () => ({ ...settings(), facingMode: side });
  window.sides.push(side);
  window.phone = live;
  return stream;
};
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with one_small_rendition() as made:
        yield made


def one_small_rendition() -> AbstractContextManager[Server]:
    """A server that encodes little: what is tested is what comes to it."""
    return running(
        encoder_preset="ultrafast",
        encoder_ladder="[{height=240,bitrate=500}]",
        ingest_resume_window=30,
        hls_poster_every=0,
    )


def where_there_are_devices(script: str) -> str:
    """Pages that are not secure have none: the empty one that a browser begins with."""
    return f"if (window.isSecureContext) {{ {script} }}"


def clip(path: Path, colour: str, size: str) -> Path:
    """One colour, and a tone."""
    sources = [f"color={colour}:size={size}:rate=30:duration=3", "sine=duration=3"]
    inputs = [word for one in sources for word in ("-f", "lavfi", "-i", one)]
    codec = ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"]
    subprocess.run(["ffmpeg", "-v", "error", *inputs, *codec, str(path)], check=True)
    return path


def more(server: Server, length: float) -> None:
    """Until so much more media stands in the playlist, and as much was recorded: what comes first may have
    waited on the server until now."""
    before, since = media_time(server), time.monotonic()
    wait_for(
        "more media",
        lambda: media_time(server) >= before + length and time.monotonic() >= since + length,
    )


def playlist(server: Server, ended: dict[str, Any]) -> str:
    """The URL of its one rendition."""
    (path,) = check_ended(server, ended)
    return f"{server.hls}{path}"


def says(page: Page, words: str) -> None:
    expect(page.get_by_test_id("error")).to_contain_text(words, timeout=PATIENCE_MS)


def choose(page: Page, kind: str) -> None:
    page.get_by_test_id(f"source-{kind}").check(force=True)


def test_the_test_picture_is_h264_and_its_tone_can_be_muted(
    playwright: Playwright, server: Server, tmp_path: Path
) -> None:
    with browser(playwright, tmp_path / "profile") as context:
        page = studio(context, server)
        choose(page, "test")
        expect(page.get_by_test_id("strip-sound")).to_contain_text("Tone")
        expect(page.get_by_test_id("strip-voice")).to_be_hidden()
        expect(page.get_by_test_id("quality-hint")).to_contain_text("processor core")
        supported = page.evaluate("MediaRecorder.isTypeSupported('video/x-matroska;codecs=avc1,opus')")
        go_live(page)
        live = server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 3)
        assert supported
        assert live["source"]["video"]["codec"] == "h264"
        expect(page.locator("#sending")).to_contain_text("H.264")
        page.get_by_test_id("strip-sound").get_by_role("button").click()
        more(server, 4)
        ended = stop(page, server)
        shown = film(playlist(server, ended))
    assert seconds(shown.shows((0.07, 0.2), WHITE_BAR)) > 5
    assert seconds(shown.shows((0.93, 0.2), BLUE_BAR)) > 5
    assert max(shown.loudness[:25]) > 0.05
    assert max(shown.loudness[-10:]) < 0.001
    differ = (shown.pictures[1:] != shown.pictures[:-1]).any(axis=(1, 2, 3))
    assert differ.mean() > 0.8  # it moves all the time


def test_a_camera_in_the_corner_of_a_screen_is_moved_by_keys(
    playwright: Playwright, server: Server, tmp_path: Path
) -> None:
    red = tmp_path / "red.y4m"
    lavfi = ["-f", "lavfi", "-i", "color=red:size=640x360:rate=30:duration=1"]
    subprocess.run(["ffmpeg", "-v", "error", *lavfi, "-pix_fmt", "yuv420p", str(red)], check=True)
    flags = [*FAKE_CAMERA, f"--use-file-for-fake-video-capture={red}"]
    with browser(playwright, tmp_path / "profile", *flags) as context:
        context.add_init_script(where_there_are_devices(GREEN_SCREEN))
        context.add_init_script(HIDDEN)
        page = studio(context, server)
        choose(page, "screen")
        page.get_by_test_id("inset").check()
        page.get_by_test_id("inset-size").fill("40")
        go_live(page)
        server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 3)
        page.get_by_role("radio", name="Bottom right").focus()
        for _ in range(3):
            page.keyboard.press("ArrowUp")
        expect(page.get_by_role("radio", name="Top left")).to_be_checked()
        page.evaluate("window.asleep = true")
        more(server, 4)
        page.evaluate("window.asleep = false")
        page.evaluate(END_SHARING)
        says(page, "viewers see your camera")
        expect(page.get_by_test_id("inset")).to_be_disabled()
        more(server, 3)
        page.get_by_test_id("share-again").click()
        expect(page.get_by_test_id("inset")).to_be_enabled()
        more(server, 2)
        page.get_by_test_id("inset").uncheck()
        more(server, 2)
        page.evaluate(END_SHARING)
        says(page, "Viewers see a card, and hear your microphone: share something else")
        more(server, 2)
        ended = stop(page, server)
        shown = film(playlist(server, ended))
    lower, upper, middle = (shown.shows(place, RED) for place in ((0.85, 0.8), (0.15, 0.2), CENTRE))
    screen = shown.shows(CENTRE, GREEN)
    assert seconds(lower) > 2
    assert seconds(upper) > 2
    assert not any(all(places) for places in zip(lower, upper, screen, strict=True))
    assert seconds(screen) > 6
    assert seconds(middle) > 2  # the camera alone
    assert seconds(shown.shows((0.05, 0.95), CARD, 25)) > 1
    assert discontinuities(server, ended) == 3  # shared again, without the camera, and the card


# The fake monitor shows what the fake camera shows; this one is green.
GREEN_SCREEN = """
MediaDevices.prototype.getDisplayMedia = async () => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
  const context = canvas.getContext('2d', { alpha: false });
  setInterval(() => {
    context.fillStyle = '#008000';
    context.fillRect(0, 0, 640, 360);
  }, 100);
  const stream = canvas.captureStream();
  window.shared = stream.getVideoTracks()[0];
  return stream;
};
"""
# What a hidden tab does to a page. (Playwright's are never hidden.)
HIDDEN = """
const { requestAnimationFrame, setTimeout } = window;
window.requestAnimationFrame = (run) => (window.asleep ? 0 : requestAnimationFrame.call(window, run));
window.setTimeout = (run, ms = 0) => setTimeout.call(window, run, window.asleep ? Math.max(ms, 1000) : ms);
"""

# By the browser's own bar.
END_SHARING = """
() => {
  window.shared.stop();
  window.shared.dispatchEvent(new Event('ended'));
}
"""


def test_files_follow_one_another_in_the_order_that_keys_gave_them(
    playwright: Playwright, server: Server, tmp_path: Path
) -> None:
    sizes = {"red": "1280x720", "green": "640x360", "blue": "640x360"}
    clips = [clip(tmp_path / f"{colour}.webm", colour, size) for colour, size in sizes.items()]
    broken = tmp_path / "broken.webm"
    broken.write_bytes(b"no video")
    with browser(playwright, tmp_path / "profile") as context:
        page = studio(context, server)
        choose(page, "file")
        page.get_by_test_id("file-input").set_input_files([clips[1], clips[0]])
        page.get_by_test_id("more-files").set_input_files([broken, clips[2]])
        rows = page.get_by_test_id("file-row")
        expect(rows).to_have_count(4)
        page.get_by_role("button", name="Move red.webm up").focus()
        page.keyboard.press("Enter")
        expect(rows.nth(0)).to_contain_text("red.webm")
        expect(page.get_by_role("button", name="Move red.webm down")).to_be_focused()
        page.get_by_test_id("loop").check()
        page.get_by_test_id("quality").select_option("360p30")
        go_live(page)
        first = server.wait_for("its source", lambda one: bool(one["source"] and one["source"]["video"]))
        page.get_by_test_id("loop").focus()
        expect(rows.nth(3)).to_contain_text("On air", timeout=PATIENCE_MS)
        expect(rows.nth(2)).to_contain_text("Cannot be played here")
        expect(rows.nth(0)).to_contain_text("On air", timeout=PATIENCE_MS)
        page.keyboard.press("Space")
        expect(page.get_by_test_id("loop")).not_to_be_checked()
        in_state(page, "ended")
        whole = "The file is over. Ended: everything is in the playlist."
        expect(page.get_by_test_id("status")).to_have_text(whole)
        ended = server.wait_state("ended", "failed")  # the last one, should there be several
        assert ended["state"] == "ended", ended
        shown = film(playlist(server, ended))
    assert first["source"]["video"]["height"] == 360  # as chosen
    names = [name(tuple(colour)) for colour in shown.pictures[:, 9, 16]]
    runs = [one for one, before in zip(names, ["", *names], strict=False) if one and one != before]
    rounds = len(runs) // 3
    assert rounds >= 2
    assert runs == ["red", "green", "blue"] * rounds
    assert len(names) / 5 == pytest.approx(9 * rounds, abs=1.5 * rounds)
    assert discontinuities(server, ended) == 3 * rounds - 1


def name(colour: tuple[int, ...]) -> str:
    """Which of the three it is mostly."""
    most = max(range(3), key=lambda index: colour[index])
    return ("red", "green", "blue")[most] if colour[most] > 80 else ""


def test_what_is_unplugged_does_not_end_the_broadcast(
    playwright: Playwright, server: Server, tmp_path: Path
) -> None:
    with browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context:
        context.add_init_script(where_there_are_devices(KEEP))
        page = studio(context, server)
        go_live(page)
        live = server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 3)
        page.evaluate(PULL, ["audioinput"])
        says(page, "The broadcast goes on without it")
        expect(page.get_by_test_id("strip-voice")).to_be_hidden()
        more(server, 4)
        page.evaluate(PULL, [])
        expect(page.get_by_test_id("strip-voice")).to_be_visible()
        page.evaluate(PULL, ["videoinput"])
        says(page, "Viewers see a card")
        expect(page.get_by_test_id("camera-again")).to_be_visible()
        more(server, 3)
        page.evaluate(PULL, [])
        expect(page.get_by_test_id("error")).to_be_hidden(timeout=PATIENCE_MS)
        expect(page.get_by_test_id("camera-again")).to_be_hidden()
        more(server, 3)
        page.evaluate(CUT, "audio")
        says(page, "another one has taken its place")
        in_state(page, "live")
        ended = stop(page, server)
        shown = film(playlist(server, ended))
    assert ended["id"] == live["id"]
    assert discontinuities(server, ended) == 2
    card = shown.shows((0.05, 0.95), CARD, 25)
    assert seconds(card) > 2
    assert not card[0]
    assert not card[-1]
    silent = [max(shown.loudness[start : start + 25]) < 0.01 for start in range(0, len(shown.loudness) - 25)]
    assert max(shown.loudness[:25]) > 0.05  # the fake microphone beeps each second
    assert any(silent)


def test_another_camera_takes_the_place_of_one_that_is_gone(
    playwright: Playwright, server: Server, tmp_path: Path
) -> None:
    two = [*FAKE_CAMERA[:1], "--use-fake-device-for-media-stream=fps=30,device-count=2"]
    with browser(playwright, tmp_path / "profile", *two) as context:
        context.add_init_script(where_there_are_devices(KEEP))
        page = studio(context, server)
        options = page.get_by_test_id("camera-select").locator("option")
        uses(page, "fake_device_0")
        expect(options).to_have_count(3)
        page.get_by_test_id("flip-camera").click()
        uses(page, "fake_device_1")
        expect(page.get_by_test_id("camera-select")).to_have_value(option(page, "fake_device_1"))
        page.evaluate(PULL, ["fake_device_1"])
        says(page, "another one has taken its place")
        uses(page, "fake_device_0")
        expect(options).to_have_count(2)
        page.evaluate(PULL, [])
        expect(options).to_have_count(3)
        go_live(page)
        server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 1)
        page.evaluate(PULL, ["fake_device_0"])
        says(page, "another one has taken its place")
        uses(page, "fake_device_1")
        expect(page.get_by_test_id("camera-select")).to_have_value(option(page, "fake_device_1"))
        more(server, 2)
        ended = stop(page, server)
    assert discontinuities(server, ended) == 1


def uses(page: Page, label: str) -> None:
    """This camera is open, and no other one."""
    wait_for(f"{label} alone", lambda: page.evaluate(OPEN) == [label])


def option(page: Page, label: str) -> str:
    found = page.get_by_test_id("camera-select").locator("option", has_text=label)
    return found.get_attribute("value") or ""


def test_a_phone_is_turned_and_changes_its_camera(
    playwright: Playwright, server: Server, tmp_path: Path
) -> None:
    with browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context:
        context.add_init_script(where_there_are_devices(PHONE))
        # so slowly that it is turned before the picture of the other camera has settled
        with_figures(context, "pages/broadcast-preview.js", {"SETTLED_MS = 400": "SETTLED_MS = 4000"})
        page = studio(context, server)
        page.set_viewport_size({"width": 390, "height": 844})
        go_live(page)
        live = server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 2)
        page.get_by_test_id("flip-camera").click()
        wait_for("the other side", lambda: page.evaluate("window.sides") == ["user", "environment"])
        server.wait_for(
            "the next encoder", lambda one: one["encoder"]["generation"] > live["encoder"]["generation"]
        )
        portrait = "window.phone.applyConstraints({ width: { exact: 240 }, height: { exact: 320 } })"
        page.evaluate(portrait)
        server.wait_for("a portrait picture", lambda one: one["renditions"][0]["height"] > 240)
        more(server, 2)
        ended = stop(page, server)
    assert ended["id"] == live["id"]
    assert discontinuities(server, ended) == 2


def test_a_microphone_is_muted(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    with browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context:
        page = studio(context, server)
        strip = page.get_by_test_id("strip-voice")
        expect(strip).to_be_visible()
        go_live(page)
        server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 3)
        bar = strip.locator(".meter-bar")
        wait_for("a level", lambda: scale(bar.get_attribute("style")) > 0.5)
        strip.get_by_role("slider").fill("200")
        expect(page.get_by_test_id("loud")).to_contain_text("Too loud", timeout=PATIENCE_MS)
        mute = strip.get_by_role("button", name="Mute the microphone")
        mute.focus()
        page.keyboard.press("Enter")
        expect(mute).to_have_attribute("aria-pressed", "true")
        more(server, 4)
        ended = stop(page, server)
        shown = film(playlist(server, ended))
    assert max(shown.loudness[:25]) > 0.05
    assert max(shown.loudness[-15:]) < 0.001


def scale(style: str | None) -> float:
    found = re.search(r"scaleX\(([\d.]+)\)", style or "")
    return float(found[1]) if found else 0.0


def test_what_is_not_allowed_is_said(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    flags = ["--deny-permission-prompts", *FAKE_CAMERA[1:]]
    with browser(playwright, tmp_path / "profile", *flags) as context:
        page = studio(context, server)
        page.get_by_test_id("go-live").click()
        in_state(page, "failed")
        says(page, "Allow it in the address bar")
        choose(page, "test")  # needs no permission
        expect(page.get_by_test_id("error")).to_be_hidden()
        go_live(page)
        server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 1)
        stop(page, server)


def test_the_bitrate_is_lowered_and_climbs_back(
    playwright: Playwright, server: Server, tmp_path: Path
) -> None:
    with (
        Proxy(int(server.hls.rpartition(":")[2])) as proxy,
        browser(playwright, tmp_path / "profile", *FAKE_CAMERA) as context,
    ):
        hasten(context)
        context.add_init_script(BITRATES)
        page = studio(context, Server(**{**vars(server), "hls": proxy.url}))
        page.get_by_test_id("quality").select_option("720p30")
        go_live(page)
        live = server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 3)
        proxy.throttle(15_000)
        wait_for("a lower bitrate", lambda: rates(page)[-1] < 2_500_000)
        expect(page.get_by_test_id("status")).to_contain_text("too slow")
        proxy.restore()
        wait_for("what was wanted", lambda: rates(page)[-1] == 2_500_000)
        more(server, 2)
        ended = stop(page, server)
    assert ended["id"] == live["id"]


# The bitrates that recorders were asked for.
BITRATES = """
window.bitrates = [];
window.MediaRecorder = class extends MediaRecorder {
  constructor(stream, options) {
    super(stream, options);
    window.bitrates.push(options.videoBitsPerSecond);
  }
};
"""


def rates(page: Page) -> list[int]:
    found: list[int] = page.evaluate("window.bitrates")
    return found or [10**9]


def hasten(context: BrowserContext) -> None:
    """Calm for some seconds is enough for a climb, and what was measured is soon old."""
    shorter = {"PATIENCE_MS = 30_000": "PATIENCE_MS = 4000", "FRESH_MS = 120_000": "FRESH_MS = 1000"}
    with_figures(context, "lib/upload.js", shorter)
