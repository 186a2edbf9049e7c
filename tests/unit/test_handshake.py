"""What a publisher hands over in its handshake, and how a refusal there says when to come back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from starlette.websockets import WebSocket

from ingestd.accounts.accounts import Accounts
from ingestd.accounts.failures import Failures
from ingestd.accounts.gate import Gate
from ingestd.accounts.model import Actor, Scope
from ingestd.broadcast.registry import Broadcasts, Limits
from ingestd.ingest.origin import Origins
from ingestd.ingest.session import Patience
from ingestd.ingest.websocket import Door, Ingest, presented
from ingestd.settings import Settings
from tests.support.accounts import cheap_passwords
from tests.unit.live import LIMITS, running

CHANNEL = "demo"  # that every installation begins with


class Client:
    """A connection before its upgrade, and what it is answered."""

    def __init__(self, query: str, *subprotocols: str) -> None:
        self.told: list[dict[str, Any]] = []
        scope = {
            "type": "websocket",
            "headers": [],
            "query_string": query.encode(),
            "path": "/ws",
            "subprotocols": list(subprotocols),
            "extensions": {"websocket.http.response": {}},
        }
        self.socket = WebSocket(scope, self._receive, self._send)

    async def _receive(self) -> Any:
        return {"type": "websocket.connect"}

    async def _send(self, message: Any) -> None:
        self.told.append(message)


@pytest.mark.parametrize(
    ("query", "takeover"),
    [
        ("streamKey=a&takeover=true", True),
        ("takeover=true&streamKey=a", True),
        ("streamKey=a", False),
        ("streamKey=a&takeover=false", False),
        ("streamKey=a&takeover=", False),
        ("streamKey=a&takeover=1", False),
    ],
)
def test_a_plain_publisher_takes_over_only_when_it_says_so(query: str, takeover: bool) -> None:
    hello = presented(Client(query).socket)
    assert (hello.stream_key, hello.takeover, hello.resumable) == ("a", takeover, False)


@asynccontextmanager
async def installed(tmp_path: Path, limits: Limits = LIMITS, guesses: int = 10) -> AsyncIterator[World]:
    accounts = await Accounts.open(Settings(), tmp_path, passwords=cheap_passwords())
    try:
        async with running(tmp_path, limits) as registry:
            door = Door(accounts, Gate(accounts), Failures(guesses), Origins())
            yield World(accounts, registry, Ingest(registry, door, Patience(1 << 20, 60.0)))
    finally:
        await accounts.close()


@dataclass
class World:
    """An installation with its first channel."""

    accounts: Accounts
    registry: Broadcasts
    ingest: Ingest

    @property
    def query(self) -> str:
        """What opens that channel."""
        token = self.accounts.tokens.mint(Actor(None, "", "test"), Scope.PUBLISH, CHANNEL, 60.0)
        return f"streamKey={self.accounts.demo_key}&token={token}"

    async def refused(self, query: str) -> tuple[int, dict[bytes, bytes], dict[str, Any]]:
        """The status, headers and error that a publisher gets."""
        client = Client(query)
        await self.ingest.serve(client.socket)
        started, body = client.told
        return started["status"], dict(started["headers"]), json.loads(body["body"])["error"]


@pytest.mark.parametrize("takeover", [False, True])
def test_what_it_says_is_heeded(tmp_path: Path, takeover: bool) -> None:
    async def story() -> None:
        async with installed(tmp_path) as world:
            first = world.registry.claim(CHANNEL, "")
            client = Client(world.query + ("&takeover=true" if takeover else ""))
            serving = asyncio.create_task(world.ingest.serve(client.socket))
            async with asyncio.timeout(20):
                while not client.told:  # noqa: ASYNC110 - an answer sends no event
                    await asyncio.sleep(0.001)
            assert (first.verdict is not None) is takeover
            accepted = client.told[0]["type"] == "websocket.accept"
            assert accepted is takeover
            assert takeover or client.told[0]["status"] == 409
            assert world.registry.totals.connections["websocket"] == takeover
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(story())


def test_who_finds_no_room_is_told_when_to_come_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with installed(tmp_path, replace(LIMITS, broadcasts=0)) as world:
            status, headers, error = await world.refused(world.query)
        assert (status, headers[b"retry-after"], error["retry_after"]) == (503, b"15", 15)

    asyncio.run(story())


def test_so_is_who_has_guessed_too_often(tmp_path: Path) -> None:
    async def story() -> None:
        async with installed(tmp_path, guesses=1) as world:
            status, headers, error = await world.refused("streamKey=wrong&token=wrong")
            assert (status, b"retry-after" in headers, "retry_after" in error) == (401, False, False)
            status, headers, error = await world.refused(world.query)
        assert status == 429
        assert 0 < error["retry_after"] <= 60
        assert headers[b"retry-after"] == str(error["retry_after"]).encode()
        assert f" {error['retry_after']} s." in error["message"]

    asyncio.run(story())


class Leaving(Client):
    """It goes live, and is gone; ``turns`` of the loop later the broadcast has news."""

    def __init__(self, query: str, registry: Broadcasts, turns: int) -> None:
        super().__init__(query, "ingestd.v1")
        self._registry, self._turns = registry, turns
        self._start: list[str] = [json.dumps({"type": "start", "mime": "video/webm"})]
        self._began = False

    async def _receive(self) -> Any:
        if not self._began:
            self._began = True
            return {"type": "websocket.connect"}
        if self._start:
            return {"type": "websocket.receive", "text": self._start.pop()}
        while sum(one["type"] == "websocket.send" for one in self.told) < 2:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.001)  # ready, then a status: from there on it waits for news
        self._later(self._turns)
        return {"type": "websocket.disconnect", "code": 1006}

    def _later(self, turns: int) -> None:
        broadcast = self._registry.newest("demo")
        assert broadcast is not None
        if turns:
            asyncio.get_running_loop().call_soon(self._later, turns - 1)
        else:
            broadcast.news.set()


@pytest.mark.parametrize("turns", range(8))
def test_a_publisher_that_is_gone_is_let_go_whatever_happens_meanwhile(tmp_path: Path, turns: int) -> None:
    async def story() -> None:
        async with installed(tmp_path) as world:
            client = Leaving(world.query, world.registry, turns)
            async with asyncio.timeout(20):
                await world.ingest.serve(client.socket)
            broadcast = world.registry.newest(CHANNEL)
            assert broadcast is not None
            assert not broadcast.publisher_present

    asyncio.run(story())
