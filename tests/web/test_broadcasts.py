"""What is on is shown to those who may watch it: in lists, by name, and as events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ingestd.accounts.model import Scope
from ingestd.web.api import broadcasts as resource
from tests.web.world import CLIENT, HOST, SELF, Channel, World

MAY = {"anonymous": False, "other": False, "publisher": True, "owner": True, "root": True, "token": True}


@pytest.fixture(scope="module")
def private(world: World) -> Channel:
    return world.channel(private=True)


def listed(world: World, who: str, path: str = "/broadcasts", **more: Any) -> set[str]:
    return {one["id"] for one in world.ask(who, "GET", path, **more).json()["broadcasts"]}


def test_a_private_channel_s_broadcasts_are_listed_for_who_may_publish(
    world: World, private: Channel
) -> None:
    public = world.channel()
    for who, may in MAY.items():
        found = listed(world, who)
        assert public.broadcast in found
        assert (private.broadcast in found) is may, who
        channels = {one["channel"] for one in world.ask(who, "GET", "/channels").json()["channels"]}
        assert public.name in channels
        assert (private.name in channels) is may, who


@pytest.mark.parametrize("way", ["header", "query"])
def test_a_watch_token_shows_its_channel_and_no_other(way: str, world: World, private: Channel) -> None:
    another, token = world.channel(private=True), world.token(Scope.WATCH, private.name)
    more: Any = (
        {"headers": {"Authorization": f"Bearer {token}"}} if way == "header" else {"params": {"token": token}}
    )
    found = listed(world, "nobody", **more)
    assert private.broadcast in found
    assert another.broadcast not in found
    shown = world.ask("nobody", "GET", f"/channels/{private.name}", **more)
    assert shown.json()["broadcast"]["id"] == private.broadcast
    assert shown.json()["may"] == {"publish": False, "manage": False}
    assert (shown.json()["owner"], shown.json()["rtmp"]) == (None, None)
    assert world.ask("nobody", "GET", f"/channels/{another.name}", **more).status_code == 403
    reports = f"/broadcasts/{private.broadcast}/generations"
    assert world.ask("nobody", "GET", reports, **more).status_code == 200


@pytest.mark.parametrize("what", ["key", "wrong", "revoked"])
def test_what_is_no_token_shows_nothing(what: str, world: World, private: Channel) -> None:
    token = private.key
    if what == "wrong":
        token = world.token(Scope.WATCH, private.name)[:-3]
    if what == "revoked":
        made = world.ask("owner", "POST", f"/channels/{private.name}/tokens", {"scope": "watch"}).json()
        token = made["token"]
        assert world.ask("owner", "DELETE", f"/tokens/{made['id']}").status_code == 204
    for path in ("/broadcasts", f"/channels/{private.name}", "/channels"):
        answer = world.ask("nobody", "GET", path, params={"token": token})
        assert answer.status_code in (401, 403), path
        assert token not in answer.text
    assert world.ask("nobody", "GET", "/session", headers={"Cookie": f"ingestd_session={token}"}).json() == {
        "user": None,
        "first_start": True,
    }


def test_a_deleted_channel_s_broadcast_is_shown_no_longer(world: World) -> None:
    gone = world.channel()
    world.ask("owner", "DELETE", f"/channels/{gone.name}")
    assert gone.broadcast not in listed(world, "root")
    assert world.ask("root", "GET", f"/broadcasts/{gone.broadcast}/generations").status_code == 404


class Events:
    """``/events`` as it comes: httpx would wait for its end, and there is none."""

    def __init__(self, world: World, query: str, headers: dict[str, str], client: str = CLIENT) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        raw = [(b"host", HOST.encode()), *((k.lower().encode(), v.encode()) for k, v in headers.items())]
        scope = {"type": "http", "method": "GET", "path": "/api/v1/events", "query_string": query.encode()}
        scope |= {"headers": raw, "client": (client, 1), "scheme": "http", "http_version": "1.1"}
        scope |= {"server": (HOST, 80), "root_path": ""}
        self._left = asyncio.Event()
        running: Any = world.app(scope, self._receive, self.sent.put)  # type: ignore[arg-type]
        self._task: asyncio.Task[None] = asyncio.create_task(running)

    async def _receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def __aiter__(self) -> AsyncIterator[tuple[str, Any]]:
        while True:
            async with asyncio.timeout(10):
                message = await self.sent.get()
            text = message.get("body", b"").decode()
            if text.startswith("event: "):
                name, _, data = text.partition("\r\n")
                yield name.removeprefix("event: "), json.loads(data.strip().removeprefix("data: "))

    async def close(self) -> None:
        self._left.set()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def follow(world: World, headers: dict[str, str], query: str, *changes: str) -> list[tuple[str, Any]]:
    """The events from the snapshot to the last of ``changes``, which are broadcasts that change in turn."""
    events, seen = Events(world, query, headers), []
    try:
        async for name, data in events:
            seen.append((name, data))
            if name == "snapshot":
                for identity in changes:
                    found = world.broadcasts.find(identity)
                    assert found
                    world.broadcasts._changed(found)
            if name == "broadcast" and data["id"] == changes[-1]:
                return seen
    finally:
        await events.close()
    raise AssertionError("the events ended")


@pytest.mark.parametrize("who", MAY)
def test_events_tell_of_a_private_channel_who_may_watch_it(who: str, world: World, private: Channel) -> None:
    last = world.channel()
    seen = world.do(follow(world, world.credentials(who), "", private.broadcast, last.broadcast))
    assert [name for name, _ in seen][:1] == ["snapshot"]
    assert (private.broadcast in [one["id"] for one in seen[0][1]["broadcasts"]]) is MAY[who]
    assert [data["id"] for _, data in seen[1:]] == [private.broadcast] * MAY[who] + [last.broadcast]


def test_events_of_one_channel_with_a_token_in_the_address(world: World, private: Channel) -> None:
    public = world.channel()
    query = f"channel={private.name}&token={world.token(Scope.WATCH, private.name)}"
    seen = world.do(follow(world, {}, query, public.broadcast, private.broadcast))
    assert [one["id"] for one in seen[0][1]["broadcasts"]] == [private.broadcast]
    assert [data["id"] for _, data in seen[1:]] == [private.broadcast]


def test_who_is_signed_out_meanwhile_hears_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "_BELIEVED_SECONDS", 0.0)
    name, hidden, last = world.person(), world.channel(private=True), world.channel()
    world.do(world.accounts.channels.allow(SELF, hidden.name, name))

    async def sign_out_in_between() -> list[str]:
        events, told = Events(world, "", world.credentials(name)), []
        try:
            async for kind, data in events:
                one, other = world.broadcasts.find(hidden.broadcast), world.broadcasts.find(last.broadcast)
                assert one and other
                if kind == "snapshot":
                    world.broadcasts._changed(one)
                    continue
                told.append(data["id"])
                if data["id"] == last.broadcast:
                    return told
                await world.accounts.sessions.close_all(SELF, world.users[name].id)
                world.broadcasts._changed(one)
                world.broadcasts._changed(other)
        finally:
            await events.close()
        return told

    assert world.do(sign_out_in_between()) == [hidden.broadcast, last.broadcast]


def test_one_address_has_so_many_event_streams_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "_STREAMS", 2)

    async def status(events: Events) -> int:
        return int((await events.sent.get())["status"])

    async def open_and_close() -> None:
        # one after the other: who is the third must be known
        first = Events(world, "", {})
        assert await status(first) == 200
        second = Events(world, "", {})
        assert await status(second) == 200
        third = Events(world, "", {})
        assert await status(third) == 429
        assert b"retry_after" in (await third.sent.get())["body"]
        elsewhere = Events(world, "", {"X-Forwarded-For": "192.0.2.8"}, "127.0.0.1")
        assert await status(elsewhere) == 200
        await first.close()
        again = Events(world, "", {})
        assert await status(again) == 200
        for one in (second, third, elsewhere, again):
            await one.close()
        assert not world.context.streams

    world.do(open_and_close())
