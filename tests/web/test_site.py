"""The pages as the server gives them: whose frames they may stand in, and what other sites read in them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from PIL import Image
from starlette.types import ASGIApp

from ingestd.accounts import checks
from ingestd.accounts.model import Scope
from ingestd.metrics.exposition import Exposition
from ingestd.web.cards import TAGS
from ingestd.web.site import Site, page_headers
from tests.unit.nginx_output import R360, R720
from tests.unit.test_repository import ROOT
from tests.web.test_pictures import encoded, photograph, put
from tests.web.world import HOST, Channel, World

HOSTILE = """</title><script>alert(1)</script>"'>&amp; \N{RIGHT-TO-LEFT OVERRIDE}"""
PAGES = ("index.html", "watch.html", "embed.html", "channel.html", "broadcast.html", "settings.html")


@pytest.fixture(scope="module")
def app(world: World, tmp_path_factory: pytest.TempPathFactory) -> ASGIApp:
    pages = tmp_path_factory.mktemp("pages")
    for name in PAGES:
        marked = TAGS if name in ("watch.html", "channel.html") else ""
        (pages / name).write_text(f"<head>{marked}<title>{name} · é</title></head>", encoding="utf-8")
    (pages / "styles.json").write_text("{}")
    nothing: Any = SimpleNamespace(serve=None, alive=None)
    return Site(world.context, nothing, nothing, Exposition(bytes), pages, 8080, ["127.0.0.1/32"]).app()


def get(world: World, app: ASGIApp, path: str, **headers: str) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 1))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as http:
            return await http.get(path, headers=headers)

    return world.do(send())


