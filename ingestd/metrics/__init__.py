"""Every metric of ``/metrics``, in one place.

They are read from the registry when Prometheus asks: the core counts with plain integers and does
not know Prometheus, and the series of a broadcast go when it goes.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from ingestd.broadcast.registry import Broadcasts
from ingestd.metrics.broadcasts import BroadcastsCollector
from ingestd.metrics.host import HostCollector
from ingestd.metrics.labels import ChannelLabels
from ingestd.metrics.monitor import MonitorCollector
from ingestd.metrics.totals import TotalsCollector
from ingestd.metrics.webrtc import WebRtcCollector
from ingestd.monitor.host import Host
from ingestd.monitor.monitor import Monitor

__all__ = ["ChannelLabels", "registry"]


def registry(
    broadcasts: Broadcasts,
    publishers: Callable[[], int],
    monitor: Monitor,
    host: Host,
    labels: ChannelLabels,
    ready: Callable[[], bool | None] = lambda: None,
) -> CollectorRegistry:
    """The registry that ``/metrics`` renders: ours, and the process's own."""
    made = CollectorRegistry()
    ProcessCollector(namespace="ingestd", registry=made)
    PlatformCollector(registry=made)
    for collector in (
        TotalsCollector(broadcasts, publishers),
        BroadcastsCollector(broadcasts, host, labels),
        MonitorCollector(monitor, labels),
        WebRtcCollector(monitor),
        HostCollector(host, ready, lambda: broadcasts.limits.free_disk),
    ):
        made.register(collector)
    return made
