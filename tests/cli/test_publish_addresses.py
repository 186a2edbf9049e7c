"""Addresses, and what refusals are made of: pure."""

from __future__ import annotations

import pytest

from ingestd.publish.connection import endpoint, is_local
from ingestd.publish.errors import Exit, Failure, closed, refused_handshake


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("http://127.0.0.1:4000", "ws://127.0.0.1:4000/ws?streamKey=k"),
        ("127.0.0.1:4000", "ws://127.0.0.1:4000/ws?streamKey=k"),
        ("https://live.example.org/", "wss://live.example.org/ws?streamKey=k"),
        ("https://example.org/live/", "wss://example.org/live/ws?streamKey=k"),
        ("ws://[::1]:4000/ws", "ws://[::1]:4000/ws?streamKey=k"),
        ("wss://example.org:8443/a/b", "wss://example.org:8443/a/b/ws?streamKey=k"),
    ],
)
def test_addresses(server: str, expected: str) -> None:
    assert endpoint(server, "k") == expected


def test_what_is_on_this_machine() -> None:
    local = [is_local(f"http://{host}") for host in ("localhost", "127.0.0.9:1", "[::1]:4000")]
    remote = [is_local(f"http://{host}") for host in ("example.org", "10.0.0.1", "localhost.example.org")]
    assert local == [True] * 3 and remote == [False] * 3


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"error":1}', b'{"error":{"message":2}}', b"\xff"]
)
def test_an_answer_that_is_not_ours(body: bytes) -> None:
    failure = refused_handshake(502, body)
    assert isinstance(failure, Failure)
    assert failure.exit is Exit.NO_CONNECTION
    assert "not ingestd" in str(failure)


def test_a_close_without_words() -> None:
    assert str(closed(1006, "")) == "The connection was lost."
    assert closed(4499, "").exit is Exit.REFUSED
    assert closed(3000, "").exit is Exit.LOST