class Head(HTMLParser):
    """What a browser, or a program that reads tags, finds in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.properties: dict[str, str] = {}
        self.links: dict[str, dict[str, str]] = {}
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        if tag == "meta":
            self.properties[found.get("property") or found["name"]] = found["content"]
        if tag == "link":
            self.links[found["rel"]] = found


def head(world: World, app: ASGIApp, path: str, **headers: str) -> Head:
    return Head(get(world, app, path, **headers).text)


def change(world: World, channel: Channel, **changes: Any) -> None:
    assert world.ask("owner", "PATCH", f"/channels/{channel.name}", changes).status_code == 200


def ancestors(answer: httpx.Response) -> str:
    found = re.search(r"frame-ancestors ([^;]*)", answer.headers["content-security-policy"])
    assert found and "x-frame-options" not in answer.headers
    return found[1]


def live(world: World, channel: Channel, title: str) -> None:
    """It is on, with a poster: the one broadcast that it has."""
    broadcast = world.broadcasts.find(channel.broadcast)
    assert broadcast
    broadcast.title = title
    broadcast.delivery.begin(0, 0.0, [R720, R360], {})
    broadcast.posters.made = 7


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "index.html"),
        ("/broadcast", "broadcast.html"),
        ("/channels/any", "channel.html"),
        ("/channels/any/studio", "broadcast.html"),
        ("/channels/any/settings", "settings.html"),
        ("/watch/any", "watch.html"),
        ("/embed/any", "embed.html"),
    ],
)
def test_each_page_is_at_its_address(path: str, name: str, world: World, app: ASGIApp) -> None:
    answer = get(world, app, path)
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == f"<head><title>{name} · é</title></head>"
    assert answer.headers["cache-control"] == "no-cache"
    assert ancestors(answer) == "'none'"


def test_a_player_stands_on_the_pages_that_its_channel_names(world: World, app: ASGIApp) -> None:
    channel = world.channel()
    path = f"/embed/{channel.name}"
    assert ancestors(get(world, app, path)) == "'self'"
    change(world, channel, embed_sites=["https://Example.org/", "https://*.example.net:8443"])
    assert ancestors(get(world, app, path)) == "'self' https://example.org https://*.example.net:8443"
    assert ancestors(get(world, app, f"/watch/{channel.name}")) == "'none'"
    change(world, channel, embed_sites=["*"])
    assert ancestors(get(world, app, path)) == "'self' *"
    assert get(world, app, path).headers["x-content-type-options"] == "nosniff"
    shown = world.ask("anonymous", "GET", f"/channels/{channel.name}").json()
    assert (shown["embeddable"], shown["embed_sites"]) == (True, None)
    assert world.ask("owner", "GET", f"/channels/{channel.name}").json()["embed_sites"] == ["*"]


def test_a_policy_that_names_as_many_sites_as_it_may_gets_through_nginx() -> None:
    label, rest = "a" * 63, "b" * 26
    sites = checks.sites(f"https://{label}.{rest}{number:02x}" for number in range(checks.SITES))
    hashes = [f"sha256-{'x' * 44}"] * 30  # more than media-chrome has
    headers = page_headers(f"{label}.{label}.{label}", 65535, " ".join(("'self'", *sites)), hashes)
    size = sum(len(f"{name}: {value}\r\n") for name, value in headers.items())
    assert 4096 < size < 8192 - 1024  # beside what is in every answer
    assert "proxy_buffer_size 8k;" in (ROOT / "nginx-rtmp/nginx.conf.template").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "site", ["https://a.org; script-src *", "https://a.org/path", "a.org", "javascript:1", "https://a.org\n"]
)
def test_what_is_no_origin_is_no_site(site: str, world: World) -> None:
    answer = world.ask("owner", "PATCH", f"/channels/{world.channel().name}", {"embed_sites": [site]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")


def test_a_private_channel_s_player_stands_nowhere_without_a_token(world: World, app: ASGIApp) -> None:
    channel, another = world.channel(private=True), world.channel(private=True)
    change(world, channel, embed_sites=["https://example.org"])
    path = f"/embed/{channel.name}"
    token = world.token(Scope.WATCH, channel.name)
    assert ancestors(get(world, app, f"{path}?token={token}")) == "'self' https://example.org"
    for wrong in ("", "?token=", f"?token={token[:-3]}", f"?token={world.token(Scope.WATCH, another.name)}"):
        assert ancestors(get(world, app, path + wrong)) == "'none'", wrong
    cookie = f"ingestd_session={world.cookies['owner']}"
    assert ancestors(get(world, app, path, Cookie=cookie)) == "'none'"


def test_a_live_channel_s_card_has_the_picture_of_now(world: World, app: ASGIApp) -> None:
    channel = world.channel()
    change(world, channel, description="Every day.\nAt eight.")
    live(world, channel, "Evening news")
    watch = f"http://{HOST}/watch/{channel.name}"
    found = head(world, app, f"/watch/{channel.name}")
    poster = f"http://{HOST}/hls/{channel.name}/{channel.broadcast}/poster.jpg?7"
    assert found.properties == {
        "description": "Every day. At eight.",
        "og:site_name": "ingestd",
        "og:type": "video.other",
        "og:url": watch,
        "og:title": "Evening news",
        "og:description": "Every day. At eight.",
        "og:image": poster,
        "og:image:type": "image/jpeg",
        "og:image:width": "640",
        "og:image:height": "360",
        "og:image:alt": "Evening news",
        "twitter:card": "summary_large_image",
    }
    assert found.links["canonical"]["href"] == watch
    more = found.links["alternate"]
    assert more["type"] == "application/json+oembed"
    assert parse_qs(urlsplit(more["href"]).query) == {"url": [watch], "format": ["json"]}
    page = head(world, app, f"/channels/{channel.name}").properties
    assert (page["og:type"], page["og:url"]) == ("website", f"http://{HOST}/channels/{channel.name}")


def test_an_offline_one_has_its_own_picture_and_one_without_has_words(world: World, app: ASGIApp) -> None:
    name = world.fresh()
    assert world.ask("owner", "POST", "/channels", {"name": name, "title": "Quiet"}).status_code == 201
    found = head(world, app, f"/watch/{name}").properties
    assert (found["og:title"], found["og:description"]) == ("Quiet", "The channel Quiet")
    assert found["twitter:card"] == "summary" and "og:image" not in found
    made = put(world, Channel(name, "", "", ""), photograph(320, 200)).json()["picture"]
    found = head(world, app, f"/watch/{name}").properties
    assert found["og:image"] == f"http://{HOST}{made}"
    assert (found["og:image:width"], found["og:image:height"]) == ("320", "200")


def test_we_are_where_we_are_asked_at(world: World, app: ASGIApp) -> None:
    channel = world.channel()
    path = f"/watch/{channel.name}"
    said = head(world, app, path, Host="tv.example.net:8443").properties["og:url"]
    assert said == f"http://tv.example.net:8443{path}"
    for evil in ('tv"><script>', "tv.example.net/x", "a b", "tv:99999999"):
        assert head(world, app, path, Host=evil).properties["og:url"] == f"http://localhost{path}"


def test_a_hostile_title_is_text_and_nothing_else(world: World, app: ASGIApp) -> None:
    channel = world.channel()
    change(world, channel, title=HOSTILE, description=HOSTILE * 20)
    live(world, channel, HOSTILE)
    page = get(world, app, f"/watch/{channel.name}").text
    found = Head(page)
    assert found.properties["og:title"] == HOSTILE and found.links["alternate"]["title"] == HOSTILE
    assert "script" not in found.tags and "<script" not in page and page.count("</title>") == 1
    assert len(found.properties["description"]) == 300 and found.properties["description"].endswith("…")
    told = world.ask("anonymous", "GET", f"/oembed?url=http://{HOST}/watch/{channel.name}").json()
    assert told["title"] == HOSTILE


def test_private_and_unknown_channels_are_told_apart_by_nobody(world: World, app: ASGIApp) -> None:
    channel = world.channel(private=True)
    change(world, channel, description="Secret", next_title="Secret")
    put(world, channel, encoded(Image.new("RGB", (9, 9)), "PNG"))
    for page in ("watch", "channels", "embed"):
        mine, none = (get(world, app, f"/{page}/{name}") for name in (channel.name, "nobody"))
        assert mine.text == none.text and "og:" not in mine.text
        assert dict(mine.headers) | {"x-request-id": ""} == dict(none.headers) | {"x-request-id": ""}
    cookie = f"ingestd_session={world.cookies['owner']}"
    assert "og:" not in get(world, app, f"/watch/{channel.name}", Cookie=cookie).text


def test_without_pages_it_says_how_to_make_them(world: World, tmp_path: Path) -> None:
    nothing: Any = SimpleNamespace(serve=None)
    app = Site(world.context, nothing, nothing, Exposition(bytes), tmp_path, 8080, []).app()
    answer = get(world, app, "/")
    assert (answer.status_code, "make run" in answer.text) == (503, True)


def test_what_is_to_come_is_set_and_cleared_bit_by_bit(world: World) -> None:
    path = f"/channels/{world.channel().name}"

    def said(**changes: Any) -> tuple[str | None, str]:
        answer = world.ask("owner", "PATCH", path, changes).json()
        return answer["next_at"], answer["next_title"]

    assert said(next_at="2027-01-01T20:00+01:00", next_title="Carols") == (
        "2027-01-01T19:00:00.000Z",
        "Carols",
    )
    assert said(title="Another") == ("2027-01-01T19:00:00.000Z", "Carols")
    assert said(next_title="Songs") == ("2027-01-01T19:00:00.000Z", "Songs")
    assert said(next_at="2027-02-30T00:00:00.5Z") == ("2027-03-02T00:00:00.500Z", "Songs")  # as in browsers
    assert said(next_at=None) == (None, "Songs")
    assert said(next_title="") == (None, "")
    for wrong in ("tomorrow", "2027-01-01", "2027-01-01T20:00", "1999-01-01T00:00Z", "2027-13-01T00:00Z"):
        assert world.ask("owner", "PATCH", path, {"next_at": wrong}).status_code == 400, wrong


def test_when_a_channel_was_live_is_told_after_its_broadcast_is_forgotten(world: World) -> None:
    name = world.fresh()
    world.ask("owner", "POST", "/channels", {"name": name, "title": "Late"})
    assert world.ask("anonymous", "GET", f"/channels/{name}").json()["last_live_at"] is None
    at = world.accounts.directory.channels[name].created_at + 60
    world.accounts.channels.was_live(name, at)
    world.do(world.accounts.channels.write_lives())
    told = world.ask("anonymous", "GET", f"/channels/{name}").json()
    assert told["last_live_at"] is not None and told["broadcast"] is None
