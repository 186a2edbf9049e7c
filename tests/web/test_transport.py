"""What a connection may cost: over a real socket, by the server that the daemon runs."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from ingestd import wiring
from ingestd.settings import Settings
from ingestd.web import transport
from tests.support.server import wait_for

GOOD = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
SOON = 0.4  # seconds, in place of the real deadline
PATIENCE = 10.0


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers ``/`` at once, and ``/stream`` with piece after piece."""
    stream = scope["path"] == "/stream"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while stream:
        await send({"type": "http.response.body", "body": b"piece", "more_body": True})
        await asyncio.sleep(SOON / 4)
    await send({"type": "http.response.body", "body": b"done"})


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """Of a server that is in a hurry."""
    monkeypatch.setattr(transport, "HEAD_SECONDS", SOON)
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
def test_a_head_that_does_not_end_has_its_time(address: tuple[str, int], before: int, piece: bytes) -> None:
    with dial(address) as connection:
        for _ in range(before):
            connection.sendall(GOOD)
            read(connection, b"done")
        trickle(connection, piece)


def test_a_body_that_nobody_waits_for_has_its_time(address: tuple[str, int]) -> None:
    with dial(address) as connection:
        connection.sendall(GOOD[:-2] + b"Content-Length: 1000000\r\n\r\n")
        read(connection, b"done")
        trickle(connection, b"x")


def test_a_second_head_behind_an_answer_that_goes_on_has_its_limits(address: tuple[str, int]) -> None:
    for head in (b"GET /", b"GET /" + b"x" * transport.HEAD_BYTES):
        with dial(address) as connection:
            connection.sendall(GOOD.replace(b"/ ", b"/stream "))
            read(connection, b"piece")
            connection.sendall(head)
            assert b"431" not in closed(connection)


@pytest.mark.parametrize("before", [b"", GOOD], ids=["alone", "in the pipeline"])
def test_an_answer_has_all_the_time_it_wants(address: tuple[str, int], before: bytes) -> None:
    with dial(address) as connection:
        connection.sendall(before + GOOD.replace(b"/ ", b"/stream "))
        for _ in range(12):  # three times as long as a head may take
            read(connection, b"piece")


def test_too_many_connections_are_dropped_and_the_others_stay(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "most_connections", lambda: 3)
    with ExitStack() as stack:
        taken = [stack.enter_context(dial(address)) for _ in range(3)]
        for connection in taken:
            connection.sendall(GOOD.replace(b"/ ", b"/stream "))
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


def test_half_of_the_descriptors_are_left() -> None:
    assert 0 < transport.most_connections() <= 4096
