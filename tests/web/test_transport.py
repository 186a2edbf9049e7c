"""What a connection may cost: over a real socket, by the server that the daemon runs."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Any

import pytest

from ingestd import wiring
from ingestd.settings import Settings
from ingestd.web import transport
from tests.support.server import wait_for

GOOD = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
STREAM = GOOD.replace(b"/ ", b"/stream ")
SOON = 0.4  # seconds, in place of the real deadline
PATIENCE = 60.0


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers ``/`` at once, and ``/stream`` with piece after piece."""
    stream = scope["path"] == "/stream"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while stream:
        await send({"type": "http.response.body", "body": b"piece", "more_body": True})
        await asyncio.sleep(SOON / 4)
    await send({"type": "http.response.body", "body": b"done"})


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server waits for a head for a moment only."""
    monkeypatch.setattr(transport, "HEAD_SECONDS", SOON)


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """Of a server; a test that wants a ``hurried`` one names that first."""
    server = wiring.server(Settings(), app)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    wait_for("the server", lambda: server.started)
    yield listener.getsockname()
    server.should_exit = server.force_exit = True
    thread.join()


def dial(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, PATIENCE)


def read(connection: socket.socket, until: bytes) -> bytes:
    found = b""
    while until not in found:
        more = connection.recv(65536)
        assert more, found
        found += more
    return found


def answered(
    address: tuple[str, int], before: int, request: bytes = GOOD, until: bytes = b"done"
) -> socket.socket:
    """A connection with so many answers on it. A busy machine may be later than a hurried server allows:
    then there is another one."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        connection = dial(address)
        try:
            for _ in range(before):
                connection.sendall(request)
                assert b" 200 " in read(connection, until)
        except (AssertionError, ConnectionError):
            connection.close()
            continue
        return connection
    raise AssertionError("the server answers nobody")


def closed(connection: socket.socket) -> bytes:
    """What still comes until the server closes; raises TimeoutError if it does not."""
    found = b""
    try:
        while more := connection.recv(65536):
            found += more
    except ConnectionError:
        pass
    return found


def trickle(connection: socket.socket, piece: bytes) -> None:
    """A few bytes now and then, until the server has had enough."""
    connection.settimeout(SOON / 10)
    for _ in range(round(PATIENCE / SOON * 10)):
        try:
            connection.sendall(piece)
            if not connection.recv(65536):
                return
        except TimeoutError:
            continue
        except ConnectionError:
            return
    raise AssertionError("the server waits for ever")


@pytest.mark.parametrize("before", [0, 1, 3], ids=["first", "second", "fourth"])
@pytest.mark.parametrize(
    "head",
    [b"GET /" + b"x" * 300_000, GOOD[:-2] + b"X: " + b"x" * 300_000, GOOD[:-2] + b"X: y\r\n" * 60_000],
    ids=["address", "header", "headers"],
)
def test_a_head_that_is_too_large_is_refused_whichever_request_it_is_of(
    address: tuple[str, int], before: int, head: bytes
) -> None:
    with dial(address) as connection:
        for _ in range(before):
            connection.sendall(GOOD)
            assert read(connection, b"done").startswith(b"HTTP/1.1 200")
        with suppress(ConnectionError):
            connection.sendall(head)
        assert b" 200 " not in closed(connection)


def test_who_stops_at_the_limit_is_told(address: tuple[str, int]) -> None:
    with dial(address) as connection:
        connection.sendall(GOOD[:-2] + b"X: ")
        connection.sendall(b"x" * (transport.HEAD_BYTES + 1))
        assert closed(connection).startswith(b"HTTP/1.1 431 ")


def test_a_large_head_is_taken(address: tuple[str, int]) -> None:
    with dial(address) as connection:
        connection.sendall(GOOD[:-2] + b"X: " + b"x" * (transport.HEAD_BYTES - 100) + b"\r\n\r\n")
        assert read(connection, b"done").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("before", [0, 1], ids=["first", "second"])
@pytest.mark.parametrize("piece", [b"\r\n", b"G", b""], ids=["blank lines", "a method", "silence"])
def test_a_head_that_does_not_end_has_its_time(
    hurried: None, address: tuple[str, int], before: int, piece: bytes
) -> None:
    with answered(address, before) as connection:
        trickle(connection, piece)


