"""Connections to the event stream that are opened and left alone: so many for one address, and no more."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

from tests.support import http
from tests.support.server import PATIENCE, Server, running

ALLOWED, MORE = 100, 60
QUICK = 20.0  # seconds for all refusals together, on a machine that is busy, and stands still at times


def opened(server: Server, stack: ExitStack, source: str) -> int:
    """One event stream from this address, left open; the status of the answer."""
    port = urlsplit(server.http).port or 0
    made = stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE, (source, 0)))
    made.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return int(made.recv(65536).split()[1])


def test_one_address_is_stopped_quickly_and_all_others_are_served() -> None:
    with running() as server, ExitStack() as stack:
        assert {opened(server, stack, "127.0.1.1") for _ in range(ALLOWED)} == {200}
        began = time.monotonic()
        assert {opened(server, stack, "127.0.1.1") for _ in range(MORE)} == {429}
        assert time.monotonic() - began < QUICK
        assert opened(server, stack, "127.0.1.2") == 200
        assert http.get(f"{server.http}/readyz", timeout=PATIENCE).status_code == 200
        with http.stream("GET", f"{server.http}/api/v1/events", timeout=PATIENCE) as events:
            data = next(line for line in events.iter_lines() if line.startswith("data: "))
        assert json.loads(data.removeprefix("data: ")) == {"broadcasts": []}
