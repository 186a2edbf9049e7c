"""Changes by other processes, and a database that is locked, gone, or says nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from sqlalchemy import text

from ingestd.accounts.accounts import Accounts, Pace
from ingestd.accounts.gate import Gate
from ingestd.accounts.model import Role
from ingestd.errors import Code, StartError
from tests.accounts.postgres import Postgres
from tests.accounts.stage import CLI, PASSWORD, QUICK, Place, cheap, played, refused, settings, until
from tests.support.proxy import Proxy
from tests.support.server import PATIENCE

HASTY = Pace(patience=2.0, poll=0.02, slowest=0.05)  # which a busy machine keeps, too, where nothing is wrong


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    with Proxy(postgres.port) as between:
        yield between


@pytest.fixture
def distant(postgres: Postgres, proxy: Proxy, tmp_path: Path) -> Place:
    """An installation whose PostgreSQL can be cut off."""
    return Place(tmp_path, postgres.url(postgres.empty(), port=proxy.port))


@asynccontextmanager
async def locked(place: Place) -> AsyncIterator[None]:
    """While another process writes."""
    async with place.opened() as other, other._database.writing():
        yield


@played
async def test_a_change_by_another_process_is_seen(accounts: Accounts, place: Place) -> None:
    told: list[int] = []
    accounts.watch(lambda: told.append(accounts.directory.version))
    await accounts.start()
    async with place.opened() as other:
        key, made = await other.keys.create(CLI, "demo", "by the command line")
        await until(lambda: accounts.directory.by_key(key) is not None)
        assert told == [other.directory.version]
        gate, admitted = Gate(accounts), Gate(other).key(key)
        assert gate.key(key) == admitted
        await other.keys.revoke(CLI, made.id)
        await until(lambda: gate.still(admitted) is not None)  # type: ignore[arg-type]
        assert len(told) == 2


def test_changes_are_looked_for_four_times_a_second() -> None:
    """With nginx's half second a key that was exchanged by the command line is done for within one."""
    assert Pace().poll == 0.25 and Pace().patience == 3.0 and Pace().uses == 10.0


@played
async def test_a_change_of_our_own_is_seen_at_once_and_told(accounts: Accounts) -> None:
    told: list[str] = []

    accounts.watch(lambda: told.append(accounts.directory.channels["demo"].title))
    with structlog.testing.capture_logs() as logs:
        await accounts.channels.update(CLI, "demo", title="New")
        await refused(accounts.channels.update(CLI, "demo", title=""), Code.INVALID)
        await refused(accounts.channels.create(CLI, "demo", "Mine"), Code.EXISTS)
        await accounts.audit.note(CLI, "test", "user:x")
    assert told == ["New"] and not logs


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("no")])
@played
async def test_a_change_that_cannot_be_put_in_force_is_refused_and_tried_again(
    accounts: Accounts, error: Exception
) -> None:
    told: list[bool] = []

    def broken() -> None:
        told.append(accounts.directory.channels["demo"].private)
        if len(told) < 4:
            raise error

    others: list[bool] = []
    accounts.watch(broken)
    accounts.watch(lambda: others.append(True))
    with structlog.testing.capture_logs() as logs:
        doing = accounts.channels.update(CLI, "demo", private=True)
        assert "could not put it in force" in await refused(doing, Code.UNAVAILABLE)
        assert told == [True] and others
        await accounts.start()
        await until(lambda: len(told) == 4)
        await until(lambda: not accounts._untold)
        await accounts.channels.update(CLI, "demo", title="New")
    assert [line["event"] for line in logs] == ["change_not_in_force", "change_in_force"]
    assert bool(logs[0]["exc_info"]) == isinstance(error, ValueError)
    assert len(told) == 5, "told no more often than there are changes"


@played
async def test_a_revoked_token_is_forgotten_when_it_would_have_expired(
    accounts: Accounts, place: Place
) -> None:
    await accounts.tokens.revoke(CLI, "first", place.clock.now + 60)
    assert accounts.directory.revoked("first") and not accounts.directory.revoked("second")
    place.clock.now += 120
    await accounts.tokens.revoke(CLI, "second", place.clock.now + 60)
    await accounts.tokens.revoke(CLI, "second", place.clock.now + 90)
    assert accounts.directory.revocations == {"second"}


def test_the_use_of_keys_is_written_now_and_then(place: Place) -> None:
    async def play() -> None:
        async with place.opened(replace(QUICK, uses=0.3)) as accounts:
            (key,) = await accounts.keys.list("demo")
            await accounts.start()
            for address in ("192.0.2.1", "192.0.2.2"):
                accounts.keys.used(key.id, address)
                await until(lambda: not accounts.keys._uses)
        async with place.opened() as accounts:
            (key,) = await accounts.keys.list("demo")
            assert key.last_used_from == "192.0.2.2"
            accounts.keys.used(key.id, "at the end")
        async with place.opened() as accounts:
            assert (await accounts.keys.list("demo"))[0].last_used_from == "at the end"

    asyncio.run(play())


def test_uses_wait_until_it_is_time(tmp_path: Path) -> None:
    async def play() -> None:
        async with Place(tmp_path).opened() as accounts:
            await accounts._write_uses()  # nothing to write, and yet the time begins
            (key,) = await accounts.keys.list("demo")
            accounts.keys.used(key.id, "192.0.2.1")
            await accounts._write_uses()
            assert accounts.keys._uses

    asyncio.run(play())


