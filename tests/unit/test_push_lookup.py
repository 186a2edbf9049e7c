"""What the system knows of hosts; names that are slow to resolve are their owner's trouble alone."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ingestd.push import lookup
from ingestd.push.lookup import Lookups, Unanswered, own_addresses

PATIENCE = 20.0  # seconds
SHORT = 0.2  # for what does not come
FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 0))] * 2


class NameServer:
    """Does not answer for hosts whose name begins with ``slow`` until it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = threading.Event()
        self.trouble: Exception | None = None

    def getaddrinfo(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        if host.startswith("slow"):
            self.answers.wait(PATIENCE)
        if self.trouble:
            raise self.trouble
        return FOUND


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    made = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    monkeypatch.setattr(lookup, "LOOKUP_SECONDS", PATIENCE)
    yield made
    made.answers.set()
    for thread in threading.enumerate():
        if thread.name == "push-dns":
            thread.join()


async def asked(server: NameServer, times: int) -> None:
    """Until every thread that was started has asked; and no others were."""
    async with asyncio.timeout(PATIENCE):
        while len(server.asked) < times:  # noqa: ASYNC110 - a thread sends no event
            await asyncio.sleep(0.01)
    assert len(server.asked) == times


def test_slow_names_of_one_owner_hold_up_nobody_else(server: NameServer) -> None:
    async def story() -> None:
        lookups = Lookups()
        bad, good = lookups.of("bad"), lookups.of("good")
        slow = [bad(f"slow{number}.example.org") for number in range(40)]
        lookup.LOOKUP_SECONDS = SHORT
        failed = await asyncio.gather(*slow, return_exceptions=True)
        lookup.LOOKUP_SECONDS = PATIENCE
        assert all(isinstance(one, Unanswered) for one in failed)
        await asked(server, lookup._EACH)
        with pytest.raises(Unanswered):
            await bad("quick.example.org")
        assert await good("quick.example.org") == ["93.184.216.34"]
        server.answers.set()
        while True:
            try:
                assert await bad("quick.example.org") == ["93.184.216.34"]
                return
            except Unanswered:
                await asyncio.sleep(0.01)

    asyncio.run(story())


def test_a_name_that_is_waited_for_is_not_asked_for_again(server: NameServer) -> None:
    async def story() -> None:
        resolve = Lookups().of("somebody")
        lookup.LOOKUP_SECONDS = SHORT
        for _ in range(3):
            with pytest.raises(Unanswered):
                await resolve("slow.example.org")
        lookup.LOOKUP_SECONDS = PATIENCE
        await asked(server, 1)
        assert server.asked == ["slow.example.org"]
        waiting = asyncio.gather(*(resolve("slow.example.org") for _ in range(2)))
        await asyncio.sleep(0)
        server.answers.set()
        assert await waiting == [["93.184.216.34"]] * 2
        await resolve("slow.example.org")
        assert len(server.asked) == 2, "what was said once is not kept"

    asyncio.run(story())


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (socket.gaierror(socket.EAI_NONAME, "no such name"), socket.gaierror),
        (socket.gaierror(socket.EAI_AGAIN, "later"), Unanswered),
        (UnicodeError("label too long"), OSError),
    ],
)
def test_what_goes_wrong(server: NameServer, trouble: Exception, kind: type[Exception]) -> None:
    server.trouble = trouble
    with pytest.raises(OSError) as raised:
        asyncio.run(_ask(Lookups().of))
    assert type(raised.value) is kind


async def _ask(of: Callable[[str], Any]) -> None:
    await of("somebody")("example.org")


def test_nobody_waits_for_an_answer_that_comes_after_the_end(server: NameServer) -> None:
    async def story() -> None:
        lookup.LOOKUP_SECONDS = SHORT
        with pytest.raises(Unanswered):
            await Lookups().of("somebody")("slow.example.org")

    asyncio.run(story())


def test_the_addresses_of_this_machine() -> None:
    assert "127.0.0.1" in own_addresses()
