"""A tab with its sound, and a microphone beside it: viewers hear both, and each can be taken out."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import BrowserContext, Locator, Page, Playwright, expect

from tests.browser.conftest import browser, studio
from tests.browser.pictures import film, seconds, tones
from tests.browser.test_resumable import go_live, stop
from tests.browser.test_sources import CENTRE, choose, more, one_small_rendition, playlist, scale
from tests.support.server import Server, wait_for

TITLE = "A tab that hums"
HUM, VOICE = 440, 1300  # Hz
LOUD = 0.2  # the hum, of full scale
# Of full scale: what is heard, and what a tone that comes and goes has at any other frequency.
HEARD, GONE = 0.08, 0.02
TEAL = (0, 128, 128)
# Its picture moves, or there would be little to record; and no policy of ours is in force there.
HUMMING = f"""<!doctype html><title>{TITLE}</title>
<style>
  html {{ background: #008080 }}
  i {{ position: fixed; inset: 0 auto auto 0; width: 60px; height: 60px; background: #fff }}
</style>
<i></i>
<script>
  const context = new AudioContext();
  const tone = new OscillatorNode(context, {{ frequency: {HUM} }});
  tone.connect(new GainNode(context, {{ gain: {LOUD} }})).connect(context.destination);
  tone.start();
  const box = document.querySelector('i');
  setInterval(() => (box.style.translate = `${{Math.floor(performance.now() / 10) % 200}}px 0`), 50);
</script>"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with one_small_rendition() as made:
        yield made


def spoken(file: Path) -> Path:
    """In short pieces, as speech is: what goes on for ever is noise, and a browser takes it away."""
    beeps = f"aevalsrc=0.5*sin(2*PI*{VOICE}*t)*lt(mod(t\\,0.5)\\,0.2):s=48000:d=4"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", beeps, str(file)], check=True)
    return file


def humming(context: BrowserContext, server: Server) -> Page:
    """The other tab. It is chosen by its title, as by a person in the browser's own dialogue."""
    context.route("**/hum", lambda route: route.fulfill(body=HUMMING, content_type="text/html"))
    page = context.new_page()
    page.goto(f"{server.hls}/hum")
    wait_for("its sound", lambda: page.evaluate("context.state") == "running")
    return page


def level(strip: Locator) -> float:
    """Where the meter stands."""
    return scale(strip.locator(".meter-bar").get_attribute("style"))


def at_times(heard: NDArray[np.bool_], tenths: int = 10) -> NDArray[np.bool_]:
    """For each second, from each tenth on, whether anything was heard in it."""
    return np.convolve(heard, np.ones(tenths), "valid") > 0


def test_a_tab_and_a_microphone_are_heard_together_and_each_is_muted_alone(
    playwright: Playwright, server: Server, tmp_path: Path
) -> None:
    flags = [
        "--use-fake-device-for-media-stream=fps=30",
        f"--use-file-for-fake-audio-capture={spoken(tmp_path / 'voice.wav')}",
        f"--auto-select-tab-capture-source-by-title={TITLE}",
        "--disable-audio-output",
    ]
    # a browser that is muted has tabs that are captured without their sound
    with browser(playwright, tmp_path / "profile", *flags, without=["--mute-audio"]) as context:
        context.grant_permissions(["camera", "microphone"])
        humming(context, server)
        page = studio(context, server)
        choose(page, "screen")
        go_live(page)
        tab, voice = page.get_by_test_id("strip-sound"), page.get_by_test_id("strip-voice")
        expect(tab).to_contain_text("Tab or computer")
        server.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] >= 1)
        wait_for("both levels", lambda: level(tab) > 0.7 and level(voice) > 0.5)
        more(server, 3)
        voice.get_by_role("button", name="Mute the microphone").click()
        wait_for("no voice", lambda: level(voice) == 0)
        assert level(tab) > 0.7
        more(server, 3)
        voice.get_by_role("button", name="Mute the microphone").click()
        tab.get_by_role("button").click()
        wait_for("no hum", lambda: level(tab) == 0)
        wait_for("a voice", lambda: level(voice) > 0.5)
        more(server, 3)
        ended = stop(page, server)
        address = playlist(server, ended)
        shown, (hum, said) = film(address), tones(address, HUM, VOICE)
    assert seconds(shown.shows(CENTRE, TEAL)) > 5
    hum_there, said_there = at_times(hum > HEARD), at_times(said > HEARD)
    hum_gone, said_gone = ~at_times(hum > GONE), ~at_times(said > GONE)
    together = (hum > HEARD) & (said > HEARD)  # in one tenth of a second
    parts = [np.flatnonzero(part) for part in (together, hum_there & said_gone, said_there & hum_gone)]
    assert [len(part) > 5 for part in parts] == [True] * 3, [len(part) for part in parts]
    first, second, third = map(np.median, parts)
    assert first < second < third  # one after the other
    assert np.percentile(hum[parts[1]], 25) > 0.75 * LOUD  # not taken for noise, and turned down
