"""Whether nginx is stuck or alive, as its supervisor sees it, and how long it waits for the next start."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.nginx.server import free_port, longer, speaks

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HOST = "127.0.0.1"
SHORT = 0.4  # seconds; what has to answer gets far more


async def asked(handler: Handler, seconds: float) -> bool:
    server = await asyncio.start_server(handler, HOST, 0)
    async with server:
        return await speaks(HOST, server.sockets[0].getsockname()[1], seconds)


async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    assert (await reader.readline()).endswith(b"HTTP/1.0\r\n")
    writer.write(b"HTTP/1.1 404 Not Found\r\n\r\n")
    writer.close()


async def hangs_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@pytest.mark.parametrize("handler", [refuses, hangs_up, resets])
def test_any_answer_and_any_closing_is_a_sign_of_life(handler: Handler) -> None:
    assert asyncio.run(asked(handler, 20.0))


def test_a_connection_that_only_the_kernel_takes_is_none() -> None:
    with socket.socket() as stuck:
        stuck.bind((HOST, 0))
        stuck.listen()
        began = time.monotonic()
        assert not asyncio.run(speaks(HOST, stuck.getsockname()[1], SHORT))
        assert time.monotonic() - began >= SHORT


def test_nobody_there_is_no_sign_of_life_either_but_may_come() -> None:
    port = free_port(HOST)

    async def comes_late() -> bool:
        asking = asyncio.create_task(speaks(HOST, port, 20.0))
        await asyncio.sleep(0.05)
        assert not asking.done()
        async with await asyncio.start_server(refuses, HOST, port):
            return await asking

    assert not asyncio.run(speaks(HOST, port, SHORT))
    assert asyncio.run(comes_late())


def test_our_own_want_of_descriptors_is_not_held_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def without_descriptors(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(asyncio, "open_connection", without_descriptors)
    assert asyncio.run(speaks(HOST, 1, SHORT))


def test_starts_are_spread_further_and_further_up_to_a_bound() -> None:
    waits = [0.0]
    for _ in range(8):
        waits.append(longer(waits[-1], random=0.0))
    assert waits[1:] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


@given(st.floats(0, 100), st.floats(0, 1))
def test_chance_takes_away_up_to_half_of_a_wait(wait: float, chance: float) -> None:
    assert longer(wait, 0.0) / 2 <= longer(wait, chance) <= longer(wait, 0.0) <= 5.0
