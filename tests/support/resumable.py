"""A small client of ``ingestd.v1``, written from the protocol's description alone, that tests can misuse.

It sends what it is told to and when; it keeps what the server says. It does not reconnect: a test
that wants to resume makes another client.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.server import PATIENCE, Server

_MESSAGE = 8192  # bytes


class Resumable:
    """One connection. ``broadcast``, ``epoch`` and ``offset`` are those of the server's ``ready``."""

    def __init__(self, server: Server) -> None:
        self.broadcast = ""
        self.epoch = self.offset = 0
        self.acks: list[tuple[int, int]] = []
        self.statuses: list[dict[str, Any]] = []
        self.error: dict[str, Any] = {}
        # Entered by hand: it lives as long as the test says, and a test ends it in many ways.
        self._connection = connect(
            f"{server.ws}?{urlencode({'streamKey': server.stream_key})}",
            additional_headers={"Authorization": f"Bearer {server.token}"},
            subprotocols=["ingestd.v1"],  # type: ignore[list-item]
            compression=None,
            open_timeout=PATIENCE,
            close_timeout=5,
            ping_interval=None,  # a server that reads no further for now does not answer either
            max_size=None,
        ).__enter__()
        assert self._connection.subprotocol == "ingestd.v1"

    @classmethod
    def start(cls, server: Server, **fields: object) -> Resumable:
        """A new broadcast, as soon as the server is ready for its bytes."""
        made = cls(server)
        made.say("start", mime="video/webm", **fields)
        return made.wait_ready()

    @classmethod
    def resume(cls, server: Server, broadcast: str, epoch: int = 0, **fields: object) -> Resumable:
        """Go on with a broadcast; raises :class:`ConnectionClosed` when it is refused."""
        made = cls(server)
        made.say("resume", broadcast=broadcast, epoch=epoch, **fields)
        return made.wait_ready()

    @property
    def connection(self) -> ClientConnection:
        return self._connection

    def say(self, kind: str, **fields: object) -> None:
        self._connection.send(json.dumps({"type": kind, **fields}))

    def send(self, data: bytes, pace: float | None = None) -> None:
        """Bytes of the epoch under way, at ``pace`` bytes a second, or all at once."""
        began = time.monotonic()
        for start in range(0, len(data), _MESSAGE):
            self._connection.send(data[start : start + _MESSAGE])
            if pace:
                time.sleep(max(0.0, began + start / pace - time.monotonic()))

    def hear(self, seconds: float = PATIENCE) -> dict[str, Any]:
        """The next message of the server, which is also kept."""
        message: dict[str, Any] = json.loads(self._connection.recv(timeout=seconds))
        match message["type"]:
            case "ack":
                self.acks.append((message["epoch"], message["offset"]))
            case "status":
                self.statuses.append(message)
            case "error":
                self.error = message
        return message

    def until(
        self, kind: str, test: Callable[[dict[str, Any]], bool] = lambda _: True, seconds: float = PATIENCE
    ) -> dict[str, Any]:
        """The first message of this kind that passes a test."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                message = self.hear(max(0.1, deadline - time.monotonic()))
            except TimeoutError:
                said = self.statuses[-1:], self.acks[-1:], self.error
                raise TimeoutError(f"waited {seconds:g} s in vain for {kind}; last came {said}") from None
            if message["type"] == kind and test(message):
                return message

    def until_any(self, *kinds: str) -> dict[str, Any]:
        """The first message of one of these kinds."""
        while True:
            message = self.hear()
            if message["type"] in kinds:
                return message

    def wait_ready(self) -> Resumable:
        ready = self.until("ready")
        self.broadcast, self.epoch, self.offset = ready["broadcast"], ready["epoch"], ready["offset"]
        return self

    def wait_closed(self, seconds: float = PATIENCE) -> int:
        """Hear everything until the server closes; its code (1006 without one)."""
        try:
            while True:
                self.hear(seconds)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006

    def finish(self) -> dict[str, Any]:
        """Say that the recording is complete, and wait until the server says that all of it is listed."""
        self.say("stop")
        ended = self.until("ended", seconds=2 * PATIENCE)  # all that waits is encoded before
        assert self.wait_closed() == 1000
        return ended

    def vanish(self) -> None:
        """As when a cable is pulled: no close frame."""
        self._connection.socket.shutdown(socket.SHUT_RDWR)
        self._connection.close()


def refused(server: Server, broadcast: str, epoch: int = 0, **fields: object) -> tuple[int, str]:
    """The close code with which a resume is refused, and the code of the error before it."""
    client = Resumable(server)
    client.say("resume", broadcast=broadcast, epoch=epoch, **fields)
    code = client.wait_closed()
    return code, client.error.get("code", "")
