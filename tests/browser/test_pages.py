"""Every page is for everybody: whatever they see it on, whatever they use it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from tests.browser.conftest import CHROMIUM, FAKE_CAMERA, QUIET
from tests.browser.gallery import DESKTOP, HARD, LIVE, ON_AIR, PHONE, Sight, furnish
from tests.browser.gallery import QUIET as ASLEEP
from tests.browser.test_accounts import LADDER, publishing, sign_in, somebody
from tests.support.accounts import admin_password
from tests.support.administrator import administrator
from tests.support.server import Server, running, wait_for
from tests.unit.test_repository import ROOT

AXE = (ROOT / "web/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
LOOKING = (Path(__file__).parent / "looking.js").read_text(encoding="utf-8")
MOST_STEPS = 200
# Somebody is live all the while, in whatever order these run; nobody found looks as nobody live does. And
# a browser complains of what is not there, which any other page must not ask for.
LEFT_OUT = ("home-quiet", "watch-unknown")
NOTHING = Sight("home-nothing", "/?q=nothing+like+it", "#not-found:not([hidden])", signed_in=False)
SIGHTS = [*(sight for sight in ASLEEP if sight.name not in LEFT_OUT), NOTHING, *HARD, *ON_AIR]
SIZES = {
    "320 px": (320, 640),
    "1280 px at 200 %": (640, 400),
    "a phone": PHONE,
    "a phone on its side": (844, 390),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(
        channels=2,
        encoder_preset="ultrafast",
        encoder_ladder=LADDER,
        ingest_resume_window=1,
        hls_poster_every=1,
    ) as made:
        yield made


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    with administrator(server) as api:
        return furnish(api, long=True)


@pytest.fixture(scope="module")
def chromium(server: Server, key: str, playwright: Playwright) -> Iterator[Browser]:
    """Begun after the server, whose installation is made in an event loop: playwright has one, too."""
    made = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *FAKE_CAMERA])
    yield made
    made.close()


@pytest.fixture(scope="module")
def anybody(chromium: Browser) -> Iterator[BrowserContext]:
    with somebody(chromium) as context:
        context.add_init_script(LOOKING)
        yield context


@pytest.fixture(scope="module")
def admin(chromium: Browser, server: Server) -> Iterator[BrowserContext]:
    with somebody(chromium) as context:
        context.grant_permissions(["camera", "microphone"])
        context.add_init_script(LOOKING)
        sign_in(context.new_page(), server, "admin", admin_password(server.data))
        yield context


@pytest.fixture(scope="module")
def broadcast(server: Server, key: str) -> Iterator[str]:
    """The id of one that is on for as long as these tests take."""

    def found() -> str:
        newest = server.get(f"/api/v1/channels/{LIVE}")["broadcast"] or {}
        return str(newest["id"]) if newest.get("poster") else ""

    with publishing(server, LIVE, key):
        yield wait_for("a picture of what is live", found)


@pytest.fixture(scope="module")
def people(anybody: BrowserContext, admin: BrowserContext) -> dict[bool, BrowserContext]:
    """By whether they are signed in."""
    return {False: anybody, True: admin}


@pytest.mark.parametrize("sight", SIGHTS, ids=lambda sight: sight.name)
def test_a_page_is_for_everybody(
    sight: Sight, people: dict[bool, BrowserContext], server: Server, broadcast: str
) -> None:
    page = people[sight.signed_in].new_page()
    far_away(page)
    hosts: set[str | None] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    resize(page, DESKTOP)
    sight.open(page, server, broadcast)
    faults = {"moved by itself": page.evaluate("looking.moved()"), "light": accessible(page)}
    faults["by keyboard"] = walk(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    faults["moving all the same"] = page.evaluate("looking.moving()")
    resize(page, PHONE)
    faults["dark, on a phone"] = accessible(page)
    faults |= fitting(page)
    faults["from elsewhere"] = sorted(str(host) for host in hosts - {urlsplit(server.hls).hostname, None})
    page.close()
    found = [f"{what}: {fault}" for what, all_of_it in faults.items() for fault in all_of_it]
    assert not found, "\n".join(found)


def accessible(page: Page) -> list[str]:
    """What axe-core finds that is serious or critical."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found: list[str] = page.evaluate("looking.inaccessible()")
    return found


def walk(page: Page) -> list[str]:
    """From the first to the last with the Tab key alone; nothing is left out, and nothing holds it back."""
    page.evaluate("looking.begin()")
    found: list[str] = []
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        said = page.evaluate("looking.step()")
        if said == "over":
            return [*filter(None, found), *page.evaluate("looking.missed()")]
        found.append(said)
    return [f"no end after {MOST_STEPS} steps"]


def fitting(page: Page) -> dict[str, list[str]]:
    """Where it has to be moved sideways."""
    found = {}
    for name, size in SIZES.items():
        resize(page, size)
        found[name] = page.evaluate("looking.sideways()")
    resize(page, PHONE)
    page.evaluate("document.documentElement.dir = 'rtl'")
    found["from right to left"] = page.evaluate("looking.sideways()")
    page.evaluate("document.documentElement.dir = 'ltr'; document.documentElement.style.fontSize = '32px'")
    found["large letters"] = page.evaluate("looking.sideways()")
    return found


def far_away(page: Page) -> None:
    """So far from the server that a page is painted before anything that it asks for has come."""
    conditions = {"offline": False, "latency": 100, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", conditions)


def resize(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
