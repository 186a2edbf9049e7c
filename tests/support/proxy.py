"""A TCP proxy that a test can break: cut, made a black hole, throttled.

One thread with one selector carries all bytes; the test's thread only says what is to happen, and
each call returns when it has happened.
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Lock, Thread
from types import TracebackType

_LOOPBACK = "127.0.0.1"
_CHUNK = 64 * 1024  # bytes that wait at most in each direction
_TICK = 0.05  # seconds between two looks at what a throttle allows
_CONNECT_SECONDS = 1.0
_PATIENCE = 60.0  # seconds for the thread to do what it is told
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST and throws away what waits


@dataclass(eq=False, slots=True)
class _Way:
    """One direction of a link: what was read from ``source`` and waits for ``sink``."""

    source: socket.socket
    sink: socket.socket
    upward: bool
    waiting: bytearray = field(default_factory=bytearray)
    ended: bool = False  # the source has said that nothing more will come, and the sink knows


@dataclass(eq=False, slots=True)
class _Link:
    """A client and the server it talks to."""

    client: socket.socket
    server: socket.socket
    ways: tuple[_Way, _Way]

    @classmethod
    def between(cls, client: socket.socket, server: socket.socket) -> _Link:
        return cls(client, server, (_Way(client, server, True), _Way(server, client, False)))


class Proxy:
    """Listens on a free port of loopback and carries everything to and from ``port``.

    ``upward`` counts bytes that came from clients and were handed to the server, so that a test sees
    who is sending again.
    """

    def __init__(self, port: int) -> None:
        self.upward = 0
        self._target = (_LOOPBACK, port)
        self._links: list[_Link] = []
        self._held: list[socket.socket] = []  # accepted into a black hole
        self._orders: list[tuple[Callable[[], object], Event]] = []
        self._lock = Lock()
        self._hole = self._closing = False
        self._rate: float | None = None
        self._allowed, self._counted = 0.0, time.monotonic()
        # Bound, never listening: while the proxy is cut the port stays ours, and refuses.
        self._holder = _bound(0)
        self.port = int(self._holder.getsockname()[1])
        self._listener: socket.socket | None = None
        self._listen()
        self._ear, self._mouth = socket.socketpair()
        self._thread = Thread(target=self._run, name=f"proxy-{self.port}", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://{_LOOPBACK}:{self.port}"

    # What a test says

    def cut(self) -> None:
        """Reset every connection, and refuse new ones."""
        self._do(self._cut)

    def black_hole(self) -> None:
        """Nothing gets through, and nobody is told: connections stay open, new ones are accepted."""
        self._do(lambda: setattr(self, "_hole", True))

    def throttle(self, bytes_per_second: float | None) -> None:
        """Hand the server no more than this, all connections taken together; None: all that comes."""
        self._do(lambda: self._throttle(bytes_per_second))

    def restore(self) -> None:
        """As at the start. What waited in a black hole goes on, as TCP would after an outage."""
        self._do(self._restore)

    def close(self) -> None:
        """Reset every connection and end the thread."""
        if self._thread.is_alive():
            self._do(self._end)
            self._thread.join(_PATIENCE)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _do(self, order: Callable[[], object]) -> None:
        done = Event()
        with self._lock:
            self._orders.append((order, done))
            self._mouth.send(b"!")  # before the thread can obey, which may close this
        assert done.wait(_PATIENCE), "the proxy does not do as it is told"

    # What its thread does

    def _run(self) -> None:
        while not self._closing:
            with selectors.DefaultSelector() as selector:
                self._register(selector)
                ready = selector.select(_TICK if self._rate else None)
            for key, _ in ready:
                key.data()
            self._obey()

    def _register(self, selector: selectors.BaseSelector) -> None:
        """What can be done now: a few sockets, so asking anew each time is cheap enough."""
        selector.register(self._ear, selectors.EVENT_READ, lambda: self._ear.recv(_CHUNK))
        if self._listener:
            selector.register(self._listener, selectors.EVENT_READ, self._accept)
        if self._hole:
            return
        wanted: dict[socket.socket, list[tuple[int, Callable[[], object]]]] = {}
        for link in self._links:
            for way in link.ways:
                if way.waiting:
                    if self._may(way) > 0:
                        act = self._step(link, partial(self._write, way))
                        wanted.setdefault(way.sink, []).append((selectors.EVENT_WRITE, act))
                elif not way.ended:
                    act = self._step(link, partial(self._read, way))
                    wanted.setdefault(way.source, []).append((selectors.EVENT_READ, act))
        for one, acts in wanted.items():
            selector.register(one, sum(event for event, _ in acts), _each([act for _, act in acts]))

    def _step(self, link: _Link, act: Callable[[], object]) -> Callable[[], None]:
        """One read or write; a link that fails is reset on both sides."""

        def attempt() -> None:
            if link not in self._links:
                return
            try:
                act()
            except BlockingIOError:
                return
            except OSError:
                self._drop(link)
                return
            if all(way.ended for way in link.ways):
                self._finish(link)

        return attempt

    def _read(self, way: _Way) -> None:
        data = way.source.recv(_CHUNK)
        way.waiting += data
        if not data:
            way.ended = True
            way.sink.shutdown(socket.SHUT_WR)

    def _write(self, way: _Way) -> None:
        sent = way.sink.send(way.waiting[: self._may(way)])
        del way.waiting[:sent]
        if way.upward:
            self._allowed -= sent
            self.upward += sent

    def _may(self, way: _Way) -> int:
        """Bytes that may be handed on now."""
        if self._rate is None or not way.upward:
            return _CHUNK
        now = time.monotonic()
        self._allowed = min(self._rate, self._allowed + (now - self._counted) * self._rate)
        self._counted = now
        return int(self._allowed)

    def _accept(self) -> None:
        assert self._listener
        client, _ = self._listener.accept()
        client.setblocking(False)
        if self._hole:
            self._held.append(client)
        else:
            self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, _CONNECT_SECONDS)
        except OSError:
            _reset(client)
            return
        server.setblocking(False)
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._links.append(_Link.between(client, server))

    def _drop(self, link: _Link) -> None:
        self._links.remove(link)
        _reset(link.client)
        _reset(link.server)

    def _finish(self, link: _Link) -> None:
        """Both sides have said their last: what is still on its way to them arrives."""
        self._links.remove(link)
        link.client.close()
        link.server.close()

    def _obey(self) -> None:
        with self._lock:
            orders, self._orders = self._orders, []
        for order, done in orders:
            order()
            done.set()

    def _cut(self) -> None:
        if self._listener:
            self._listener.close()
            self._listener = None
        for link in list(self._links):
            self._drop(link)
        for client in self._held:
            _reset(client)
        self._held.clear()

    def _throttle(self, rate: float | None) -> None:
        self._rate, self._allowed, self._counted = rate, 0.0, time.monotonic()

    def _restore(self) -> None:
        self._hole = False
        self._throttle(None)
        self._listen()
        held, self._held = self._held, []
        for client in held:
            self._connect(client)

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = _bound(self.port)
            self._listener.listen(128)

    def _end(self) -> None:
        self._cut()
        self._closing = True
        for one in (self._holder, self._ear, self._mouth):
            one.close()


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((_LOOPBACK, port))
    return made


def _reset(one: socket.socket) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    one.close()


def _each(acts: list[Callable[[], object]]) -> Callable[[], None]:
    def run() -> None:
        for act in acts:
            act()

    return run
