"""What is on is shown to those who may watch it: in lists, by name, and as events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest

from ingestd.accounts.model import Scope
from ingestd.web.api import broadcasts as resource
from tests.support.server import PATIENCE
from tests.web.world import CLIENT, HOST, SELF, Channel, World

_MARKS = count(1)  # viewers, by which a change is known again
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

    async def rounds(self) -> AsyncIterator[list[tuple[str, Any]]]:
        """Names and data of events that come together."""
        while True:
            async with asyncio.timeout(PATIENCE):
                message = await self.sent.get()
            texts = message.get("body", b"").decode().split("\r\n\r\n")
            pairs = [text.split("\r\n") for text in texts if text.startswith("event: ")]
            yield [(name.removeprefix("event: "), json.loads(data[len("data: ") :])) for name, data in pairs]

    async def __aiter__(self) -> AsyncIterator[tuple[str, Any]]:
        async for told in self.rounds():
            for one in told:
                yield one

    async def close(self) -> None:
        self._left.set()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def follow(world: World, headers: dict[str, str], query: str, *changes: str) -> list[tuple[str, Any]]:
    """The events from the snapshot to the round in which the last of ``changes`` is told, all of which are
    broadcasts that change; of others, that were begun lately, there is nothing."""
    events, seen, mark = Events(world, query, headers), [], next(_MARKS)
    try:
        async for told in events.rounds():
            seen += [(name, data) for name, data in told if name == "snapshot" or data["id"] in changes]
            if told and told[0][0] == "snapshot":
                for identity in changes:
                    found = world.broadcasts.find(identity)
                    assert found
                    found.watched_by(mark)
            if any(data["id"] == changes[-1] and data["viewers"] == mark for _, data in seen[1:]):
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
    told = {data["id"] for _, data in seen[1:]}
    assert told == {last.broadcast, *([private.broadcast] if MAY[who] else [])}


def test_events_of_one_channel_with_a_token_in_the_address(world: World, private: Channel) -> None:
    public = world.channel()
    query = f"channel={private.name}&token={world.token(Scope.WATCH, private.name)}"
    seen = world.do(follow(world, {}, query, public.broadcast, private.broadcast))
    assert [one["id"] for one in seen[0][1]["broadcasts"]] == [private.broadcast]
    assert {data["id"] for _, data in seen[1:]} == {private.broadcast}


def test_who_is_signed_out_meanwhile_hears_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "_BELIEVED_SECONDS", 0.0)
    name, hidden, last = world.person(), world.channel(private=True), world.channel()
    world.do(world.accounts.channels.allow(SELF, hidden.name, name))

    async def sign_out_in_between() -> list[tuple[str, int]]:
        """What is told of each change that is made here: by their marks, since others are told of, too."""
        events, told, before, after = (
            Events(world, "", world.credentials(name)),
            [],
            next(_MARKS),
            next(_MARKS),
        )
        try:
            async for kind, data in events:
                one, other = world.broadcasts.find(hidden.broadcast), world.broadcasts.find(last.broadcast)
                assert one and other
                if kind == "snapshot":
                    one.watched_by(before)
                elif data["viewers"] in (before, after):
                    told.append((data["id"], data["viewers"]))
                    if data["viewers"] == after:
                        return told
                    await world.accounts.sessions.close_all(SELF, world.users[name].id)
                    one.watched_by(after)
                    other.watched_by(after)
        finally:
            await events.close()
        return told

    (first, _), (second, _) = world.do(sign_out_in_between())
    assert (first, second) == (hidden.broadcast, last.broadcast)


async def status(events: Events) -> int:
    return int((await events.sent.get())["status"])


async def nobody_reads(world: World) -> None:
    async with asyncio.timeout(PATIENCE):
        while world.feed:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


def test_one_address_has_so_many_event_streams_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.feed, "_most_of_one", 2)

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
        await nobody_reads(world)
        assert not world.feed._open and not world.feed._readings

    world.do(open_and_close())


def test_all_addresses_together_have_so_many_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.feed, "_most", 3)

    async def open_and_close() -> None:
        first = [
            Events(world, "", {"X-Forwarded-For": f"192.0.2.{number}"}, "127.0.0.1") for number in range(3)
        ]
        for one in first:
            assert await status(one) == 200
        one_more = Events(world, "", {"X-Forwarded-For": "192.0.2.9"}, "127.0.0.1")
        head = await one_more.sent.get()
        assert head["status"] == 503
        assert (b"retry-after", b"15") in head["headers"]
        body = (await one_more.sent.get())["body"]
        assert b"The server has 3 event streams open" in body and b"Try again in 15 s." in body
        await first.pop().close()
        again = Events(world, "", {"X-Forwarded-For": "192.0.2.9"}, "127.0.0.1")
        assert await status(again) == 200
        for one in (*first, one_more, again):
            await one.close()
        await nobody_reads(world)

    world.do(open_and_close())


def test_a_silent_stream_is_kept_open_by_comments(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "_PING_SECONDS", 0.01)
    nothing = world.channel()

    async def listen() -> list[bytes]:
        events = Events(world, f"channel={nothing.name}", {})
        bodies: list[bytes] = []
        try:
            while bodies.count(b": ping\r\n\r\n") < 2:
                async with asyncio.timeout(PATIENCE):
                    message = await events.sent.get()
                bodies += [message["body"]] if message.get("body") else []
            return bodies
        finally:
            await events.close()

    snapshot, *others = world.do(listen())
    assert snapshot.startswith(b"event: snapshot\r\n")
    told = {one for one in others if one != b": ping\r\n\r\n"}
    assert all(one.startswith(b"event: broadcast\r\n") for one in told), "that it has begun, at most"
