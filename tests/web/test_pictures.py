"""A channel's picture: what is taken, what is made of it, who sees it, and what becomes of it."""

from __future__ import annotations

import asyncio
import io
import os
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ingestd.accounts.model import Channel as Told
from ingestd.accounts.model import Scope
from ingestd.delivery.pictures import MOST_BYTES, Pictures, size_of
from ingestd.errors import Code, Refused
from ingestd.web.api import pictures as resource
from tests.web.world import Channel, World

RED, WHITE = (254, 0, 0), (255, 255, 255)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photograph(width: int = 400, height: int = 300, **options: Any) -> bytes:
    """Red above, black below, with a place in it where it was taken."""
    image = Image.new("RGB", (width, height))
    image.paste(RED, (0, 0, width, height // 2))
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    for tag, value in options.items():
        exif[int(tag[1:], 16)] = value
    return encoded(image, "JPEG", exif=exif, quality=95)


def put(world: World, channel: Channel, content: bytes, who: str = "owner", kind: str = "image/jpeg") -> Any:
    path = f"/channels/{channel.name}/picture"
    return world.ask(who, "PUT", path, content=content, headers={"Content-Type": kind})


def shown(world: World, address: str, who: str = "anonymous") -> Image.Image:
    answer = world.ask(who, "GET", address.removeprefix("/api/v1"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg"), answer.text
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    return image


def near(found: Any, wanted: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(found, wanted, strict=True))


def test_a_photograph_becomes_small_and_says_nothing_but_what_it_shows(world: World) -> None:
    channel = world.channel()
    sent = photograph(3000, 2000) + b"PK\x03\x04 another file behind it"
    answer = put(world, channel, sent)
    assert answer.status_code == 200, answer.text
    address = answer.json()["picture"]
    assert world.ask("anonymous", "GET", f"/channels/{channel.name}").json()["picture"] == address
    image = shown(world, address)
    assert (image.format, image.size) == ("JPEG", (1080, 720))
    assert near(image.getpixel((540, 100)), RED) and near(image.getpixel((540, 700)), (0, 0, 0))
    stored = world.ask("anonymous", "GET", address.removeprefix("/api/v1")).content
    assert (
        not dict(image.getexif()) and b"taken" not in stored and b"Lavc" not in stored and b"PK" not in stored
    )


def test_whoever_only_asks_whether_it_is_there_is_answered_alike(world: World) -> None:
    channel, private = world.channel(), world.channel(private=True)
    for one in (channel, private):
        assert world.ask("anonymous", "HEAD", f"/channels/{one.name}/picture").status_code in (401, 404)
        put(world, one, photograph())
    path = f"/channels/{channel.name}/picture"
    both = [world.ask("anonymous", method, path) for method in ("HEAD", "GET")]
    assert [one.status_code for one in both] == [200, 200]
    for name in ("content-type", "content-length", "cache-control"):
        assert both[0].headers[name] == both[1].headers[name]
    assert world.ask("anonymous", "HEAD", f"/channels/{private.name}/picture").status_code == 401


def test_one_taken_upright_stands_upright(world: World) -> None:
    channel = world.channel()
    image = shown(world, put(world, channel, photograph(400, 300, x0112=6)).json()["picture"])
    assert image.size == (300, 400)  # turned to the right: what was above is on that side
    assert near(image.getpixel((290, 200)), RED)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_where_nothing_is_drawn_it_is_white(kind: str, world: World) -> None:
    drawn = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    drawn.paste((*RED, 255), (0, 0, 20, 30))
    image = shown(world, put(world, world.channel(), encoded(drawn, kind, lossless=True)).json()["picture"])
    assert image.size == (40, 30)
    assert near(image.getpixel((5, 15)), RED) and near(image.getpixel((35, 15)), WHITE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        encoded(Image.new("P", (9, 9)), "GIF"),
        b"\xff\xd8\xff" + b"damaged" * 99,
        photograph()[:300],
        encoded(Image.new("L", (20_000, 20_000)), "PNG"),
        b"#EXTM3U\nfile:///etc/passwd\n",
    ],
    ids=["nothing", "text", "svg", "gif", "damaged", "cut off", "400 million pixels", "playlist"],
)
def test_what_is_no_picture_is_refused_in_plain_words(content: bytes, world: World) -> None:
    channel = world.channel()
    kept = put(world, channel, photograph()).json()["picture"]
    answer = put(world, channel, content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")
    assert "picture" in answer.json()["error"]["message"]
    assert world.ask("owner", "GET", f"/channels/{channel.name}").json()["picture"] == kept
    assert not list((world.data / "scratch").iterdir())


@pytest.mark.parametrize("size", [MOST_BYTES, MOST_BYTES + 1])
def test_a_picture_has_two_megabytes_at_most(size: int, world: World) -> None:
    sent = photograph()
    answer = put(world, world.channel(), sent + bytes(size - len(sent)))
    assert answer.status_code == (200 if size == MOST_BYTES else 413), answer.text


def test_one_that_does_not_come_is_not_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "_BODY_SECONDS", 0.01)

    async def nothing() -> Any:
        await asyncio.Event().wait()
        yield b""

    content: Any = nothing()
    answer = put(world, world.channel(), content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (408, "nothing_received")


def test_who_may_not_has_nothing_of_theirs_read(world: World) -> None:
    async def never() -> Any:
        raise AssertionError("it was read")
        yield b""

    content: Any = never()
    assert put(world, world.channel(), content, who="other").status_code == 403


def test_a_private_channel_s_picture_is_for_who_may_watch(world: World) -> None:
    channel = world.channel(private=True)
    address = put(world, channel, photograph()).json()["picture"].removeprefix("/api/v1")
    assert "id" not in address and channel.name in address
    for who, status in {"anonymous": 401, "other": 403, "publisher": 200, "token": 200}.items():
        assert world.ask(who, "GET", address).status_code == status, who
    token = world.token(Scope.WATCH, channel.name)
    answer = world.ask("nobody", "GET", f"{address}&token={token}")
    assert answer.status_code == 200 and answer.headers["cache-control"].startswith("private, max-age=")
    another = world.token(Scope.WATCH, world.channel(private=True).name)
    assert world.ask("nobody", "GET", f"{address}&token={another}").status_code == 403


def test_another_picture_has_another_address_and_none_has_none(world: World) -> None:
    channel = world.channel()
    first = put(world, channel, photograph()).json()["picture"]
    second = put(world, channel, photograph(200, 100)).json()["picture"]
    assert first != second
    path, _, version = second.removeprefix("/api/v1").partition("?")
    kept = world.ask("anonymous", "GET", path, params={"v": version.removeprefix("v=")})
    assert kept.headers["cache-control"] == "public, max-age=86400, immutable"
    assert world.ask("anonymous", "GET", path).headers["cache-control"] == "public, no-cache"
    assert (
        world.ask("anonymous", "GET", path, params={"v": "0"}).headers["cache-control"] == "public, no-cache"
    )
    assert world.ask("owner", "DELETE", path).json()["picture"] is None
    assert world.ask("owner", "GET", path).status_code == 404


def test_files_of_no_channel_are_swept_away_but_not_what_is_about_to_get_one(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path, "ffmpeg")
    channel = Told("0" * 16, "demo", "Demo")
    pictures.sweep([channel])  # there is no directory yet
    mine = asyncio.run(pictures.store(channel, photograph()))
    named = Told("0" * 16, "demo", "Demo", picture=mine)
    found = pictures.of(named)
    assert found and found.size == (400, 300)
    old, new = (tmp_path / "pictures" / f"{name * 16}-{'0' * 16}-1x1.jpg" for name in "12")
    for path in (old, new):
        path.touch()
    for path in (old, found.path):
        os.utime(path, (time.time() - 3600,) * 2)
    pictures.sweep([named])
    assert sorted((tmp_path / "pictures").iterdir()) == sorted([found.path, new])
    found.path.unlink()
    assert pictures.of(named) is None
    assert pictures.of(Told("0" * 16, "demo", "Demo", picture="../../secret")) is None


def test_without_an_encoder_or_a_disk_it_is_our_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for pictures in (Pictures(tmp_path, "/no/such/program"), Pictures(tmp_path / "file", "ffmpeg")):
        with pytest.raises(Refused) as caught:
            asyncio.run(pictures.store(Told("0" * 16, "demo", "Demo"), photograph()))
        assert caught.value.refusal.code is Code.UNAVAILABLE


def test_the_size_of_a_jpeg() -> None:
    assert size_of(photograph(123, 45)) == (123, 45)
    for damaged in (b"", b"\xff\xd8", photograph()[:20]):
        with pytest.raises(Refused):
            size_of(damaged)
