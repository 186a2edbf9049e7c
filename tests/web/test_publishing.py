"""Before going live: room and upload are told to those who may publish. Afterwards: what a broadcast was."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ingestd.accounts.model import Actor, Scope
from ingestd.broadcast.lifecycle import Event
from ingestd.errors import Code, Refusal
from ingestd.web.api import publishing as resource
from ingestd.web.api.trials import MOST_BYTES
from tests.web.world import HOST, Channel, World

PIECE = b"\x07" * 50_000
READY = {"ready": True, "live": False, "reasons": [], "whip": None}
MAY = {"anonymous": 401, "other": 403, "publisher": 200, "owner": 200, "root": 200, "token": 200}


@pytest.fixture
def quiet(world: World) -> Iterator[Channel]:
    """A channel on which nobody is live, and that has never measured anything."""
    name = world.fresh()

    async def make() -> Channel:
        owner = Actor(world.users["owner"], "", "test")
        await world.accounts.channels.create(owner, name, "A title")
        await world.accounts.channels.allow(owner, name, "publisher")
        key, made = await world.accounts.keys.create(owner, name, "OBS")
        return Channel(name, "", key, made.id)

    yield world.do(make())


def measure(world: World, channel: str, who: str = "owner", content: Any = PIECE, **more: Any) -> Any:
    headers = {"Content-Type": "application/octet-stream", **more}
    return world.ask(who, "PUT", f"/channels/{channel}/upload-test", content=content, headers=headers)


def by_link(world: World, channel: Channel, key: str | None = None, scope: Scope = Scope.PUBLISH) -> Any:
    token = world.token(scope, channel.name)
    return {"Authorization": f"Bearer {token}", "X-Stream-Key": channel.key if key is None else key}


@pytest.mark.parametrize(("who", "status"), MAY.items())
def test_only_who_may_publish_is_told(who: str, status: int, world: World, quiet: Channel) -> None:
    answer = world.ask(who, "GET", f"/channels/{quiet.name}/readiness")
    assert answer.status_code == status
    assert measure(world, quiet.name, who).status_code == status


def test_a_broadcast_link_is_enough_and_a_wrong_one_is_not(world: World, quiet: Channel) -> None:
    path, other = f"/channels/{quiet.name}/readiness", world.channel()
    wrong = [
        (by_link(world, quiet, key="not a key"), 401),
        (by_link(world, quiet, key=""), 403),
        (by_link(world, quiet, scope=Scope.WATCH), 403),
        (by_link(world, other), 403),
    ]
    for headers, status in wrong:
        assert world.ask("nobody", "GET", path, headers=headers).status_code == status, headers
        assert measure(world, quiet.name, "nobody", **headers).status_code == status
    assert world.ask("nobody", "GET", path, headers=by_link(world, quiet)).json()["ready"] is True
    assert measure(world, quiet.name, "nobody", **by_link(world, quiet)).json() == {"bytes": len(PIECE)}


def test_there_is_room_or_a_reason(world: World, quiet: Channel) -> None:
    path = f"/channels/{quiet.name}/readiness"
    assert world.ask("owner", "GET", path).json() == READY

    async def lacking() -> list[str]:
        return ["FFmpeg is missing.", "The server is full."]

    app = world.make_app(world.make_context(lacking=lacking))
    found = world.ask("owner", "GET", path, app=app).json()
    assert found == READY | {"ready": False, "reasons": ["FFmpeg is missing.", "The server is full."]}


def test_somebody_who_is_live_is_no_lack_of_room(world: World) -> None:
    live = world.channel()
    found = world.ask("owner", "GET", f"/channels/{live.name}/readiness").json()
    assert (found["ready"], found["live"]) == (False, True)
    assert "already live" in found["reasons"][0]


def test_a_live_channel_is_not_disturbed(world: World) -> None:
    answer = measure(world, world.channel().name)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "already_live")


@pytest.mark.parametrize(("size", "status"), [(0, 200), (MOST_BYTES, 200), (MOST_BYTES + 1, 413)])
def test_a_piece_has_a_bound(size: int, status: int, world: World, quiet: Channel) -> None:
    assert measure(world, quiet.name, content=bytes(size)).status_code == status


def test_measuring_has_a_bound_too(world: World, quiet: Channel) -> None:
    for _ in range(8):
        assert measure(world, quiet.name, content=bytes(MOST_BYTES)).status_code == 200
    answer = measure(world, quiet.name)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many")
    assert int(answer.headers["Retry-After"]) <= 60


def test_a_piece_that_does_not_come_is_not_waited_for(
    world: World, quiet: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "_BODY_SECONDS", 0.01)

    async def nothing() -> Any:
        await asyncio.Event().wait()
        yield b""

    assert measure(world, quiet.name, content=nothing()).status_code == 408
    monkeypatch.undo()
    assert measure(world, quiet.name).status_code == 200  # and nobody is kept out by it


def test_who_goes_away_in_mid_measurement_is_no_mistake_of_ours(world: World, quiet: Channel) -> None:
    """A page does so whenever somebody goes live before it has measured."""
    said: list[Any] = []
    heads = {"host": HOST} | by_link(world, quiet)
    headers = [(name.lower().encode(), value.encode()) for name, value in heads.items()]
    path = f"/api/v1/channels/{quiet.name}/upload-test"
    scope = {"type": "http", "method": "PUT", "path": path, "raw_path": path.encode(), "scheme": "http"}
    scope |= {"headers": headers, "query_string": b"", "client": ("203.0.113.9", 4000), "http_version": "1.1"}
    come = [{"type": "http.request", "body": PIECE, "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return come.pop(0)

    async def send(message: Any) -> None:
        said.append(message)

    async def whole() -> None:
        await world.app(scope, receive, send)

    world.do(whole())  # raises nothing, which would be logged
    assert said[0]["status"] in (400, 408)
    assert measure(world, quiet.name).status_code == 200  # and nobody is kept out by it


def test_what_there_is_no_channel_for_is_not_found(world: World) -> None:
    assert world.ask("owner", "GET", "/channels/nobody/readiness").status_code == 404
    assert measure(world, "nobody").status_code == 404


def test_the_record_of_a_broadcast(world: World) -> None:
    channel = world.channel()

    async def happen() -> None:
        one = world.broadcasts.find(channel.broadcast)
        assert one
        for event in (Event.SEGMENT, Event.PUBLISHER_LEFT, Event.PUBLISHER_BACK, Event.SEGMENT):
            one._on(event)
        one.watched_by(7)
        one.watched_by(3)

    world.do(happen())
    found = world.ask("anonymous", "GET", f"/broadcasts/{channel.broadcast}").json()
    assert (found["broadcast"]["id"], found["broadcast"]["viewers_peak"]) == (channel.broadcast, 7)
    assert (found["complete"], found["given_up_bytes"]) == (False, 0)
    (interruption,) = found["interruptions"]
    assert interruption["what"] == "publisher"
    assert 0 <= interruption["seconds"] < 30


def test_the_record_of_a_private_channel_is_for_those_who_may_watch_it(world: World) -> None:
    private = world.channel(private=True)
    path = f"/broadcasts/{private.broadcast}"
    assert world.ask("other", "GET", path).status_code == 404
    assert world.ask("owner", "GET", path).status_code == 200
    token = by_link(world, private)
    assert world.ask("nobody", "GET", path, headers=token).status_code == 200
    assert world.ask("owner", "GET", "/broadcasts/nothing").status_code == 404


def test_a_refusal_of_the_registry_is_a_reason(
    world: World, quiet: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Refusal(Code.NO_CAPACITY, "The server is full.", 15)
    monkeypatch.setattr(world.broadcasts, "refusal", lambda _channel: full)
    found = world.ask("owner", "GET", f"/channels/{quiet.name}/readiness").json()
    assert found == READY | {"ready": False, "reasons": ["The server is full."]}


def test_it_says_where_one_publishes_by_webrtc(
    world: World, quiet: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = replace(world.broadcasts._terms, whep=True)
    monkeypatch.setattr(world.broadcasts, "_terms", terms)
    for channel in (quiet, world.channel()):  # also where somebody is live now
        found = world.ask("owner", "GET", f"/channels/{channel.name}/readiness").json()
        assert found["whip"] == f"/whip/{channel.name}"
