"""Metrics of WebRTC: of all publishers, and of all viewers."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ingestd.monitor.monitor import Monitor
from ingestd.webrtc.figures import COUNTS
from ingestd.webrtc.janus_config import Role
from ingestd.webrtc.webrtc import WebRtc

_ROLES = {Role.IN: "publisher", Role.OUT: "viewer"}
_COUNTERS = {
    "bytes": ("ingestd_webrtc_bytes", "Bytes of media from publishers, or to viewers."),
    "packets": ("ingestd_webrtc_packets", "The same in packets."),
    "lost": ("ingestd_webrtc_lost_packets", "Packets that did not arrive, at us or at viewers."),
    "nacks": ("ingestd_webrtc_nacks", "Packets asked for again, by us or by viewers."),
}


class WebRtcCollector(Collector):
    """Reads what both Janus said last; nothing while WebRTC is off."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def collect(self) -> Iterator[Metric]:
        if self._monitor.webrtc and self._monitor.webrtc.sfu.meters:
            sfu = self._monitor.webrtc.sfu
            yield from _now(sfu)
            yield from _counts(sfu)


def _now(sfu: WebRtc) -> Iterator[Metric]:
    up = GaugeMetricFamily("ingestd_webrtc_up", "Whether their Janus answers.", labels=["role"])
    peers = GaugeMetricFamily("ingestd_webrtc_peers", "Connected peers.", labels=["role"])
    for role, name in _ROLES.items():
        up.add_metric([name], sfu.processes[role].up)
        peers.add_metric([name], len(sfu.meters[role].peers))
    rtt = GaugeMetricFamily("ingestd_webrtc_rtt_seconds", "To viewers and back.", labels=["of"])
    if times := [one.rtt for one in sfu.meters[Role.OUT].peers.values() if one.rtt is not None]:
        rtt.add_metric(["median"], median(times))
        rtt.add_metric(["worst"], max(times))
    yield from (up, peers, rtt)


def _counts(sfu: WebRtc) -> Iterator[Metric]:
    for kind in COUNTS:
        family = CounterMetricFamily(*_COUNTERS[kind], labels=["role"])
        for role, name in _ROLES.items():
            family.add_metric([name], sfu.meters[role].sums.counts[kind])
        yield family
