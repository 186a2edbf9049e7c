"""Asking nginx for its statistics: what answers may be anything, or nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import structlog

from ingestd.monitor.nginx_stat import LARGEST
from ingestd.monitor.stat_reader import NoAnswer, StatReader, fetch
from tests.support.held import held
from tests.unit.test_nginx_stat import xml

HOST = "127.0.0.1"
SHORT = 0.2  # seconds
PATIENCE = 60.0
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answering(body: bytes, head: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n") -> Handler:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"GET /stat HTTP/1.0\r\n"
        try:
            writer.write(head + body)
            await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    return answer


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(SHORT / 10)
    except ConnectionError:
        writer.close()


@asynccontextmanager
async def serving(handler: Handler, port: int = 0) -> AsyncIterator[int]:
    """Its port; every connection has ended when this has."""
    connections: set[asyncio.Task[None]] = set()

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        connections.add(task)
        await handler(reader, writer)

    async with await asyncio.start_server(attend, HOST, port, reuse_port=True) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*connections)


async def asked(handler: Handler, seconds: float = 30.0) -> bytes:
    async with serving(handler) as port:
        try:
            return (await fetch(HOST, port, seconds)).xml
        except NoAnswer as error:
            failure = error
    raise failure


def test_the_body_is_what_comes() -> None:
    assert asyncio.run(asked(answering(b"<rtmp/>"))) == b"<rtmp/>"


def test_an_endless_one_is_cut_off() -> None:
    size = len(asyncio.run(asked(answering(b"x" * (4 * LARGEST)))))
    assert LARGEST < size < 2 * LARGEST


@pytest.mark.parametrize("handler", [silent, drips])
def test_it_is_not_waited_for_for_long(handler: Handler) -> None:
    began = time.monotonic()
    with pytest.raises(NoAnswer, match=f"within {SHORT:g} s"):
        asyncio.run(asked(handler, SHORT))
    assert SHORT <= time.monotonic() - began < PATIENCE


@pytest.mark.parametrize(
    ("head", "why"), [(b"HTTP/1.1 403 Forbidden\r\n\r\n", "403"), (b"", "no HTTP"), (b"\x00\xff 1\r\n", "1")]
)
def test_another_answer_is_none(head: bytes, why: str) -> None:
    with pytest.raises(NoAnswer, match=why):
        asyncio.run(asked(answering(b"", head)))


def test_nobody_there() -> None:
    with held() as port, pytest.raises(NoAnswer, match="cannot be reached"):
        asyncio.run(fetch(HOST, port))


def test_it_says_once_that_they_are_missing_and_once_that_they_are_back() -> None:
    async def story(port: int) -> list[bool]:
        reader, seen = StatReader(HOST, port), []
        for handler in (None, silent, answering(b"garbage"), answering(xml()), answering(xml()), None):
            reader._patience = SHORT if handler is silent else PATIENCE
            if handler is None:
                await reader._look()
            else:
                async with serving(handler, port):
                    await reader._look()
            seen.append(reader.newest is not None)
        return seen

    with structlog.testing.capture_logs() as logs, held() as port:
        assert asyncio.run(story(port)) == [False, False, False, True, True, False]
    events = [entry["event"] for entry in logs]
    assert events == ["nginx_statistics_missing", "nginx_statistics_back", "nginx_statistics_missing"]


def told(configuration: str) -> Handler:
    named = f"X-Configuration: {configuration}\r\n" if configuration else ""
    return answering(xml(), f"HTTP/1.1 200 OK\r\n{named}\r\n".encode())


def test_it_says_once_that_nginx_has_read_another_configuration_and_once_that_it_fits() -> None:
    """``ab`` was written; an nginx of a version before says nothing of its own."""

    async def story(port: int) -> None:
        reader = StatReader(HOST, port, "ab", patience=PATIENCE)
        unasked = StatReader(HOST, port, patience=PATIENCE)
        for handler in (None, told("cd"), told(""), None, told("cd"), told("ab"), told("ab"), told("cd")):
            if handler is None:
                await reader._look()
                continue
            async with serving(handler, port):
                await reader._look()
                await unasked._look()

    with structlog.testing.capture_logs() as logs, held() as port:
        asyncio.run(story(port))
    found = [entry["event"] for entry in logs if entry["event"].startswith("nginx_configuration")]
    assert found == [f"nginx_configuration_{word}" for word in ("other", "fits", "other")]
    assert all("Restart it." in one["reason"] for one in logs if one["event"].endswith("_other"))


def test_it_goes_on_by_itself() -> None:
    async def story() -> None:
        times = asyncio.Queue[None]()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            times.put_nowait(None)
            await answering(b"garbage")(reader, writer)

        async with serving(answer) as port:
            reader = StatReader(HOST, port, every=0.01)
            reader.start()
            async with asyncio.timeout(60):
                for _ in range(3):
                    await times.get()
            await reader.close()

    asyncio.run(story())
