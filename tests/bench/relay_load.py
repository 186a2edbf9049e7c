"""The load of the relay benchmark, in a process of its own: python -m tests.bench.relay_load.

Reads what to do as one line of JSON (:class:`Plan`) and prints one line when it begins to send, one
when everything is out; then it holds the connections until the next line comes, and closes them.
The bytes are made in advance: all that is left to do is to hand them to the kernel in time.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass

from websockets.frames import Close, Frame, Opcode

from ingestd.ingest.session import STOP_CODE
from tests.bench.relay_stream import MESSAGES_A_SECOND, frames

_PATIENCE = 30.0  # seconds for a handshake, and for the last bytes
_READ = 65536
_PERIOD = 1 / MESSAGES_A_SECOND


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to connect, once for each path, and seconds from the first message to the last.

    ``ramp`` is seconds from the first publisher's first message to the last one's first: to spawn all
    encoders at once keeps any relay busy for a while. ``masked``: with a key as browsers do, not with
    one of zeros.
    """

    port: int
    paths: list[str]
    seconds: float
    ramp: float
    masked: bool = True


class Publisher:
    """One connection. What the kernel does not take at once waits in ``rest``."""

    def __init__(self, port: int, path: str, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._socket = socket.create_connection(("127.0.0.1", port), _PATIENCE)
        self._shake_hands(path)
        self._socket.setblocking(False)
        self._rest: deque[memoryview] = deque()
        self.open = True
        self._leaving = False
        selector.register(self._socket, selectors.EVENT_READ, self)

    def _shake_hands(self, path: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            if not (more := self._socket.recv(_READ)):
                break
            answer += more
        if b" 101 " not in answer[:16]:
            raise ConnectionError(f"refused: {answer[:300]!r}")

    @property
    def behind(self) -> bool:
        """Whether bytes wait that the kernel did not take."""
        return bool(self._rest)

    def send(self, frame: bytes) -> None:
        if self.open:
            self._rest.append(memoryview(frame))
            self.flush()

    def leave(self) -> None:
        """Say that the recording is complete."""
        self._leaving = True
        self.send(Frame(Opcode.CLOSE, Close(STOP_CODE, "").serialize()).serialize(mask=True))

    def flush(self) -> None:
        """Hand on what waits; be called again when there is room for the rest of it."""
        try:
            while self._rest:
                sent = self._socket.send(self._rest[0])
                if sent < len(self._rest[0]):
                    self._rest[0] = self._rest[0][sent:]
                else:
                    self._rest.popleft()
        except BlockingIOError:
            pass
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._rest else 0)
        if self._selector.get_key(self._socket).events != wanted:
            self._selector.modify(self._socket, wanted, self)

    def read(self) -> None:
        """Answer pings; nothing else is said to a publisher, but good-bye."""
        data = self._socket.recv(_READ)
        if not data or data[0] & 0x0F == Opcode.CLOSE:
            if not self._leaving:
                print(f"a publisher was dropped: {data!r}", file=sys.stderr)
            self.close()
            return
        while len(data) >= 2:
            payload, kind = data[2 : 2 + data[1]], data[0] & 0x0F
            data = data[2 + data[1] :]
            if kind == Opcode.PING:
                self.send(Frame(Opcode.PONG, payload).serialize(mask=True))

    def close(self) -> None:
        if self.open:
            self.open = False
            self._rest.clear()
            self._selector.unregister(self._socket)
            self._socket.close()


class Load:
    """All publishers of a plan, spread over the period of a message."""

    def __init__(self, plan: Plan) -> None:
        self._seconds = plan.seconds
        self._step = plan.ramp / len(plan.paths)
        self.size = 0  # bytes of media sent
        self._selector = selectors.DefaultSelector()
        self._messages = frames(plan.seconds, plan.masked)
        self.publishers = [Publisher(plan.port, path, self._selector) for path in plan.paths]
        self.latest = 0.0  # seconds that a message was sent after its time, at most

    def send(self) -> None:
        """Everything, each message at its time; returns when the kernel has all of it."""
        began = time.monotonic()
        for after, publisher, message in self._schedule():
            self._attend(began + after)
            self.latest = max(self.latest, time.monotonic() - began - after)
            publisher.send(message)
            self.size += len(message) - _overhead(message)
        deadline = time.monotonic() + _PATIENCE
        while any(one.behind for one in self.publishers) and time.monotonic() < deadline:
            self._attend(time.monotonic() + 0.01)

    def _schedule(self) -> list[tuple[float, Publisher, bytes]]:
        """What is sent by whom, and when: seconds from the beginning."""
        found = [
            (place * self._step + number * _PERIOD, publisher, message)
            for place, publisher in enumerate(self.publishers)
            for number, message in enumerate(self._messages)
        ]
        return sorted((one for one in found if one[0] < self._seconds), key=lambda one: one[0])

    def hold(self) -> None:
        """Until the benchmark has looked at everything; pings are still answered."""
        self._selector.register(sys.stdin, selectors.EVENT_READ, None)
        while not self._turn(None):
            pass
        self._selector.unregister(sys.stdin)

    def close(self) -> None:
        """Say that all recordings are complete, and wait for the good-byes."""
        for one in self.publishers:
            one.leave()
        deadline = time.monotonic() + _PATIENCE
        while any(one.open for one in self.publishers) and time.monotonic() < deadline:
            self._attend(time.monotonic() + 0.1)

    def _attend(self, until: float) -> None:
        """Serve the sockets until a point of time."""
        while (left := until - time.monotonic()) > 0:
            self._turn(left)

    def _turn(self, timeout: float | None) -> bool:
        """Serve those that are ready; whether the benchmark has spoken."""
        spoken = False
        for key, events in self._selector.select(timeout):
            publisher = key.data
            if publisher is None:
                spoken = True
                continue
            if events & selectors.EVENT_READ:
                publisher.read()
            if events & selectors.EVENT_WRITE and publisher.open:
                publisher.flush()
        return spoken


def _overhead(frame: bytes) -> int:
    """Bytes of a masked frame's header."""
    return 6 + {126: 2, 127: 8}.get(frame[1] & 0x7F, 0)


def main() -> None:
    load = Load(Plan(**json.loads(sys.stdin.readline())))
    print(json.dumps({"connected": len(load.publishers)}), flush=True)
    load.send()
    alive = sum(one.open for one in load.publishers)
    print(json.dumps({"sent": load.size, "alive": alive, "latest": load.latest}), flush=True)
    load.hold()
    load.close()
    print(json.dumps({"closed": sum(not one.open for one in load.publishers)}), flush=True)


if __name__ == "__main__":
    main()
