"""What a publisher hands over in its handshake, and how a refusal there says when to come back."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.websockets import WebSocket

from ingestd.broadcast.registry import Broadcasts
from ingestd.ingest.credentials import Credentials
from ingestd.ingest.session import Patience
from ingestd.ingest.websocket import Ingest, presented
from tests.unit.live import LIMITS, running


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


@pytest.mark.parametrize("takeover", [False, True])
def test_what_it_says_is_heeded(tmp_path: Path, takeover: bool) -> None:
    async def story() -> None:
        credentials = Credentials.open(tmp_path)
        (channel,) = credentials.channels.values()
        async with running(tmp_path) as registry:
            first = registry.claim(channel.name, "")
            query = f"streamKey={channel.stream_key}&token={credentials.token(channel.name, 60.0)}"
            client = Client(query + ("&takeover=true" if takeover else ""))
            serving = asyncio.create_task(_ingest(registry, credentials).serve(client.socket))
            async with asyncio.timeout(20):
                while not client.told:  # noqa: ASYNC110 - an answer sends no event
                    await asyncio.sleep(0.001)
            assert (first.verdict is not None) is takeover
            accepted = client.told[0]["type"] == "websocket.accept"
            assert accepted is takeover
            assert takeover or client.told[0]["status"] == 409
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(story())


def _ingest(registry: Any, credentials: Credentials) -> Ingest:
    return Ingest(registry, credentials, Patience(1 << 20, 60.0))


def test_who_finds_no_room_is_told_when_to_come_back(tmp_path: Path) -> None:
    async def story() -> list[dict[str, Any]]:
        credentials = Credentials.open(tmp_path)
        (channel,) = credentials.channels.values()
        limits = type(LIMITS)(broadcasts=0, free_disk=0, keep_ended=3600.0)
        async with running(tmp_path, limits) as registry:
            client = Client(f"streamKey={channel.stream_key}&token={credentials.token(channel.name, 60.0)}")
            await _ingest(registry, credentials).serve(client.socket)
        return client.told

    started, body = asyncio.run(story())
    assert started["status"] == 503
    assert (b"retry-after", b"15") in started["headers"]
    assert json.loads(body["body"])["error"]["retry_after"] == 15


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
        credentials = Credentials.open(tmp_path)
        (channel,) = credentials.channels.values()
        async with running(tmp_path) as registry:
            query = f"streamKey={channel.stream_key}&token={credentials.token(channel.name, 60.0)}"
            client = Leaving(query, registry, turns)
            async with asyncio.timeout(20):
                await _ingest(registry, credentials).serve(client.socket)
            broadcast = registry.newest("demo")
            assert broadcast is not None
            assert not broadcast.publisher_present

    asyncio.run(story())
