"""What systemd and a service tell each other: sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3).

All of it is environment variables and one datagram socket; started by anything but systemd, nothing
of it is there, and nothing here does anything.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping
from typing import TextIO

import structlog

log = structlog.get_logger("ingestd.systemd")

_FIRST_SOCKET = 3  # SD_LISTEN_FDS_START
_MICROSECONDS = 1_000_000


class Notifier:
    """Tells systemd how we are. ``address``: NOTIFY_SOCKET; empty: nobody listens."""

    def __init__(self, address: str) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._failed = False

    def tell(self, **words: object) -> None:
        """Assignments in one datagram: ``tell(READY=1, STATUS="2 live")``. Never blocks, never raises."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
                to.setblocking(False)
                to.sendto(message(**words), self._address)
            self._failed = False
        except OSError as error:
            if not self._failed:
                log.warning("systemd_not_told", error=str(error))
            self._failed = True

    def reloading(self) -> None:
        """From here until the next READY=1 a reload is under way."""
        self.tell(RELOADING=1, MONOTONIC_USEC=int(time.monotonic() * _MICROSECONDS))


def message(**words: object) -> bytes:
    """Assignments as sd_notify sends them; a value is one line."""
    lines = (f"{name}={' '.join(str(value).splitlines())}" for name, value in words.items())
    return "\n".join(lines).encode()


def status(states: Mapping[str, int], viewers: int | None = None) -> str:
    """What ``systemctl status`` shows: ``2 live, 1 interrupted, 14 viewers``; ``states`` of broadcasts."""
    counts = [f"{count} {state.replace('_', ' ')}" for state, count in states.items() if count]
    watching = [] if viewers is None else [f"{viewers} viewer{'s' * (viewers != 1)}"]
    return ", ".join([*(counts or ["No broadcast"]), *watching])


def watchdog_seconds(environ: Mapping[str, str], pid: int) -> float | None:
    """Seconds without a sign of life after which systemd kills us; None: it does not watch us."""
    try:
        limit = int(environ.get("WATCHDOG_USEC", ""))
        for_us = int(environ.get("WATCHDOG_PID", pid)) == pid
    except ValueError:
        return None
    return limit / _MICROSECONDS if for_us and limit > 0 else None


def passed_descriptors(environ: Mapping[str, str], pid: int) -> dict[str, int]:
    """The sockets that systemd has opened for us: descriptors by name (``FileDescriptorName=``)."""
    try:
        if int(environ.get("LISTEN_PID", "")) != pid:
            return {}
        count = int(environ.get("LISTEN_FDS", ""))
    except ValueError:
        return {}
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    return {(names[n : n + 1] or [""])[0] or "unknown": _FIRST_SOCKET + n for n in range(count)}


def passed_socket(name: str) -> socket.socket | None:
    """The listening socket of this name, with whatever waits in its backlog; None: there is none.

    systemd keeps it open while we are restarted: whoever comes meanwhile waits, and is not refused.
    """
    descriptor = passed_descriptors(os.environ, os.getpid()).get(name)
    if descriptor is None:
        return None
    passed = socket.socket(fileno=descriptor)
    passed.set_inheritable(False)  # as systemd hands it over, every child would hold it
    return passed


def in_journal(stream: TextIO = sys.stderr, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether what is written to this stream ends up in systemd's journal (``JOURNAL_STREAM``)."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or none of the operating system's
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
