"""Metrics of the machine, and of whether the server can take a broadcast on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ingestd.monitor.host import Host


class HostCollector(Collector):
    """Reads what was measured lately. ``ready``: what ``/readyz`` says, None: not asked yet; ``min_free``:
    bytes of disk without which no broadcast is taken."""

    def __init__(self, host: Host, ready: Callable[[], bool | None], min_free: Callable[[], int]) -> None:
        self._host = host
        self._ready = ready
        self._min_free = min_free

    def collect(self) -> Iterator[Metric]:
        machine = self._host.machine
        for name, words, value in (
            ("ingestd_ready", "Whether a broadcast can be taken, as of some seconds ago.", self._ready()),
            ("ingestd_host_cpu_ratio", "Share of the processors that is in use.", machine.cpu),
            ("ingestd_host_memory_bytes", "Memory of the machine.", machine.memory),
            ("ingestd_host_memory_available_bytes", "Memory that can be had.", machine.memory_available),
            ("ingestd_disk_bytes", "The disk with the data directory.", machine.disk),
            ("ingestd_disk_free_bytes", "What is free of it.", machine.disk_free),
            ("ingestd_disk_min_free_bytes", "What has to be free for a broadcast.", self._min_free()),
            ("ingestd_loop_lag_seconds", "Worst delay of the event loop lately.", self._host.loop_lag),
        ):
            yield GaugeMetricFamily(name, words, value)  # without a sample where that is None
