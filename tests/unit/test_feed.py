"""What changes, made into text once and told to everybody."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.registry import Broadcasts
from ingestd.errors import Code, Refused
from ingestd.web import feed as module
from ingestd.web.feed import Feed, News, Reading
from ingestd.web.views import broadcast_view
from tests.unit.live import running

PATIENCE = 60.0  # seconds


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each broadcast was made into JSON."""
    counts = Counter[str]()

    def counted(one: Broadcast) -> dict[str, Any]:
        counts[one.id] += 1
        return broadcast_view(one)

    monkeypatch.setattr(module, "broadcast_view", counted)
    return counts


@asynccontextmanager
async def feeding(root: Path, most: int = 10_000) -> AsyncIterator[tuple[Broadcasts, Feed]]:
    async with running(root) as registry:
        feed = Feed(registry, most)
        feed.start()
        await asyncio.sleep(0)  # it listens
        try:
            yield registry, feed
        finally:
            await feed.close()


@contextlib.contextmanager
def open_streams(feed: Feed, count: int, channel: str | None = None) -> Iterator[list[Reading]]:
    with ExitStack() as stack:
        readings = [Reading(channel) for _ in range(count)]
        for one in readings:
            stack.enter_context(feed.reading(one))
        yield readings


async def following(reading: Reading) -> list[News]:
    async with asyncio.timeout(PATIENCE):
        news = await reading.next(PATIENCE)
    assert news
    return news


def begun(registry: Broadcasts, channel: str = "demo") -> Broadcast:
    found = registry.begin(channel, "").broadcast
    assert found
    return found


def said(event: bytes) -> tuple[str, Any]:
    name, data, *rest = event.decode().split("\r\n")
    assert rest == ["", ""]
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_a_change_is_made_into_text_once_for_however_many(tmp_path: Path, made: Counter[str]) -> None:
    async def story() -> None:
        async with feeding(tmp_path) as (registry, feed):
            with open_streams(feed, 1000) as readings:
                one = begun(registry)
                told = [await following(reading) for reading in readings]
                assert made == {one.id: 1}
                assert all(news[0].event is told[0][0].event for news in told)
                assert said(told[0][0].event) == ("broadcast", broadcast_view(one))

    asyncio.run(story())


def test_what_changes_again_and_again_is_told_once_as_it_is_then(
    tmp_path: Path, made: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_EVERY", 0.0)

    async def story() -> None:
        async with feeding(tmp_path) as (registry, feed):
            with open_streams(feed, 3) as readings:
                one = begun(registry)
                await following(readings[0])
                for viewers in range(1, 100):
                    one.watched_by(viewers)
                    registry._changed(one)
                (news,) = await following(readings[0])
                assert said(news.event)[1]["viewers"] == 99
                assert made[one.id] == 2

    asyncio.run(story())


def test_from_one_round_to_the_next_time_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVERY", 10 * PATIENCE)

    async def story() -> None:
        async with feeding(tmp_path) as (registry, feed):
            with open_streams(feed, 1) as (reading,):
                one = begun(registry)
                await following(reading)
                for _ in range(20):
                    registry._changed(one)
                    await asyncio.sleep(module._PAUSE)
                assert await reading.next(0.0) == []

    asyncio.run(story())


def test_who_follows_one_channel_is_not_woken_for_others(tmp_path: Path) -> None:
    async def story() -> None:
        async with feeding(tmp_path) as (registry, feed):
            with open_streams(feed, 1, "other") as (narrow,), open_streams(feed, 1) as (wide,):
                one, other = begun(registry), begun(registry, "other")
                assert {news.broadcast for news in await following(wide)} == {one, other}
                assert [news.broadcast for news in await following(narrow)] == [other]
                registry._changed(one)
                await following(wide)
                assert await narrow.next(0.0) == []

    asyncio.run(story())


def test_who_reads_slowly_gets_the_newest_of_each_once(tmp_path: Path) -> None:
    reading = Reading(None)

    async def story() -> None:
        async with running(tmp_path) as registry:
            one, other = begun(registry), begun(registry, "other")
            for number in range(1000):
                reading.tell([News(one, b"%d" % number), News(other, b"other")])
            assert [news.event for news in await following(reading)] == [b"999", b"other"]
            assert await reading.next(0.0) == []

    asyncio.run(story())


def test_others_have_their_turn_while_a_round_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with feeding(tmp_path) as (registry, feed):
            with open_streams(feed, 1000) as readings:
                turns, told = 0, asyncio.create_task(following(readings[-1]))
                await asyncio.sleep(0)
                begun(registry)
                while not told.done():
                    turns += 1
                    await asyncio.sleep(0)
                assert turns >= 1000 // module._AT_ONCE
                await told

    asyncio.run(story())


def test_snapshots_of_one_second_are_made_of_the_same_texts(tmp_path: Path, made: Counter[str]) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            feed = Feed(registry, 1)
            one, other = begun(registry), begun(registry, "other")
            both = [said(feed.snapshot([one, other])) for _ in range(100)]
            assert max(made.values()) <= 2  # a busy machine may have needed more than a second
            assert both[0] == ("snapshot", {"broadcasts": [broadcast_view(one), broadcast_view(other)]})
            assert said(feed.snapshot([])) == ("snapshot", {"broadcasts": []})

    asyncio.run(story())


def test_a_newcomer_is_not_shown_what_changed_while_nobody_was_there(tmp_path: Path) -> None:
    async def story() -> None:
        async with feeding(tmp_path) as (registry, feed):
            one = begun(registry)
            assert _viewers(feed, one) is None
            one.watched_by(7)
            registry._changed(one)
            async with asyncio.timeout(PATIENCE):
                while _viewers(feed, one) != 7:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.001)

    asyncio.run(story())


def _viewers(feed: Feed, one: Broadcast) -> object:
    (view,) = said(feed.snapshot([one]))[1]["broadcasts"]
    return view["viewers"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_when_the_server_stops_every_stream_ends(tmp_path: Path, when: str) -> None:
    async def story() -> None:
        async with feeding(tmp_path) as (registry, feed):
            if when == "before":
                registry.refuse_publishers()
            with open_streams(feed, 200) as readings:
                begun(registry) if when == "after" else None
                await asyncio.sleep(0)
                registry.refuse_publishers()
                async with asyncio.timeout(PATIENCE):
                    for reading in readings:
                        while await reading.next(PATIENCE) is not None:
                            pass

    asyncio.run(story())


def test_places_are_given_back_whoever_had_them(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            feed = Feed(registry, most=3, most_of_one=2)
            with ExitStack() as stack:
                for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
                    stack.enter_context(feed.place(address))
                for address, code in (("192.0.2.1", Code.TOO_MANY), ("192.0.2.3", Code.NO_CAPACITY)):
                    with pytest.raises(Refused) as refused, feed.place(address):
                        pass
                    assert refused.value.refusal.code is code
                    assert refused.value.refusal.retry_after > 0
                assert len(feed) == 3
            assert len(feed) == 0 and not feed._open

    asyncio.run(story())
