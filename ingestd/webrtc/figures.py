"""What Janus says of one peer over its admin API (``handle_info``), and the sums of all of them. Pure.

Its documentation: janus.conf.meetecho.com/docs/admin.html. Publishers only send and viewers only receive, so
of each there is one direction that counts. Lost are packets of which RTCP says that they have not come
(RFC 3550, A.3): of a publisher's Janus says so, of a viewer's the viewer. Such a count may go back, for what
comes late, or twice, has come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ingestd.webrtc.janus_config import Role

COUNTS = "bytes", "packets", "lost", "nacks"

_FLOWS, _ANSWERS = {Role.IN: "in", Role.OUT: "out"}, {Role.IN: "out", Role.OUT: "in"}
_LOST = {Role.IN: "lost", Role.OUT: "lost-by-remote"}
_WAYS = {"host", "srflx", "prflx", "relay"}  # RFC 8445, 5.1.1


@dataclass(frozen=True, slots=True)
class Figures:
    """A peer that is connected. ``counts``: of :data:`COUNTS`, by medium; ``rtt``: seconds to it and back,
    None: not known, as of all publishers, to whom nothing is sent; ``way``: the type of its ICE candidate
    (``host``, ``srflx``, ``prflx``, ``relay``), empty: not known."""

    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    rtt: float | None = None
    way: str = ""


def figures(role: Role, answer: Mapping[str, Any]) -> Figures | None:
    """What ``handle_info`` answers; None: there is no peer behind that handle, or it is not connected."""
    info = _mapping(answer.get("info"))
    peer = _mapping(info.get("webrtc"))
    if not peer or _mapping(info.get("flags")).get("ready") is not True:
        return None
    media = {str(name): _mapping(one) for name, one in _mapping(peer.get("media")).items()}
    times = [_number(_mapping(_mapping(one.get("rtcp")).get("main")).get("rtt")) for one in media.values()]
    return Figures(
        {name: _counts(role, one) for name, one in media.items()},
        max(times) / 1000 if role is Role.OUT and any(times) else None,
        _way(_mapping(peer.get("ice")).get("selected-pair")),
    )


def _counts(role: Role, medium: Mapping[str, Any]) -> dict[str, int]:
    stats = _mapping(medium.get("stats"))
    flow, answers = _mapping(stats.get(_FLOWS[role])), _mapping(stats.get(_ANSWERS[role]))
    rtcp = _mapping(_mapping(medium.get("rtcp")).get("main"))
    found = flow.get("bytes"), flow.get("packets"), rtcp.get(_LOST[role]), answers.get("nacks")
    return dict(zip(COUNTS, map(_number, found), strict=True))


def _way(pair: Any) -> str:
    """Of ``198.51.100.1:20000 [host,udp] <-> 203.0.113.7:40000 [prflx,udp]``, ours first."""
    kind = str(pair).rpartition("[")[2].partition(",")[0]
    return kind if kind in _WAYS else ""


class Sums:
    """Of all peers of one role since the start. No sum ever goes back: what a peer has counted stays when it
    leaves, and counts of it that go back are waited for."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        self._seen: dict[int, dict[tuple[str, str], int]] = {}

    def take(self, peers: Mapping[int, Figures]) -> None:
        """All that are connected, by number of their handle: Janus gives none a second time."""
        seen: dict[int, dict[tuple[str, str], int]] = {}
        for number, one in peers.items():
            seen[number] = before = self._seen.get(number, {})
            for key, count in _flat(one):
                self.counts[key[1]] += max(0, count - before.get(key, 0))
                before[key] = max(count, before.get(key, 0))
        self._seen = seen


def _flat(one: Figures) -> Iterator[tuple[tuple[str, str], int]]:
    for medium, counts in one.counts.items():
        for name, count in counts.items():
            yield (medium, name), count


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> int:
    """Losses may be negative: more has come than was awaited (RFC 3550, 6.4.1)."""
    return value if type(value) is int and value > 0 else 0
