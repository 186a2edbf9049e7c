"""The floor of the relay benchmark: ``websockets`` on uvloop, each connection into a `cat` of its own.

Nothing is looked at: no container, no replay buffer, no admission. Prints its port.
"""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from contextlib import suppress

import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedError


async def relay(connection: ServerConnection) -> None:
    """Message by message; a full pipe is waited for."""
    sink = await create_subprocess_exec("cat", stdin=PIPE, stdout=DEVNULL)
    assert sink.stdin
    try:
        with suppress(ConnectionClosedError):  # a code of ours, that it does not know
            async for message in connection:
                assert isinstance(message, bytes)
                sink.stdin.write(message)
                await sink.stdin.drain()
    finally:
        sink.stdin.close()
        await sink.wait()


async def main() -> None:
    async with serve(relay, "127.0.0.1", 0, compression=None, max_size=1 << 24) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.Future()


if __name__ == "__main__":
    uvloop.run(main())