def test_a_body_that_nobody_waits_for_has_its_time(hurried: None, address: tuple[str, int]) -> None:
    with answered(address, 1, GOOD[:-2] + b"Content-Length: 1000000\r\n\r\n") as connection:
        trickle(connection, b"x")


def test_a_second_head_behind_an_answer_that_goes_on_has_its_limits(
    hurried: None, address: tuple[str, int]
) -> None:
    for head in (b"GET /", b"GET /" + b"x" * transport.HEAD_BYTES):
        with answered(address, 1, STREAM, b"piece") as connection:
            connection.sendall(head)
            assert b"431" not in closed(connection)


@pytest.mark.parametrize("before", [b"", GOOD], ids=["alone", "in the pipeline"])
def test_an_answer_has_all_the_time_it_wants(hurried: None, address: tuple[str, int], before: bytes) -> None:
    with answered(address, 1, before + STREAM, b"piece") as connection:
        for _ in range(12):  # three times as long as a head may take
            read(connection, b"piece")


def test_too_many_connections_are_dropped_and_the_others_stay(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "most_connections", lambda _: 3)
    with ExitStack() as stack:
        taken = [stack.enter_context(dial(address)) for _ in range(3)]
        for connection in taken:
            connection.sendall(STREAM)
            read(connection, b"piece")
        with dial(address) as late:
            assert closed(late) == b""
        for connection in taken:
            read(connection, b"piece")
    wait_for("room", lambda: _answered(address))


def _answered(address: tuple[str, int]) -> bool:
    with dial(address) as connection:
        try:
            connection.sendall(GOOD)
            return b"200" in connection.recv(65536)
        except ConnectionError:
            return False


@pytest.mark.parametrize(
    ("descriptors", "connections", "streams"),
    [
        (1024, 512, 448),
        (4096, 2048, 1792),
        (16_384, 12_288, 10_000),
        (20_000, 14_096, 10_000),
        (1 << 20, 14_096, 10_000),
    ],
)
def test_descriptors_are_left_for_encoders_and_connections_for_who_follows_nothing(
    descriptors: int, connections: int, streams: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestd.web.transport.resource.getrlimit", lambda _: (descriptors, descriptors))
    assert transport.most_connections(10_000) == connections
    assert transport.most_streams(10_000) == streams


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - it is about a thread of the kernel's, or of uvicorn's
            await asyncio.sleep(0.001)


@asynccontextmanager
async def ending(kept: socket.socket) -> AsyncIterator[wiring.Server]:
    """A server on a socket that stays open when it ends, as one of systemd's does."""
    server = wiring.server(Settings(), app)
    serving = asyncio.create_task(server.serve(sockets=[kept.dup()]))
    await until(lambda: server.started)
    yield server
    server.should_exit = True
    await serving


def test_before_it_ends_whoever_was_let_in_is_answered_and_who_comes_then_waits() -> None:
    async def story(kept: socket.socket) -> None:
        address = kept.getsockname()
        async with ending(kept) as server:
            reader, writer = await asyncio.open_connection(*address)
            await until(lambda: bool(server.server_state.connections))
            draining = asyncio.create_task(server.drain(60))
            await until(lambda: not server.servers[0].is_serving())
            with socket.create_connection(address, PATIENCE) as late:
                writer.write(GOOD)
                assert b"done" in await reader.readuntil(b"done")
                await draining
                waiting, where = kept.accept()
                waiting.close()
                assert where == late.getsockname()
            writer.close()

    with socket.create_server(("127.0.0.1", 0)) as kept:
        kept.settimeout(PATIENCE)
        asyncio.run(story(kept))


def test_whoever_says_nothing_does_not_keep_it_from_ending() -> None:
    async def story(kept: socket.socket) -> None:
        async with ending(kept) as server:
            silent, writer = await asyncio.open_connection(*kept.getsockname())
            await until(lambda: bool(server.server_state.connections))
            await server.drain(0.05)
        assert await silent.read() == b""
        writer.close()

    with socket.create_server(("127.0.0.1", 0)) as kept:
        asyncio.run(story(kept))
