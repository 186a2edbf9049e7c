"""Whatever happens while a page is on the air: each picture that its recorders gave stands in the playlist.

The page plays files in which every picture says its number. What each recorder gave is kept in the page too,
so both ends can be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, expect

from tests.browser.conftest import FAKE_CAMERA, browser, studio, with_figures
from tests.browser.recorded import expected, keep, listed, recorders, recordings
from tests.browser.test_resumable import go_live, in_state, unsafe
from tests.chaos.cells import UNREADABLE
from tests.chaos.clip import clip
from tests.chaos.stage import Stage
from tests.support.proxy import Proxy
from tests.support.server import PATIENCE, Server, wait_for

SETTINGS = {
    "encoder_ladder": "[{height=144,bitrate=300},{height=72,bitrate=150}]",
    "ingest_resume_window": 60,
}
SIZE = (256, 144)
LONG = 240  # seconds of a file: no test waits for its end
SLOWLY = 2 * PATIENCE  # seconds: a busy machine is hardly quicker than what goes on meanwhile
FIRST, OTHER = 0, 9000  # the first numbers of the two files

# How many pieces wait in the browser's database.
STORED = """
() => new Promise((done, failed) => {
  const request = indexedDB.open('ingestd');
  request.onerror = () => failed(request.error);
  request.onsuccess = () => {
    const count = request.result.transaction('chunks').objectStore('chunks').count();
    count.onsuccess = () => (request.result.close(), done(count.result));
  };
})
"""
FAIL = "window.recorders.at(-1).dispatchEvent(new Event('error'))"
STALL = "window.recorders.at(-1).pause()"


@dataclass
class OnAir:
    """A page that broadcasts a file, behind a proxy; and the server, which can be killed."""

    stage: Stage
    server: Server
    proxy: Proxy
    page: Page
    id: str = ""

    def wait_live(self) -> None:
        self.id = wait_for("media", lambda: playing(self.stage, self.server.channel))

    def wait_more(self, seconds: float = 2.0) -> None:
        """Until so much more media stands in the playlist."""
        before = self.media_time()
        wait_for("more media", lambda: self.media_time() >= before + seconds)

    def wait_recorder(self, count: int) -> None:
        wait_for(f"recorder {count}", lambda: recorders(self.page) == count)

    def media_time(self) -> float:
        found = self.stage.look(self.server.channel)
        return float(found["media_time"]) if found else 0.0

    def put_on_air(self, first: int) -> None:
        """A file whose pictures begin with this number."""
        chosen = self.page.get_by_test_id("file-input")
        chosen.set_input_files(clip("vp8", *SIZE, LONG, first).path)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """To be named before ``playwright``: its installation is made in an event loop, and that has one, too."""
    for first in (FIRST, OTHER):
        clip("vp8", *SIZE, LONG, first)  # made now: it takes too long while one is on the air
    with Stage(SETTINGS) as made:
        yield made
    assert made.trouble == []


@contextmanager
def prepared(playwright: Playwright, stage: Stage, profile: Path) -> Iterator[OnAir]:
    """A file is chosen; nothing is live yet."""
    with (
        Proxy(int(stage.hls.rpartition(":")[2])) as proxy,
        browser(playwright, profile, *FAKE_CAMERA) as context,
    ):
        keep(context)
        spill_early(context)
        server = behind(stage, proxy)
        page = studio(context, server)
        made = OnAir(stage, server, proxy, page)
        page.get_by_test_id("source-file").check(force=True)
        made.put_on_air(FIRST)
        yield made


@contextmanager
def on_air(playwright: Playwright, stage: Stage, profile: Path) -> Iterator[OnAir]:
    with prepared(playwright, stage, profile) as made:
        go_live(made.page)
        made.wait_live()
        try:
            yield made
        except BaseException:
            print("\n".join(line for line in stage.log.read_text().splitlines() if made.id in line)[-20_000:])
            raise


def playing(stage: Stage, channel: str) -> str:
    found = stage.look(channel)
    return str(found["id"]) if found and found["state"] == "live" and found["media_time"] >= 2 else ""


def behind(stage: Stage, proxy: Proxy) -> Server:
    """A new channel, as a page sees it."""
    assert stage.process
    channel = stage.channel()
    secrets = stage.secrets(channel)
    http = f"http://127.0.0.1:{stage.port}"
    key, token = secrets["INGESTD_STREAM_KEY"], secrets["INGESTD_TOKEN"]
    return Server(stage.process, stage.data, stage.log, http, proxy.url, "", channel, key, token)


def spill_early(context: BrowserContext) -> None:
    """What waits goes to the database after some seconds rather than half a minute."""
    with_figures(context, "lib/vault.js", {"SPILL_BYTES = 8_000_000": "SPILL_BYTES = 400_000"})


def check_whole(air: OnAir, scratch: Path, epochs: int) -> None:
    """Stop; in the playlist is what the recorders gave: the same pictures, as often, in that order."""
    air.page.get_by_test_id("stop").click()
    in_state(air.page, "ended")
    expect(air.page.get_by_test_id("status")).to_have_text("Ended: everything is in the playlist.")
    wait_for("the database to be empty", lambda: air.page.evaluate(STORED) == 0)
    found = wait_for("its end", lambda: over(air.stage, air.server.channel))
    assert (found["id"], found["state"]) == (air.id, "ended")
    given = [expected(one, scratch) for one in recordings(air.page)]
    assert len(given) == epochs
    assert all(given)
    wanted = [number for one in given for number in one]
    assert UNREADABLE not in wanted
    renditions = listed(air.stage.fetch, f"/hls/{air.server.channel}/{air.id}/index.m3u8")
    assert len(renditions) == 2
    for name, shown in renditions.items():
        assert runs(shown) == runs(wanted), name
    print(f"{len(wanted)} pictures of {epochs} recordings: each once, in {len(renditions)} renditions")


def over(stage: Stage, channel: str) -> dict[str, Any] | None:
    found = stage.look(channel)
    return found if found and found["state"] in ("ended", "failed") else None


def runs(numbers: list[int]) -> list[tuple[int, int]]:
    """First and last of each row without a gap, so that a difference can be read."""
    rows = groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    found = [[number for _, number in row] for _, row in rows]
    return [(row[0], row[-1]) for row in found]


def test_killed_encoder_and_server(stage: Stage, playwright: Playwright, tmp_path: Path) -> None:
    with on_air(playwright, stage, tmp_path / "profile") as air:
        first = wait_for("its encoder", lambda: stage.encoder(air.id))
        first.kill()
        wait_for("another one", lambda: (one := stage.encoder(air.id)) and one.pid != first.pid)
        air.wait_more()
        stage.restart(SIGKILL)
        stage.wait_ready()
        air.wait_more()
        in_state(air.page, "live")
        check_whole(air, tmp_path, epochs=1)


@pytest.mark.parametrize("fault", ["cut", "black_hole"])
def test_a_cut_so_long_that_the_browsers_database_is_used(
    stage: Stage, playwright: Playwright, tmp_path: Path, fault: str
) -> None:
    with on_air(playwright, stage, tmp_path / "profile") as air:
        getattr(air.proxy, fault)()
        in_state(air.page, "reconnecting")
        wait_for("what waits", lambda: unsafe(air.page) >= 8)
        wait_for("pieces in the database", lambda: int(air.page.evaluate(STORED)) >= 10)
        air.proxy.restore()
        in_state(air.page, "live")
        wait_for("what waited to be safe", lambda: unsafe(air.page) < 5, SLOWLY)
        check_whole(air, tmp_path, epochs=1)


def test_recorders_that_fail_or_stall_and_another_source(
    stage: Stage, playwright: Playwright, tmp_path: Path
) -> None:
    with on_air(playwright, stage, tmp_path / "profile") as air:
        air.page.evaluate(FAIL)
        air.wait_recorder(2)
        air.wait_more()
        air.page.evaluate(STALL)
        air.wait_recorder(3)
        air.wait_more()
        air.put_on_air(OTHER)
        air.wait_recorder(4)
        air.wait_more()
        check_whole(air, tmp_path, epochs=4)


def test_all_of_it_at_once(stage: Stage, playwright: Playwright, tmp_path: Path) -> None:
    """Recorders follow one another while the connection is away, and the server is killed meanwhile."""
    with on_air(playwright, stage, tmp_path / "profile") as air:
        air.proxy.cut()
        in_state(air.page, "reconnecting")
        air.page.evaluate(FAIL)
        air.wait_recorder(2)
        wait_for("what waits", lambda: unsafe(air.page) >= 4)
        air.put_on_air(OTHER)
        air.wait_recorder(3)
        wait_for("more that waits", lambda: unsafe(air.page) >= 8)
        wait_for("pieces in the database", lambda: int(air.page.evaluate(STORED)) >= 10)
        stage.restart(SIGKILL)
        stage.wait_ready()
        air.proxy.restore()
        in_state(air.page, "live")
        encoder = wait_for("its encoder", lambda: stage.encoder(air.id))
        encoder.kill()
        wait_for("what waited to be safe", lambda: unsafe(air.page) < 5, SLOWLY)
        check_whole(air, tmp_path, epochs=3)
