"""``make screenshots``: every page in each of its states, on a phone and a desktop, light and dark.

From a real run: one channel is live by RTMP, another from the studio itself. They are written below
build/screenshots, with index.html to look at them all; ``--readme`` makes those of the README, too.
"""

from __future__ import annotations

import argparse
import html
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FAKE_CAMERA, PATIENCE_MS
from tests.browser.conftest import QUIET as FLAGS
from tests.browser.gallery import DESKTOP, LIVE, ON_AIR, PHONE, PLAYING, QUIET, STUDIO, Sight, furnish
from tests.browser.scenery import moving
from tests.browser.test_accounts import sign_in
from tests.support.accounts import admin_password
from tests.support.administrator import administrator
from tests.support.server import Server, running, wait_for
from tests.unit.test_repository import ROOT

OUT = ROOT / "build" / "screenshots"
README = ROOT / "web" / "screenshots"
# By the name that they have there: which of all, and how many pixels of it.
BEST = {
    "studio": ("studio-live-1280-dark", 1250),
    "watch": ("watch-1280-light", 860),
    "home": ("home-1280-light", 800),
}
LADDER = "[{height=480,bitrate=1500},{height=240,bitrate=400}]"
MEETING = "The new library: questions and answers"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    parser.add_argument("--readme", action="store_true", help="make those of the README, too")
    parser.add_argument("names", nargs="*", help="of sights; all, if none is named")
    arguments = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    with running(channels=2, encoder_preset="ultrafast", encoder_ladder=LADDER, hls_poster_every=3) as server:
        with administrator(server) as api:
            key = furnish(api, long=False)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *FAKE_CAMERA])
            Photographer(browser, server, arguments.names).tour(key)
            browser.close()
    _index()
    if arguments.readme:
        _for_the_readme()
    print(f"{len(list(OUT.glob('*.png')))} pictures: {OUT / 'index.html'}")


class Photographer:
    """Goes from page to page, as nobody and as the admin."""

    def __init__(self, browser: Browser, server: Server, names: list[str]) -> None:
        self._server, self._names = server, names
        self._nobody, self._admin = _person(browser), _person(browser)
        sign_in(self._admin.new_page(), server, "admin", admin_password(server.data))

    def tour(self, key: str) -> None:
        """All of it; with what is live in the second half."""
        for sight in QUIET:
            self._visit(sight)
        with _live(self._server, key) as broadcast:
            studio = self._studio()
            for sight in ON_AIR:
                self._visit(sight, broadcast)
            audience = self._nobody.new_page()
            Sight("", f"/watch/{STUDIO}", PLAYING).open(audience, self._server)
            self._take(studio, "studio-live")
            audience.close()
            studio.get_by_test_id("stop").click()
            studio.locator('[data-testid=status][data-state="ended"]').wait_for(state="attached")
            self._take(studio, "studio-ended")

    def _studio(self) -> Page:
        """Live with its test picture for as long as the page is open."""
        page = self._admin.new_page()
        page.goto(f"{self._server.hls}/channels/{STUDIO}/studio")
        page.get_by_test_id("source-test").check(force=True)
        page.get_by_test_id("quality").select_option("360p30")
        page.get_by_test_id("title-input").fill(MEETING)
        self._take(page, "studio-ready")
        page.get_by_test_id("go-live").click()
        page.locator('[data-testid=status][data-state="live"]').wait_for(state="attached")
        return page

    def _visit(self, sight: Sight, broadcast: str = "") -> None:
        if self._names and sight.name not in self._names:
            return
        page = (self._admin if sight.signed_in else self._nobody).new_page()
        sight.open(page, self._server, broadcast)
        self._take(page, sight.name)
        page.close()

    def _take(self, page: Page, name: str) -> None:
        if self._names and name not in self._names:
            return
        for width, height in (DESKTOP, PHONE):
            # what sticks to the end of a phone would stand in the middle of a whole page
            whole = width > PHONE[0] or not name.startswith("studio")
            page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                page.mouse.move(width / 2, height / 3)  # a player shows its controls
                page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                page.screenshot(
                    path=OUT / f"{name}-{width}-{scheme}.png", full_page=whole, animations="disabled"
                )


def _person(browser: Browser) -> BrowserContext:
    context = browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
    context.grant_permissions(["camera", "microphone"])
    context.set_default_timeout(PATIENCE_MS)
    return context


@contextmanager
def _live(server: Server, key: str) -> Iterator[str]:
    """The id of what is on: hills at dusk, published by RTMP."""

    def found() -> str:
        newest = server.get(f"/api/v1/channels/{LIVE}")["broadcast"] or {}
        return str(newest["id"]) if newest.get("poster") else ""

    with tempfile.TemporaryDirectory() as directory:
        clip = moving("dusk", Path(directory) / "dusk.flv")
        looped = ["-re", "-stream_loop", "-1", "-i", str(clip), "-c", "copy", "-f", "flv"]
        command = ["ffmpeg", "-v", "error", "-nostdin", *looped, f"{server.rtmp}/{key}"]
        process = subprocess.Popen(command)
        try:
            yield wait_for("a picture of what is live", found)
        finally:
            process.kill()
            process.wait()


def _index() -> None:
    """All of them on one page."""
    names = sorted({path.stem.rsplit("-", 2)[0] for path in OUT.glob("*.png")})
    rows = "".join(
        f"<h2>{html.escape(name)}</h2><div>"
        + "".join(f'<a href="{path.name}"><img src="{path.name}" height="420"></a>' for path in _of(name))
        + "</div>"
        for name in names
    )
    (OUT / "index.html").write_text(f"<!doctype html><title>Screenshots</title>{rows}", encoding="utf-8")


def _of(name: str) -> list[Path]:
    return [OUT / f"{name}-{size}-{scheme}.png" for size in (1280, 390) for scheme in ("light", "dark")]


def _for_the_readme() -> None:
    for name, (taken, height) in BEST.items():
        image = Image.open(OUT / f"{taken}.png").convert("RGB")
        seen = image.crop((0, 0, image.width, min(image.height, height)))
        seen.save(README / f"{name}.webp", quality=85, method=6)


if __name__ == "__main__":
    main()
