"""Metrics of WebRTC: of all publishers, and of all viewers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ingestd.monitor.monitor import Monitor
from ingestd.webrtc.figures import COUNTS
from ingestd.webrtc.janus import Janus
from ingestd.webrtc.janus_config import Role
from ingestd.webrtc.meter import Meter

_ROLES = {Role.IN: "publisher", Role.OUT: "viewer"}
_COUNTERS = {
    "bytes": ("ingestd_webrtc_bytes", "Bytes of media from publishers, or to viewers."),
    "packets": ("ingestd_webrtc_packets", "The same in packets."),
    "lost": ("ingestd_webrtc_lost_packets", "Packets that did not arrive, at us or at viewers."),
    "nacks": ("ingestd_webrtc_nacks", "Packets asked for again, by us or by viewers."),
}


class WebRtcCollector(Collector):
    """Reads what both Janus said last; while WebRTC is off there is nothing to say."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def collect(self) -> Iterator[Metric]:
        sfu = self._monitor.webrtc.sfu if self._monitor.webrtc else None
        yield from _now(sfu.processes if sfu else {}, sfu.meters if sfu else {})
        yield from _counts(sfu.meters if sfu else {})


def _now(processes: Mapping[Role, Janus], meters: Mapping[Role, Meter]) -> Iterator[Metric]:
    up = GaugeMetricFamily("ingestd_webrtc_up", "Whether their Janus answers.", labels=["role"])
    peers = GaugeMetricFamily("ingestd_webrtc_peers", "Connected peers.", labels=["role"])
    rtt = GaugeMetricFamily("ingestd_webrtc_rtt_seconds", "To viewers and back.", labels=["of"])
    for role, janus in processes.items():
        up.add_metric([_ROLES[role]], janus.up)
    for role, meter in meters.items():
        peers.add_metric([_ROLES[role]], len(meter.peers))
        if times := [one.rtt for one in meter.peers.values() if one.rtt is not None]:
            rtt.add_metric(["median"], median(times))
            rtt.add_metric(["worst"], max(times))
    yield from (up, peers, rtt)


def _counts(meters: Mapping[Role, Meter]) -> Iterator[Metric]:
    for kind in COUNTS:
        family = CounterMetricFamily(*_COUNTERS[kind], labels=["role"])
        for role, meter in meters.items():
            family.add_metric([_ROLES[role]], meter.sums.counts[kind])
        yield family
