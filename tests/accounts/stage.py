"""Where the tests of this folder play: an installation with open accounts, on either database."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from ingestd.accounts.accounts import Accounts, Pace
from ingestd.accounts.model import Actor, Role, User
from ingestd.accounts.passwords import Passwords
from ingestd.errors import Code, Refused
from ingestd.settings import Database, Settings
from tests.support.server import PATIENCE

CLI = Actor(None, "", "cli")
PASSWORD = "correct horse battery"
QUICK = Pace(patience=PATIENCE / 2, poll=0.02, slowest=0.05)  # a busy machine is no trouble of the database's


@dataclass
class Clock:
    """Unix time that a test moves."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Place:
    """One installation: its data directory and database."""

    data: Path
    url: str = ""
    clock: Clock = field(default_factory=Clock)

    def install(self) -> None:
        """Start it for the first time."""

        async def play() -> None:
            async with self.opened():
                pass

        asyncio.run(play())

    @asynccontextmanager
    async def opened(self, pace: Pace = QUICK) -> AsyncIterator[Accounts]:
        accounts = await Accounts.open(
            settings(self.url), self.data, pace=pace, passwords=cheap(), clock=self.clock
        )
        try:
            yield accounts
        finally:
            await accounts.close()


def settings(url: str = "") -> Settings:
    return Settings(database=Database(url=url))


def cheap(time_cost: int = 1) -> Passwords:
    """Passwords that cost a test nothing."""
    return Passwords(PasswordHasher(time_cost=time_cost, memory_cost=8, parallelism=1))


def played(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test that is given open ``accounts``, run in an event loop of its own."""
    wanted = inspect.signature(function).parameters
    others = [one for name, one in wanted.items() if name not in ("accounts", "place")]
    place_first = inspect.Parameter("place", inspect.Parameter.POSITIONAL_OR_KEYWORD)

    def test(place: Place, **fixtures: Any) -> None:
        async def play() -> None:
            async with place.opened() as accounts:
                given: dict[str, Any] = {"accounts": accounts, "place": place}
                await function(**{name: given[name] for name in wanted if name in given}, **fixtures)

        asyncio.run(play())

    test.__name__, test.__doc__, test.__module__ = function.__name__, function.__doc__, function.__module__
    test.__signature__ = inspect.Signature([place_first, *others])  # type: ignore[attr-defined]
    return test


async def refused(doing: Awaitable[object], code: Code) -> str:
    """Waits for a refusal with this code; its words."""
    try:
        await doing
    except Refused as error:
        assert error.refusal.code is code, error.refusal
        return error.refusal.message
    raise AssertionError("it was not refused")


async def until(condition: Callable[[], bool]) -> None:
    """Until something that other tasks bring about is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - it may be about another process
            await asyncio.sleep(0.005)


async def person(accounts: Accounts, name: str, role: Role = Role.BROADCASTER) -> Actor:
    """A new user, signed in."""
    return acting(await accounts.users.create(CLI, name, PASSWORD, role))


def acting(user: User) -> Actor:
    return Actor(user, "192.0.2.1", "session")
