"""The proxy that tests break carries every byte until it is told not to."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from threading import Thread

import pytest

from tests.support.proxy import Proxy
from tests.support.server import PATIENCE, wait_for

SECONDS = PATIENCE  # that a test waits for anything


class Echo:
    """A server that sends everything back, and counts."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.received = bytearray()
        self._open: list[socket.socket] = []
        self._threads = [Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                one, _ = self._listener.accept()
                self._open.append(one)
                self._threads.append(Thread(target=self._serve, args=(one,), daemon=True))
                self._threads[-1].start()

    def _serve(self, one: socket.socket) -> None:
        with one, suppress(OSError):
            while data := one.recv(65536):
                self.received += data
                one.sendall(data)
            one.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(SECONDS)


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy(echo.port) as made:
        yield made


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with dial(proxy) as made:
        yield made


def dial(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), SECONDS)


def exactly(one: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        data = one.recv(count - len(found))
        assert data, "the connection has ended"
        found += data
    return found


def test_it_carries_everything_both_ways_and_ends_as_its_ends_do(client: socket.socket, proxy: Proxy) -> None:
    data = bytes(range(256)) * 4096

    def send() -> None:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)

    Thread(target=send, daemon=True).start()
    assert exactly(client, len(data)) == data
    assert client.recv(1) == b""
    assert proxy.upward == len(data)


def test_a_cut_resets_and_refuses_until_it_is_restored(client: socket.socket, proxy: Proxy) -> None:
    client.sendall(b"x")
    assert exactly(client, 1) == b"x"
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            dial(proxy)
    proxy.restore()
    with dial(proxy) as again:
        again.sendall(b"y")
        assert exactly(again, 1) == b"y"


def test_a_black_hole_holds_old_and_new_connections_and_lets_them_go_on(
    client: socket.socket, proxy: Proxy, echo: Echo
) -> None:
    client.sendall(b"x")
    exactly(client, 1)
    proxy.black_hole()
    with dial(proxy) as newcomer:
        for one in (client, newcomer):
            one.sendall(b"yz")
            one.settimeout(0.2)
            with pytest.raises(TimeoutError):
                one.recv(1)
            one.settimeout(SECONDS)
        assert bytes(echo.received) == b"x"
        proxy.restore()
        assert exactly(client, 2) == exactly(newcomer, 2) == b"yz"


def test_what_is_held_in_a_black_hole_can_be_cut(proxy: Proxy) -> None:
    proxy.black_hole()
    with dial(proxy) as newcomer:
        newcomer.sendall(b"x")
        wait_for("the newcomer", lambda: proxy._held)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            newcomer.recv(1)


def test_a_throttle_holds_the_way_to_the_server_to_its_rate(client: socket.socket, proxy: Proxy) -> None:
    began = time.monotonic()
    proxy.throttle(100_000)
    client.sendall(b"x" * 50_000)
    exactly(client, 50_000)
    assert time.monotonic() - began >= 0.45
    proxy.throttle(None)
    client.sendall(b"y" * 50_000)
    assert exactly(client, 50_000) == b"y" * 50_000


def test_a_server_that_is_not_there_is_a_reset(proxy: Proxy, echo: Echo) -> None:
    echo.close()
    with pytest.raises(ConnectionResetError), dial(proxy) as lost:  # while it connects, or then
        lost.recv(1)


def test_closing_ends_its_thread_and_its_connections(echo: Echo) -> None:
    with ExitStack() as stack:
        proxy = Proxy(echo.port)
        clients = [stack.enter_context(dial(proxy)) for _ in range(3)]
        proxy.close()
        proxy.close()
        for one in clients:
            with pytest.raises(ConnectionResetError):
                one.recv(1)
        assert not proxy._thread.is_alive()