def test_a_locked_database_refuses_changes_and_goes_on_answering(place: Place) -> None:
    async def play() -> None:
        async with place.opened(HASTY) as accounts:
            anna = await accounts.users.create(CLI, "anna", PASSWORD, Role.BROADCASTER)
            secret, _ = await accounts.sessions.open(anna, "Firefox", "")
            async with locked(place):
                began = time.monotonic()
                words = await refused(accounts.channels.create(CLI, "new", "New"), Code.UNAVAILABLE)
                assert "try again" in words and HASTY.patience / 2 < time.monotonic() - began < PATIENCE
                assert await accounts.sessions.find(secret, "")
                assert await accounts.users.authenticate("anna", PASSWORD)
                assert accounts.demo_key
            assert await accounts.channels.create(CLI, "new", "New")

    asyncio.run(play())


def test_a_crowd_of_changes_is_made_one_after_another(place: Place) -> None:
    """Each of them in far less time than a lock may take, all together in more."""
    pace = replace(HASTY, patience=1.0)  # for a lock; for all of a change: 3 s

    async def play() -> None:
        async with place.opened(pace) as accounts:

            async def change() -> None:
                async with accounts._database.writing():
                    await asyncio.sleep(0.4)

            await asyncio.gather(*(change() for _ in range(4)))

    asyncio.run(play())


def test_a_session_survives_a_lock_when_its_use_is_to_be_noted(place: Place) -> None:
    async def play() -> None:
        async with place.opened(HASTY) as accounts:
            anna = await accounts.users.create(CLI, "anna", PASSWORD, Role.BROADCASTER)
            secret, _ = await accounts.sessions.open(anna, "Firefox", "")
            async with locked(place):
                place.clock.now += 3600
                assert await accounts.sessions.find(secret, "")

    asyncio.run(play())


@pytest.mark.parametrize("trouble", [Proxy.cut, Proxy.black_hole])
def test_a_database_that_is_gone_stops_nothing_that_is_live(
    distant: Place, proxy: Proxy, trouble: Callable[[Proxy], None]
) -> None:
    async def play() -> None:
        async with distant.opened(HASTY) as accounts:
            gate, events = Gate(accounts), [line["event"] for line in logs]
            key = accounts.demo_key
            admitted = gate.key(key)
            await accounts.start()
            trouble(proxy)
            began = time.monotonic()
            await refused(accounts.channels.create(CLI, "new", "New"), Code.UNAVAILABLE)
            await refused(accounts.users.authenticate("admin", PASSWORD), Code.UNAVAILABLE)
            assert time.monotonic() - began < PATIENCE
            await until(lambda: "database_gone" in [line["event"] for line in logs])
            assert gate.key(key) == admitted and gate.still(admitted) is None  # type: ignore[arg-type]
            accounts.keys.used(admitted.key, "192.0.2.1")  # type: ignore[union-attr,arg-type]
            await refused(accounts.keys.list("demo"), Code.UNAVAILABLE)
            proxy.restore()
            await until(lambda: "database_back" in [line["event"] for line in logs])
            assert await accounts.channels.create(CLI, "new", "New")
            assert (await accounts.keys.list("demo"))[0].last_used_from == "192.0.2.1"
            assert events == []

    with structlog.testing.capture_logs() as logs:
        asyncio.run(play())
    told = [line["event"] for line in logs]  # twice, where the machine was busy for as long as that
    assert told == ["database_gone", "database_back"] * (len(told) // 2), "each outage once"


def test_a_server_that_was_restarted_is_not_even_noticed(distant: Place, proxy: Proxy) -> None:
    async def play() -> None:
        async with distant.opened() as accounts:
            await asyncio.gather(*(accounts.users.list() for _ in range(4)))
            proxy.cut()
            proxy.restore()
            assert await accounts.users.list()
            assert await accounts.channels.create(CLI, "new", "New")

    asyncio.run(play())


def test_close_ends_in_time_when_the_database_is_gone(distant: Place, proxy: Proxy) -> None:
    async def play() -> None:
        async with distant.opened(HASTY) as accounts:
            (key,) = await accounts.keys.list("demo")
            accounts.keys.used(key.id, "192.0.2.1")
            proxy.black_hole()
            began = time.monotonic()
        assert time.monotonic() - began < PATIENCE

    asyncio.run(play())


def test_a_database_that_says_nothing_stops_the_start(distant: Place, proxy: Proxy) -> None:
    proxy.black_hole()

    async def play() -> None:
        with pytest.raises(StartError, match="does not answer"):
            await Accounts.open(settings(distant.url), distant.data, pace=HASTY, passwords=cheap())

    asyncio.run(play())


def test_a_database_that_is_locked_stops_the_start(place: Place) -> None:
    async def play() -> None:
        async with place.opened() as other, other._database.writing() as holding:
            await holding.execute(text("DELETE FROM audit"))
            if place.url:  # as another who migrates
                await holding.execute(text("SELECT pg_advisory_xact_lock(x'696e67657374'::bigint)"))
            with pytest.raises(StartError):
                await Accounts.open(settings(place.url), place.data, pace=HASTY, passwords=cheap())

    asyncio.run(play())
