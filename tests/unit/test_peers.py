"""Peers by WebRTC: who is told of them, and what Prometheus gets."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ingestd.broadcast.peers import Link, Peers
from ingestd.metrics.webrtc import WebRtcCollector
from ingestd.monitor import monitor as monitor_module
from ingestd.monitor.monitor import Monitor
from ingestd.monitor.webrtc import WebRtcPeers
from ingestd.webrtc.figures import Figures, Sums
from ingestd.webrtc.janus_config import Role
from tests.unit.test_metrics import monitor


def meter(*peers: Figures) -> Any:
    sums = Sums()
    sums.take(dict(enumerate(peers)))
    return SimpleNamespace(peers=dict(enumerate(peers)), sums=sums)


def peer(rtt: float | None = None, way: str = "", **counts: int) -> Figures:
    return Figures({"video": counts}, rtt, way)


def followed(*viewers: Figures, publisher: Figures | None = None, off: bool = False) -> WebRtcPeers:
    """Two viewers of demo, and a publisher there."""
    meters = {Role.IN: meter(*filter(None, [publisher])), Role.OUT: meter(*viewers)}
    processes = {Role.IN: SimpleNamespace(up=True), Role.OUT: SimpleNamespace(up=False)}
    parts: Any = {"meters": {}, "processes": {}} if off else {"meters": meters, "processes": processes}
    sfu: Any = SimpleNamespace(off="off" if off else "", **parts)
    room = SimpleNamespace(number=0, state="sending")
    whip: Any = SimpleNamespace(room=lambda channel: room if channel == "demo" and not off else None)
    stages: Any = SimpleNamespace(watching=lambda: {} if off else {"demo": [b"1 VLC", b"x VLC"]})
    return WebRtcPeers(sfu, whip, stages)


def samples(webrtc: WebRtcPeers | None) -> dict[str, float]:
    made = Monitor()
    made.webrtc = webrtc
    return {
        " ".join([one.name.removeprefix("ingestd_webrtc_"), *one.labels.values()]): one.value
        for family in WebRtcCollector(made).collect()
        for one in family.samples
    }


def test_prometheus_gets_both_sides_and_every_count_from_the_start() -> None:
    viewers = [peer(0.02, bytes=100, packets=10, lost=3, nacks=2), peer(0.5, bytes=50), peer()]
    found = samples(followed(*viewers, publisher=peer(bytes=7)))
    assert [found.pop(f"rtt_seconds {of}") for of in ("median", "worst")] == pytest.approx([0.26, 0.5])
    assert {name: value for name, value in found.items() if value} == {
        "up publisher": 1,
        "peers publisher": 1,
        "peers viewer": 3,
        "bytes_total publisher": 7,
        "bytes_total viewer": 150,
        "packets_total viewer": 10,
        "lost_packets_total viewer": 3,
        "nacks_total viewer": 2,
    }
    assert found["up viewer"] == found["nacks_total publisher"] == 0


def test_while_webrtc_is_off_there_is_nothing_to_tell() -> None:
    assert samples(None) == samples(followed(off=True)) == {}
    assert followed(off=True).sent == 0


def test_broadcasts_are_told_and_peers_are_viewers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor_module, "_TICK", 0.001)
    told: asyncio.Queue[Peers] = asyncio.Queue()
    one = cast(Any, SimpleNamespace(channel="demo", connected=told.put_nowait))
    other = cast(Any, SimpleNamespace(channel="news", connected=told.put_nowait))

    async def story() -> None:
        made = monitor({"demo": 2, "news": 1})  # by HLS; "1 VLC" among them
        before = made.sent
        webrtc = followed(peer(bytes=1000), publisher=peer(way="relay"))
        made.follow(webrtc, [one, other])
        try:
            async with asyncio.timeout(60):
                assert await told.get() == Peers(2, Link("sending", "relay"))
                assert await told.get() == Peers(0, None)
            assert (made.viewers_of("demo"), made.viewers_of("news"), made.viewers) == (3, 1, 4)
            assert before is not None and made.sent == before + 1000
        finally:
            await made._tasks.close()

    asyncio.run(story())


def test_where_nobody_counts_viewers_peers_alone_are_no_number_of_them() -> None:
    made = Monitor()
    made.webrtc = followed(peer(bytes=1000))
    assert (made.viewers, made.viewers_of("demo"), made.sent) == (None, None, None)
