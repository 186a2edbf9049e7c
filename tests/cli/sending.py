"""``ingestd publish`` as a process, against a server of :mod:`tests.cli.sink`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from tests.cli.sink import VP8, Ended, Fault, Origin, Sink, ingestd, listening

KEY, TOKEN = "stream-key-of-the-test", "token.of.the-test"
SECRETS = {"INGESTD_STREAM_KEY": KEY, "INGESTD_TOKEN": TOKEN}


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


async def sent(sink: Sink, *words: str, file: Path = VP8) -> Ended:
    return await ingestd("publish", str(file), "--server", sink.url, "--speed", "0", *words, **SECRETS)


def after(*faults: Fault, words: tuple[str, ...] = (), file: Path = VP8) -> tuple[Origin, Ended]:
    """What arrived, over connections that end like this, and how it ended."""
    sink = Origin(faults=list(faults))

    async def test() -> Ended:
        async with listening(sink):
            return await sent(sink, *words, file=file)

    finished = asyncio.run(test())
    assert "Traceback" not in finished.err
    return sink, finished


def kinds(sink: Origin) -> list[str]:
    return [said["type"] for said in sink.said]
