"""What asks Janus how its peers do, with a Janus that answers as a test wants it to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, unix_serve
from websockets.typing import Subprotocol

from ingestd.webrtc import meter as meter_module
from ingestd.webrtc.janus_config import Role
from ingestd.webrtc.meter import Meter

SECRET = "sesame"
HANDLES = [(77, 1), (77, 2)]

Said = Callable[[dict[str, Any]], str | None]


def connected(request: dict[str, Any], size: int = 100) -> str:
    media = {"0": {"stats": {"in": {"bytes": size, "packets": 1}, "out": {}}, "rtcp": {"main": {}}}}
    return json.dumps({"janus": "success", "info": {"flags": {"ready": True}, "webrtc": {"media": media}}})


def fault(_request: dict[str, Any]) -> str:
    return json.dumps({"janus": "error", "error": {"code": 459, "reason": "No such handle"}})


@asynccontextmanager
async def janus(place: Path, said: Said) -> AsyncIterator[tuple[Meter, list[dict[str, Any]]]]:
    heard: list[dict[str, Any]] = []

    async def serve(connection: ServerConnection) -> None:
        async for text in connection:
            heard.append(json.loads(text))
            if (answer := said(heard[-1])) is not None:
                await connection.send(answer)

    protocols = [Subprotocol("janus-admin-protocol")]
    async with unix_serve(serve, str(place / "admin"), subprotocols=protocols):
        meter = Meter(Role.IN, place / "admin", SECRET, lambda: HANDLES)
        try:
            yield meter, heard
        finally:
            await meter.close()


def test_each_handle_is_asked_for_with_the_secret(tmp_path: Path) -> None:
    async def story() -> None:
        async with janus(tmp_path, lambda one: (fault if one["handle_id"] == 2 else connected)(one)) as (
            meter,
            heard,
        ):
            await meter.measure()
            assert list(meter.peers) == [1] and meter.sums.counts["bytes"] == 100
            assert [(one["janus"], one["session_id"], one["handle_id"]) for one in heard] == [
                ("handle_info", *handle) for handle in HANDLES
            ]
            assert {one["admin_secret"] for one in heard} == {SECRET}

    asyncio.run(story())


def test_where_nobody_is_nobody_is_asked(tmp_path: Path) -> None:
    meter = Meter(Role.OUT, tmp_path / "admin", SECRET, list)
    asyncio.run(meter.measure())
    assert meter.peers == {}


@pytest.mark.parametrize("said", [None, "no JSON", "[" * 100_000])
def test_one_that_does_not_answer_leaves_what_it_has_said(
    said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter_module, "_ROUND_SECONDS", 0.5)
    healthy = True

    async def story() -> None:
        nonlocal healthy
        async with janus(tmp_path, lambda one: connected(one) if healthy else said) as (meter, _):
            await meter.measure()
            healthy = False
            with pytest.raises((OSError, ValueError)):
                await meter.measure()
            assert len(meter.peers) == 2 and meter.sums.counts["bytes"] == 200

    asyncio.run(story())


def test_it_asks_again_and_again_whatever_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_module, "EVERY", 0.001)
    answers = iter(["no JSON", "[" * 100_000, "[]"])
    done = asyncio.Event()

    def said(request: dict[str, Any]) -> str:
        if (answer := next(answers, None)) is not None:
            return answer
        done.set()
        return connected(request)

    async def story() -> None:
        async with janus(tmp_path, said) as (meter, _):
            meter.start()
            async with asyncio.timeout(60):
                await done.wait()
                while meter.sums.counts["bytes"] < 200:  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.001)

    asyncio.run(story())


def test_no_janus_at_all_is_no_mistake_of_ours(tmp_path: Path) -> None:
    meter = Meter(Role.OUT, tmp_path / "admin", SECRET, lambda: HANDLES)
    with pytest.raises(OSError):
        asyncio.run(meter.measure())
