"""Whether the server is ready, for those that cannot wait for the answer."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import cast

from ingestd.web.health import Health, Readiness


class Asked:
    """Health as it is made here, and how often it was looked at."""

    def __init__(self) -> None:
        self.times = 0
        self.found: list[str] | OSError = []

    async def reasons(self) -> list[str]:
        self.times += 1
        if isinstance(self.found, OSError):
            raise self.found
        return self.found


async def until(test: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not test():  # noqa: ASYNC110 - what happens inside tells nobody
            await asyncio.sleep(0.01)


def test_it_follows_what_readyz_says_also_when_that_fails() -> None:
    async def story() -> None:
        health = Asked()
        one = Readiness(cast(Health, health), every=0.01)
        assert one.ready is None
        one.start()
        await until(lambda: one.ready is True)
        health.found = ["nginx does not answer."]
        await until(lambda: one.ready is False)
        health.found = []
        await until(lambda: one.ready is True)
        health.found = OSError(errno.EMFILE, "Too many open files")
        await until(lambda: one.ready is False)
        health.found = []
        await until(lambda: one.ready is True)
        await one.close()

    asyncio.run(story())


def test_to_ask_costs_no_look() -> None:
    async def story() -> None:
        health = Asked()
        one = Readiness(cast(Health, health), every=600.0)
        one.start()
        await until(lambda: one.ready is True)
        assert all(one.ready for _ in range(1000))
        assert health.times == 1
        await one.close()

    asyncio.run(story())
