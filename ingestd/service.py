"""The daemon as a service of systemd's: its socket, its state in words, its signs of life."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping

from ingestd.addresses import authority, bind, reachable
from ingestd.errors import StartError
from ingestd.monitor.viewer_log import parsed
from ingestd.safety import is_loopback
from ingestd.systemd import Notifier, passed_socket, watchdog_seconds
from ingestd.tasks import Tasks

_HTTP, _VIEWERS = "http", "viewers"  # FileDescriptorName= in ingestd.socket and in ingestd-viewers.socket
_EVERY = 2.0  # seconds between two statuses, where the watchdog does not ask for more


class Service:
    """Tells systemd once that we are ready, and then again and again how things are.

    ``status`` is the line that ``systemctl status`` shows; while ``healthy`` says no, the watchdog is
    told nothing, and systemd restarts us when its time is over. Both are asked in the event loop, so a
    loop that hangs is as good as a no.
    """

    def __init__(
        self,
        status: Callable[[], str],
        healthy: Callable[[], bool],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._status, self._healthy = status, healthy
        self._notifier = Notifier(environ.get("NOTIFY_SOCKET", ""))
        self._watchdog = watchdog_seconds(environ, os.getpid())
        self._tasks = Tasks("service")

    def start(self) -> None:
        """Ready: the socket listens, and whoever comes is served."""
        self._notifier.tell(READY=1, STATUS=self._status())
        self._tasks.spawn(self._tell(), "tell", eternal=True)

    async def _tell(self) -> None:
        pause = min(_EVERY, self._watchdog / 3) if self._watchdog else _EVERY
        while True:
            alive = {"WATCHDOG": 1} if self._watchdog and self._healthy() else {}
            self._notifier.tell(STATUS=self._status(), **alive)
            await asyncio.sleep(pause)

    def reloading(self) -> None:
        self._notifier.reloading()

    def reloaded(self) -> None:
        self._notifier.tell(READY=1)

    def stopping(self) -> None:
        self._status = lambda: "Stopping: publishers are asked to come back."
        self._notifier.tell(STOPPING=1, STATUS=self._status())

    async def close(self) -> None:
        await self._tasks.close()


def listener(host: str, port: int, passed: socket.socket | None = None) -> socket.socket:
    """The socket for HTTP: the one that systemd has opened for us, or one of our own, not yet listening.

    Raises StartError where systemd listens elsewhere than the settings say (``host``, ``port``): nginx
    would look for us where nobody is, or we would be open to more than somebody wanted.
    """
    passed = passed or passed_socket(_HTTP)
    if passed is None:
        return bind(host, port, "--http-port")
    _compare(passed, host, port, "ListenStream= in ingestd.socket, or http.bind and http.port")
    return passed


def viewers_listener(where: str, passed: socket.socket | None = None) -> socket.socket | None:
    """The socket for nginx's lines that systemd has opened for us, compared with ``where`` (viewers.listen)
    in the same way; None: there is none, or viewers are not to be counted."""
    passed = passed or passed_socket(_VIEWERS)
    if passed and not where:
        passed.close()
        return None
    if passed:
        _compare(passed, *parsed(where), "ListenDatagram= in ingestd-viewers.socket, or viewers.listen")
    return passed


def _compare(passed: socket.socket, host: str, port: int, mend: str) -> None:
    """Raises StartError, and closes it, if it is not what the settings say, or the same on loopback alone."""
    found = passed.getsockname()
    if passed.family in (socket.AF_INET, socket.AF_INET6):
        narrower = is_loopback(found[0]) and found[0] == reachable(host)
        if (found[0] == host or narrower) and found[1] == port:
            return
        found = authority(*found[:2])
    passed.close()
    raise StartError(
        f"systemd listens on {found} for ingestd, and the settings say {authority(host, port)}: set {mend}."
    )
