"""Measures the whole server every few seconds, for the page on which an admin sees how it does."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog

from ingestd.broadcast.load import cores
from ingestd.broadcast.registry import Broadcasts
from ingestd.monitor.history import EVERY, SPAN, History, Reading
from ingestd.monitor.host import Host
from ingestd.monitor.monitor import Monitor
from ingestd.monitor.samples import until_next
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.monitor.overview")


class Overview:
    """``publishers`` counts the connections that publish; ``host`` is read by nobody else, so that the use
    of processors is that of a whole step."""

    def __init__(
        self, broadcasts: Broadcasts, monitor: Monitor, publishers: Callable[[], int], host: Host
    ) -> None:
        self._broadcasts = broadcasts
        self._monitor = monitor
        self._publishers = publishers
        self._host = host
        self._machine = host.machine
        self._history = History()
        self._tasks = Tasks("overview")

    def start(self) -> None:
        self._tasks.spawn(self._measure(), "measure", eternal=True)

    async def close(self) -> None:
        await self._tasks.close()

    async def _measure(self) -> None:
        failed = False
        while True:
            try:
                self.measure(time.monotonic())
                failed = False
            except OSError as error:
                if not failed:
                    log.error("not_measured", what="what admins see of the last hour", error=str(error))
                failed = True
            await asyncio.sleep(until_next(time.monotonic(), EVERY))

    def measure(self, now: float) -> None:
        """``now``: seconds of the monotonic clock."""
        self._machine = self._host.machine
        self._history.add(now, self._reading())

    def _reading(self) -> Reading:
        every = list(self._broadcasts)
        totals, machine, webrtc = self._broadcasts.totals, self._machine, self._monitor.webrtc
        on = webrtc is not None and not webrtc.sfu.off
        return Reading(
            viewers=self._monitor.viewers,
            publishers=self._publishers(),
            webrtc_viewers=sum(map(len, webrtc.viewers().values())) if webrtc and on else None,
            webrtc_publishers=len(webrtc.publishers) if webrtc and on else None,
            states=Counter(one.state.value for one in every),
            received=totals.received,
            sent=self._monitor.sent,
            cpu=machine.cpu,
            memory=_used(machine.memory_available, machine.memory),
            disk=_used(machine.disk_free, machine.disk),
            lag=max((one.commit_lag for one in every), default=0.0),
            restarts=totals.restarts.total() + sum(one.supervisor.restarts.total() for one in every),
        )

    def view(self, seconds: float = SPAN) -> dict[str, Any]:
        """The last ``seconds``, and the machine, as JSON."""
        machine = {
            "cores": cores(),
            "memory_bytes": self._machine.memory,
            "memory_available_bytes": self._machine.memory_available,
            "disk_bytes": self._machine.disk,
            "disk_free_bytes": self._machine.disk_free,
        }
        return {**self._history.view(time.monotonic(), seconds), "machine": machine}


def _used(free: int | None, size: int | None) -> float | None:
    """The share in use."""
    return None if free is None or not size else 1 - free / size
