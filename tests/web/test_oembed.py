"""oEmbed: what another site's page is told of an address of ours."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.test_pictures import photograph, put
from tests.web.test_site import HOSTILE, Head, change, live
from tests.web.world import HOST, World

BASE = f"http://{HOST}"


def asked(world: World, url: str, **more: str | int) -> Any:
    return world.ask("nobody", "GET", "/oembed", params={"url": url, **more})


def test_a_channel_that_may_be_embedded_brings_its_player(world: World) -> None:
    channel = world.channel()
    change(world, channel, title="News", embed_sites=["https://example.org"])
    live(world, channel, "Evening news")
    for page in ("watch", "channels", "embed"):
        answer = asked(world, f"{BASE}/{page}/{channel.name}", format="json")
        assert answer.status_code == 200
        html = answer.json().pop("html")
        assert answer.json() | {"html": ""} == {
            "type": "video",
            "version": "1.0",
            "title": "Evening news",
            "author_name": "News",
            "author_url": f"{BASE}/channels/{channel.name}",
            "provider_name": "ingestd",
            "provider_url": BASE,
            "cache_age": 10,
            "html": "",
            "width": 640,
            "height": 360,
            "thumbnail_url": f"{BASE}/hls/{channel.name}/{channel.broadcast}/poster.jpg?7",
            "thumbnail_width": 640,
            "thumbnail_height": 360,
        }
        assert html.startswith(f'<iframe src="{BASE}/embed/{channel.name}" width="640" height="360"')
        assert "allowfullscreen" in html


def test_one_that_may_not_is_a_link_with_its_picture(world: World) -> None:
    channel = world.channel()
    put(world, channel, photograph(320, 200))
    told = asked(world, f"{BASE}/watch/{channel.name}").json()
    assert (told["type"], told["thumbnail_width"], told["thumbnail_height"]) == ("link", 320, 200)
    assert "html" not in told and "width" not in told


@pytest.mark.parametrize(
    ("most", "size"),
    [
        ({"maxwidth": 320}, (320, 180)),
        ({"maxheight": 90}, (160, 90)),
        ({"maxwidth": 200, "maxheight": 50}, (88, 50)),
        ({"maxwidth": 9000}, (640, 360)),
    ],
)
def test_it_is_as_large_as_there_is_room(most: dict[str, int], size: tuple[int, int], world: World) -> None:
    channel = world.channel()
    change(world, channel, embed_sites=["*"])
    told = asked(world, f"{BASE}/watch/{channel.name}", **most).json()
    assert (told["width"], told["height"]) == size
    assert f'width="{size[0]}" height="{size[1]}"' in told["html"]


def test_nothing_is_told_of_what_is_private_unknown_or_not_ours(world: World) -> None:
    private, public = world.channel(private=True), world.channel()
    change(world, private, embed_sites=["*"])
    addresses = [
        *(f"{BASE}/watch/{private.name}", f"{BASE}/watch/nobody", f"{BASE}/broadcast", "nothing", ""),
        *(f"https://evil.example/watch/{public.name}", f"{BASE}/watch/../watch/{public.name}", "http://["),
        f"{BASE}/watch/{public.name}/more",
    ]
    answers = [asked(world, url) for url in addresses]
    assert [answer.status_code for answer in answers] == [404] * len(addresses)
    assert len({answer.text for answer in answers}) == 1


def test_there_is_json_only(world: World) -> None:
    answer = asked(world, f"{BASE}/watch/{world.channel().name}", format="xml")
    assert (answer.status_code, "format=json" in answer.text) == (501, True)


def test_a_hostile_title_stays_in_its_place(world: World) -> None:
    channel = world.channel()
    change(world, channel, title=HOSTILE, embed_sites=["*"])
    live(world, channel, HOSTILE)
    html = asked(world, f"{BASE}/watch/{channel.name}").json()["html"]
    assert Head(html).tags == ["iframe"]
