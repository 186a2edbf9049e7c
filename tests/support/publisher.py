"""A publisher of the plain protocol that hands recordings over as a browser did."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlencode

from websockets.sync.client import ClientConnection, connect

from tests.support.server import PATIENCE, Server

RECORDINGS = Path(__file__).parents[1] / "recordings"
STOP = 4000


def blobs(name: str) -> list[tuple[float, bytes]]:
    """A recording's blobs, with the seconds after its start at which the browser gave each."""
    path = RECORDINGS / name
    data, position, found = path.read_bytes(), 0, []
    for blob in json.loads(path.with_name(path.name + ".json").read_text())["blobs"]:
        found.append((blob["t"] / 1000, data[position : position + blob["size"]]))
        position += blob["size"]
    assert position == len(data), "the listing does not cover the file"
    return found


def dial(server: Server, *, stream_key: str | None = None, token: str | None = None) -> ClientConnection:
    """A connection with the server's own key and token unless told otherwise."""
    query = urlencode({"streamKey": server.stream_key if stream_key is None else stream_key})
    bearer = server.token if token is None else token
    return connect(
        f"{server.ws}?{query}",
        additional_headers={"Authorization": f"Bearer {bearer}"},
        compression=None,
        open_timeout=PATIENCE,
        close_timeout=PATIENCE,
        ping_interval=None,  # a server that reads no further for now does not answer either
        max_size=None,
    )


def send(connection: ClientConnection, pieces: Iterable[tuple[float, bytes]]) -> None:
    """Send blobs at the pace at which the browser gave them; empty ones are left out."""
    began = time.monotonic()
    for due, data in pieces:
        time.sleep(max(0.0, began + due - time.monotonic()))
        if data:
            connection.send(data)


def publish(server: Server, name: str, *, fast: bool = False) -> None:
    """A whole recording, from connect to stop."""
    with dial(server) as connection:
        send(connection, [(0.0 if fast else due, data) for due, data in blobs(name)])
        connection.close(STOP)
