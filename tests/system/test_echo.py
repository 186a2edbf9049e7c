"""``/ws`` with the subprotocol ingestd.echo: for everybody, brief and small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.support.server import PATIENCE, Server

ECHO = Subprotocol("ingestd.echo")


@contextmanager
def echoing(url: str, origin: str | None = None) -> Iterator[ClientConnection]:
    named = Origin(origin) if origin else None
    with connect(url, origin=named, subprotocols=[ECHO], proxy=None, open_timeout=PATIENCE) as connection:
        yield connection


def told(connection: ClientConnection) -> tuple[int, str]:
    """The close code and the reason."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            connection.recv(PATIENCE)
    assert closed.value.rcvd
    return closed.value.rcvd.code, closed.value.rcvd.reason


def test_it_says_back_what_it_is_told_also_through_nginx(server: Server) -> None:
    for url in (server.ws, server.hls.replace("http", "ws", 1) + "/ws"):
        with echoing(url) as connection:
            assert connection.subprotocol == ECHO
            for message in ("12345.6", b"\x00\xff", ""):
                connection.send(message)
                assert connection.recv(PATIENCE) == message


def test_it_is_over_after_some_messages_and_after_some_time(server: Server) -> None:
    with echoing(server.ws) as talkative, echoing(server.ws) as silent:
        for number in range(20):
            talkative.send(str(number))
            assert talkative.recv(PATIENCE) == str(number)
        assert told(talkative) == (1000, "")
        assert told(silent) == (1000, "")


def test_a_large_message_is_not_taken(server: Server) -> None:
    with echoing(server.ws) as connection:
        connection.send("x" * 1024)
        assert connection.recv(PATIENCE) == "x" * 1024
        connection.send("x" * 1025)
        assert told(connection) == (4413, "A message is larger than 1 KiB. Send smaller pieces.")


def test_one_address_has_a_few_and_pages_of_other_sites_none(server: Server) -> None:
    with echoing(server.ws, "https://example.org") as foreign:
        assert told(foreign)[0] == 4403
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(echoing(server.ws))
        with echoing(server.ws) as another:
            assert told(another) == (4429, "Your address checks too many connections at once.")


def test_publishers_are_not_concerned(server: Server) -> None:
    """Nor is a guess counted: nobody is locked out for it."""
    before = server.metric("ingestd_publishers")
    with echoing(server.ws) as connection:
        connection.send("1")
        assert connection.recv(PATIENCE) == "1"
        assert server.metric("ingestd_publishers") == before
