"""What ``ingestd status`` shows: answers of the API as lines and rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

HEADINGS = ("CHANNEL", "STATE", "SINCE", "RENDITIONS", "SPEED", "FPS", "LAG", "VIEWERS", "RESTARTS")
NOTHING = "No broadcast is open."

_GB = 1e9
_MINUTE, _HOUR, _DAY = 60, 3600, 86400  # seconds


@dataclass(frozen=True, slots=True)
class Status:
    """How the server at ``url`` is. ``server`` has what only an admin is told (``version``, ``uptime`` in
    seconds, and where they are known ``cpu`` as a share, ``disk_bytes`` and ``disk_free_bytes``); without
    it ``note`` says why."""

    url: str
    reasons: tuple[str, ...]
    broadcasts: tuple[Mapping[str, Any], ...]
    server: Mapping[str, Any] | None = None
    note: str = ""

    @property
    def ready(self) -> bool:
        return not self.reasons

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "url": self.url,
            "ready": self.ready,
            "reasons": list(self.reasons),
            "server": None if self.server is None else dict(self.server),
            "broadcasts": [dict(one) for one in self.broadcasts],
        }


def lines(status: Status) -> list[str]:
    """Above the table: the server, and whether it is ready, or every reason why not."""
    told = [_server(status), "Ready." if status.ready else "Not ready:"]
    told += [f"- {reason}" for reason in status.reasons]
    return [*told, status.note] if status.note else told


def _server(status: Status) -> str:
    found = status.server
    if found is None:
        return f"ingestd at {status.url}"
    free, size = found["disk_free_bytes"], found["disk_bytes"]
    disk = "cannot be read"
    if free is not None and size is not None:
        disk = f"{free / _GB:.1f} of {size / _GB:.1f} GB free"
    cpu = "not measured yet" if found["cpu"] is None else f"{found['cpu']:.0%}"
    return (
        f"ingestd {found['version']} at {status.url}, up {duration(found['uptime'])}, CPU {cpu}, disk {disk}"
    )


def duration(seconds: float) -> str:
    """The two largest units of it."""
    whole = int(seconds)
    for size, name, smaller, small in ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "min")):
        if whole >= size:
            return f"{whole // size} {name} {whole % size // smaller} {small}"
    return f"{whole // _MINUTE} min {whole % _MINUTE} s" if whole >= _MINUTE else f"{whole} s"


def row(one: Mapping[str, Any]) -> tuple[str, ...]:
    """A broadcast under :data:`HEADINGS`. What is in parentheses is not encoded at present."""
    encoder = one["encoder"] or {"speed": None, "fps": None, "restarts": 0}
    names = [rung["name"] for rung in one["renditions"]]
    left = one["left_out"]
    return (
        one["channel"],
        one["state"],
        datetime.fromisoformat(one["started_at"]).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        " ".join([*(f"({name})" for name in names[:left]), *names[left:]]),
        _figure(encoder["speed"], "{:.2f}×"),
        _figure(encoder["fps"], "{:.1f}"),
        _figure(one["commit_lag"], "{:.1f} s"),
        _viewers(one),
        str(encoder["restarts"]),
    )


def _viewers(one: Mapping[str, Any]) -> str:
    """And how many of them by WebRTC."""
    peers = (one.get("peers") or {}).get("viewers", 0)
    return " ".join(filter(None, [_figure(one["viewers"], "{}"), f"({peers} WebRTC)" if peers else ""]))


def _figure(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
