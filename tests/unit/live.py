"""A registry in a directory of its own, without an encoder: none starts before media has come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ingestd.broadcast.broadcast import Broadcast, Terms
from ingestd.broadcast.epoch import Bounds
from ingestd.broadcast.generation import Works
from ingestd.broadcast.lifecycle import State
from ingestd.broadcast.registry import Broadcasts, Limits
from ingestd.encoder.encoder import EncoderSettings
from tests.container.samples import cluster, init, sb
from tests.unit.nginx_output import R360, R720

INIT = init()  # of a recording
BLOCK = cluster(0, sb(1, 0, key=True))
HALF = INIT + BLOCK[:50]  # with half a block, so that there is no media yet
LIMITS = Limits(broadcasts=8, free_disk=0, keep_ended=3600.0, silent_after=60.0)


def terms(root: Path, **changes: Any) -> Terms:
    encoder = EncoderSettings("no-such-program", root)
    works = Works(encoder, "rtmp://127.0.0.1/live", 1.0, 30, "veryfast", 0.01, 15.0)
    made = Terms(works, Bounds(1 << 20, 1 << 20), root / "hls", 60.0, 60.0, 8, 0.0, lambda _: (R720, R360))
    return replace(made, **changes)


@asynccontextmanager
async def running(root: Path, limits: Limits = LIMITS, **changes: Any) -> AsyncIterator[Broadcasts]:
    """A daemon's registry; afterwards it leaves its broadcasts to the next one."""
    registry = Broadcasts(terms(root, **changes), limits, root / "journals")
    registry.start()
    await asyncio.sleep(0)  # its tasks begin
    try:
        yield registry
    finally:
        await registry.close()


async def over(one: Broadcast) -> State:
    """How a broadcast ends."""
    await asyncio.wait_for(one.over.wait(), 20)
    return one.state
