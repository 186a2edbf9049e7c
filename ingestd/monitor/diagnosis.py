"""Why a broadcast went as it did: all that is known of it in one place, and in one archive.

Most of it the broadcast remembers itself; what is measured each second is kept here, of those that are
open and those that ended lately. Nothing is written to disk.
"""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.registry import Broadcasts
from ingestd.broadcast.story import Visit
from ingestd.monitor.history import rate
from ingestd.monitor.samples import Samples, until_next
from ingestd.tasks import Tasks

_MEASURED = ("bitrate", "speed", "lag")
_LINES = 50  # of the log, in the answer; the archive has all that is kept


class Lines(Protocol):
    """The last lines of the log by broadcast, without secrets."""

    def of(self, broadcast: str) -> list[str]: ...


class Diagnosis:
    """Measures every open broadcast once a second, and tells of any that is known.

    ``settings`` tells the settings without secrets (all of them, or what concerns a broadcast),
    ``versions`` those of the programs.
    """

    def __init__(
        self,
        broadcasts: Broadcasts,
        lines: Lines,
        settings: Callable[[bool], Mapping[str, Any]],
        versions: Callable[[], Awaitable[Mapping[str, str]]],
    ) -> None:
        self._broadcasts = broadcasts
        self._lines = lines
        self._settings = settings
        self._versions = versions
        self._samples: dict[str, Samples] = {}
        self._received: dict[str, tuple[float, int]] = {}  # when the last sample was taken, and bytes by then
        self._tasks = Tasks("diagnosis")

    def start(self) -> None:
        self._tasks.spawn(self._measure(), "measure", eternal=True)

    async def close(self) -> None:
        await self._tasks.close()

    async def _measure(self) -> None:
        while True:
            self.measure(time.monotonic())
            await asyncio.sleep(until_next(time.monotonic()))

    def measure(self, now: float) -> None:
        """Take a sample of each open broadcast (``now``: seconds); forget those that the registry forgot.

        A bitrate is that since the sample before, however long ago that was; so the first has none.
        """
        known = {one.id for one in (*self._broadcasts, *self._broadcasts.ended)}
        self._samples = {name: kept for name, kept in self._samples.items() if name in known}
        before, self._received = self._received, {one.id: (now, one.received) for one in self._broadcasts}
        for one in self._broadcasts:
            then, received = before.get(one.id, (now, 0))
            encoder = one.supervisor.encoder
            speed = encoder.progress.speed if encoder else None
            values = rate(one.received, received, now - then), speed, one.commit_lag
            self._samples.setdefault(one.id, Samples(_MEASURED)).add(now, values)

    def of(self, one: Broadcast, *, admin: bool) -> dict[str, Any]:
        """A broadcast's diagnosis as JSON; where its publishers came from is for admins."""
        kept = self._samples.get(one.id)
        return {
            "broadcast": one.id,
            "channel": one.channel,
            "state": one.state.value,
            "message": one.message,
            "timeline": [
                {"at": iso(turn.at), "event": turn.event, "state": turn.state, "sentence": turn.sentence}
                for turn in one.story.turns
            ],
            "publishers": [_visit(visit, admin) for visit in one.story.visits],
            "generations": one.supervisor.reports.as_list(),
            "lines": self._lines.of(one.id)[-_LINES:],
            "samples": (kept or Samples(_MEASURED)).view(time.monotonic()),
        }

    async def archive(self, one: Broadcast, *, admin: bool) -> bytes:
        """All of it, with the log and what runs here, as a .tar.gz."""
        told = self.of(one, admin=admin)
        generations = told.pop("generations")
        files = {
            "diagnosis.json": told,
            "generations.json": generations,
            "settings.json": self._settings(admin),
            "versions.json": await self._versions(),
        }
        texts = {name: json.dumps(value, indent=2, ensure_ascii=False) for name, value in files.items()}
        return packed(
            f"ingestd-{one.id}", texts | {"log.jsonl": "\n".join(self._lines.of(one.id))}, time.time()
        )


def packed(folder: str, texts: Mapping[str, str], now: float) -> bytes:
    """A .tar.gz of text files in one folder, written at ``now`` (Unix time)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in texts.items():
            data = f"{text}\n".encode(errors="replace")
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime = len(data), int(now)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def _visit(visit: Visit, admin: bool) -> dict[str, Any]:
    return {
        "since": iso(visit.since),
        "until": None if visit.until is None else iso(visit.until),
        "way": visit.way,
        "address": visit.address if admin else None,
        "received_bytes": visit.received,
        "epoch": visit.epoch,
        "resumed_at": visit.resumed_at,
        "close_code": visit.close_code,
        "reason": visit.reason,
    }


def iso(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
