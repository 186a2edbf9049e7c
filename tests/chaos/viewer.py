"""A person who watches: the watch page in headless Chromium, with hls.js, in a thread of its own."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from threading import Event, Thread

from playwright.sync_api import Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = [
    *["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio"],
    *["--disable-background-networking", "--disable-component-update", "--disable-sync"],
    "--autoplay-policy=no-user-gesture-required",
]
_OPEN_SECONDS = 60.0  # until the page is there, on a busy machine
_PAST_SECONDS = 30.0  # until a player that is behind the others has come so far

# Every 100 ms: does the picture move? What comes before it moved first, and after its end, is no stall.
_SAMPLER = """() => {
  const seen = { begun: false, stalled: 0, position: 0 };
  window.__chaos = seen;
  let time = 0, at = performance.now();
  setInterval(() => {
    const video = document.querySelector('video');
    const now = performance.now();
    if (!video || video.ended) { at = now; return; }
    const moves = video.currentTime !== time;
    seen.begun ||= moves && video.currentTime > 0;
    if (seen.begun && !moves) seen.stalled += now - at;
    time = seen.position = video.currentTime;
    at = now;
  }, 100);
}"""


class Viewer:
    """Opens a page, on air or not yet, and watches until it is told to stop.

    ``stalled``: seconds for which the picture stood still after it had begun to move; None: it
    never began. ``position``: the media time that was reached, in seconds.
    """

    def __init__(self, url: str) -> None:
        self.stalled: float | None = None
        self.position = 0.0
        self.error = ""
        self._url = url
        self._open, self._playing, self._over = Event(), Event(), Event()
        self._thread = Thread(target=self._run, name="viewer", daemon=True)
        self._thread.start()

    def wait_open(self) -> bool:
        """Until the page is there, or is not after too long."""
        return self._open.wait(_OPEN_SECONDS)

    def wait_playing(self, seconds: float) -> bool:
        """Until the picture moves, or has not for so long."""
        return self._playing.wait(seconds)

    def wait_past(self, position: float) -> None:
        """Until the picture has come past a media time, or has not for too long."""
        deadline = time.monotonic() + _PAST_SECONDS
        while self.position <= position and self._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.1)

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="ingestd-chaos-") as profile, sync_playwright() as made:
                context = made.chromium.launch_persistent_context(
                    profile,
                    executable_path=CHROMIUM,
                    headless=True,
                    args=_FLAGS,
                    viewport={"width": 800, "height": 600},
                )
                try:
                    self._watch(context.new_page())
                finally:
                    context.close()
        except Exception as error:  # a viewer that fails must not take the broadcast with it
            self.error = f"{type(error).__name__}: {error}"[:300]
        finally:
            self._open.set()
            self._playing.set()

    def _watch(self, page: Page) -> None:
        page.goto(self._url)
        page.evaluate(_SAMPLER)
        self._open.set()
        while not self._over.is_set():
            page.wait_for_timeout(200)
            seen = page.evaluate("() => window.__chaos")
            if seen["begun"]:
                self._playing.set()
                self.stalled, self.position = seen["stalled"] / 1000, seen["position"]


def available() -> bool:
    return CHROMIUM.exists()
