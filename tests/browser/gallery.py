"""Every page in each of its states, and a server that has something to show on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from playwright.sync_api import Page

from tests.browser.scenery import landscape, png
from tests.support.administrator import good
from tests.support.server import Server

LIVE, STUDIO = "harbour", "town-hall"  # the channel that is on, and the one that is about to be
LONG = (
    "A channel whose title goes on and on, because somebody wanted to say in it all that there is to "
    "be said, Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft included"
)
PHONE, DESKTOP = (390, 844), (1280, 800)


@dataclass(frozen=True, slots=True)
class Sight:
    """A page in one state: where it is (``{broadcast}``: the one that is on), and what is seen there."""

    name: str
    path: str
    ready: str
    signed_in: bool = True

    def open(self, page: Page, server: Server, broadcast: str = "") -> None:
        """Show it, and wait until all of it is there."""
        page.goto(server.hls + self.path.format(broadcast=broadcast))
        page.locator(self.ready).first.wait_for(state="attached")


_PAGE = "#page:not([hidden])"
PLAYING = "[data-testid=watch-state][data-state=playing]"

QUIET = [  # while nobody is live
    Sight("home-quiet", "/", "#nobody:not([hidden])", signed_in=False),
    Sight("watch-offline", "/watch/church", "[data-testid=next]:not([hidden])", signed_in=False),
    Sight("watch-private", "/watch/board", "#link-form:not([hidden])", signed_in=False),
    Sight("watch-unknown", "/watch/nobody", "#curtain:not([hidden])", signed_in=False),
    Sight("embed-offline", "/embed/church", "[data-testid=next]:not([hidden])", signed_in=False),
    Sight("channel-offline", "/channels/church", "#next:not([hidden])", signed_in=False),
    Sight("channel-private", "/channels/board", "#trouble:not([hidden])", signed_in=False),
    Sight("sign-in", "/sign-in", "[data-testid=sign-in]", signed_in=False),
    Sight("diagnose", "/diagnose", "[data-testid=everything]", signed_in=False),
    Sight("diagnose-done", "/diagnose?check=connection", "#report-part:not([hidden])", signed_in=False),
    Sight("broadcast-link", "/broadcast", "#credentials-form:not([hidden])", signed_in=False),
    Sight("broadcast-channels", "/broadcast", "#channel-form:not([hidden])"),
    Sight("studio", f"/channels/{STUDIO}/studio", "#studio:not([hidden])"),
    Sight("channels", "/channels", _PAGE),
    Sight("settings", f"/channels/{LIVE}/settings", _PAGE),
    Sight("account", "/account", _PAGE),
    Sight("admin", "/admin", _PAGE),
]
HARD = [  # to fit into a page: of a channel whose every word is long
    Sight("channel-long", "/channels/long", "#description-part:not([hidden])", signed_in=False),
    Sight("watch-long", "/watch/long", "[data-testid=next]:not([hidden])", signed_in=False),
    Sight("settings-long", "/channels/long/settings", _PAGE),
]
ON_AIR = [
    Sight("home", "/", "[data-testid=card] img.shown", signed_in=False),
    Sight("home-search", "/?q=church", "#others:not([hidden])", signed_in=False),
    Sight("channel", f"/channels/{LIVE}", "#about[data-state=live] img.shown"),
    Sight("watch", f"/watch/{LIVE}", PLAYING, signed_in=False),
    Sight("embed", f"/embed/{LIVE}", PLAYING, signed_in=False),
    Sight("overview", "/admin/overview", "[data-testid=graph-traffic][data-points]"),
    Sight(
        "diagnosis", f"/channels/{LIVE}/broadcasts/{{broadcast}}", "[data-testid=graph-bitrate][data-points]"
    ),
]


def furnish(api: httpx.Client, *, long: bool) -> str:
    """Channels as people have them; with ``long`` also such as test a page. The key of the live one."""
    now = datetime.now(UTC).replace(microsecond=0)
    _channel(
        api,
        LIVE,
        "Harbour at dusk",
        "dusk",
        description="The old harbour, every evening until the lamps go on.",
    )
    _channel(
        api,
        "church",
        "Old Church",
        "moss",
        description="Concerts and carols from the old church on the hill.\n\nCome in, sit down, and listen.",
        next_at=(now + timedelta(days=3, hours=2)).isoformat(),
        next_title="Carols by candlelight",
    )
    _channel(api, "observatory", "Night sky", "night", next_title="The Leonids, if the clouds allow")
    _channel(api, "alps", "Morning in the Alps", "dawn")
    _channel(api, STUDIO, "Town hall", description="Meetings of the council, open to all.")
    _channel(api, "board", "Board meeting", private=True)
    _channel(api, "arabic", "قناة الأخبار المسائية", description="أخبار اليوم")
    if long:
        _channel(
            api,
            "long",
            LONG,
            description=f"{LONG}\n\n{'x' * 300}\n\nhttps://example.org/{'y' * 200}",
            next_title=LONG,
            next_at=(now + timedelta(hours=2)).isoformat(),
            embed_sites=["https://www.example.org"],
        )
    return str(good(api.post(f"/channels/{LIVE}/keys", json={"label": "A camera"}))["key"])


def _channel(api: httpx.Client, name: str, title: str, palette: str = "", **more: Any) -> None:
    first = {"name": name, "title": title, "private": more.pop("private", False)}
    good(api.post("/channels", json=first))
    if more:
        good(api.patch(f"/channels/{name}", json=more))
    if palette:
        picture, kind = png(landscape(palette)), {"Content-Type": "image/png"}
        good(api.put(f"/channels/{name}/picture", content=picture, headers=kind))
