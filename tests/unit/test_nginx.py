"""Whether nginx is stuck or alive, as its supervisor sees it, and what one does that never lives."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import structlog

from ingestd import record as record_module
from ingestd.nginx.server import Nginx, speaks
from tests.support.held import held

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
    async def comes_late(port: int) -> bool:
        asking = asyncio.create_task(speaks(HOST, port, 20.0))
        await asyncio.sleep(0.05)
        assert not asking.done()
        async with await asyncio.start_server(refuses, HOST, port, reuse_port=True):
            return await asking

    with held() as port:
        assert not asyncio.run(speaks(HOST, port, SHORT))
        assert asyncio.run(comes_late(port))


def test_our_own_want_of_descriptors_is_not_held_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def without_descriptors(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(asyncio, "open_connection", without_descriptors)
    assert asyncio.run(speaks(HOST, 1, SHORT))


def test_one_that_ends_again_and_again_opens_the_breaker_and_is_still_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that takes its configuration and then never answers."""
    for name, seconds in (("_LONGEST_WAIT", 0.01), ("_SELDOM", 0.01)):
        monkeypatch.setattr(record_module, name, seconds)
    program = tmp_path / "nginx"
    program.write_text(
        "#!/bin/sh\necho 'bind() to 127.0.0.1:1 failed (98: Address already in use)' >&2\nexit 1\n"
    )
    program.chmod(0o755)

    async def story(port: int) -> Nginx:
        nginx = Nginx(str(program), tmp_path / "nginx.conf", [(HOST, port)], 1.0)
        nginx._tasks.spawn(nginx._supervise(), "supervise", eternal=True)
        async with asyncio.timeout(60):
            while nginx.record.in_a_row < 10:  # noqa: ASYNC110 - its ends send no event
                await asyncio.sleep(0.01)
        await nginx.close()
        return nginx

    with structlog.testing.capture_logs() as logs, held() as port:
        nginx = asyncio.run(story(port))
    assert [entry["event"] for entry in logs].count("nginx_breaker_open") == 1
    times = nginx.record.in_a_row  # it may have ended once more, until it was told to stop
    assert f"another program has taken its port. That happened {times} times" in nginx.record.trouble()
