"""Every metric of ``/metrics``, in one place.

They are read from the registry when Prometheus asks: the core counts with plain integers and does
not know Prometheus, and the series of a broadcast go when it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import psutil
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.lifecycle import State
from ingestd.broadcast.registry import Broadcasts

_BY_BROADCAST = ("broadcast", "channel")


class IngestdCollector(Collector):
    """Reads registry, broadcasts and encoders at the moment of a scrape."""

    def __init__(self, broadcasts: Broadcasts, publishers: Callable[[], int]) -> None:
        self._broadcasts = broadcasts
        self._publishers = publishers

    def collect(self) -> Iterator[Metric]:
        yield from self._totals()
        yield from self._states()
        yield from self._of_each_broadcast()

    def _totals(self) -> Iterator[Metric]:
        totals = self._broadcasts.totals
        yield GaugeMetricFamily("ingestd_publishers", "Connections that publish now.", self._publishers())
        yield CounterMetricFamily("ingestd_received_messages", "Messages from publishers.", totals.messages)
        yield CounterMetricFamily("ingestd_received_bytes", "Bytes from publishers.", totals.received)
        segments = totals.segments + sum(one.delivery.segments for one in self._broadcasts)
        yield CounterMetricFamily("ingestd_segments", "Segments listed in public playlists.", segments)
        given_up = totals.given_up + sum(one.given_up for one in self._broadcasts)
        yield CounterMetricFamily(
            "ingestd_given_up_bytes", "Media that the replay buffer could not hold for a restart.", given_up
        )
        yield CounterMetricFamily(
            "ingestd_resumes", "Publishers that went on with a broadcast.", totals.resumes
        )
        refusals = CounterMetricFamily(
            "ingestd_refusals", "Publishers refused or dropped, by reason.", labels=["reason"]
        )
        for reason, count in totals.refusals.items():
            refusals.add_metric([reason], count)
        yield refusals

    def _states(self) -> Iterator[Metric]:
        states = GaugeMetricFamily("ingestd_broadcasts", "Open broadcasts, by state.", labels=["state"])
        counts = [one.state for one in self._broadcasts]
        for state in State:
            states.add_metric([state.value], counts.count(state))
        yield states
        ended = CounterMetricFamily(
            "ingestd_broadcasts_over", "Broadcasts over, by last state.", labels=["state"]
        )
        for name, count in self._broadcasts.totals.ended.items():
            ended.add_metric([name], count)
        yield ended
        restarts = CounterMetricFamily(
            "ingestd_encoder_restarts", "Generations that ended early, by reason.", labels=["reason"]
        )
        every = sum(
            (one.supervisor.restarts for one in self._broadcasts), self._broadcasts.totals.restarts.copy()
        )
        for reason, number in every.items():
            restarts.add_metric([reason], number)
        yield restarts

    def _of_each_broadcast(self) -> Iterable[Metric]:
        lag = GaugeMetricFamily(
            "ingestd_commit_lag_seconds",
            "Media received that is not in the playlist yet.",
            labels=_BY_BROADCAST,
        )
        speed = GaugeMetricFamily(
            "ingestd_encoder_speed_ratio", "Encoding speed; 1 is real time.", labels=_BY_BROADCAST
        )
        fps = GaugeMetricFamily("ingestd_encoder_fps", "Frames encoded each second.", labels=_BY_BROADCAST)
        cpu = CounterMetricFamily(
            "ingestd_encoder_cpu_seconds", "CPU time of the encoder that runs now.", labels=_BY_BROADCAST
        )
        memory = GaugeMetricFamily(
            "ingestd_encoder_memory_bytes",
            "Resident memory of the encoder that runs now.",
            labels=_BY_BROADCAST,
        )
        for one in self._broadcasts:
            labels = [one.id, one.channel]
            lag.add_metric(labels, one.commit_lag)
            if one.supervisor.encoder:
                speed.add_metric(labels, one.supervisor.encoder.progress.speed)
                fps.add_metric(labels, one.supervisor.encoder.progress.fps)
            seconds, resident = encoder_usage(one)
            cpu.add_metric(labels, seconds)
            memory.add_metric(labels, resident)
        return [lag, speed, fps, cpu, memory]


def encoder_usage(one: Broadcast) -> tuple[float, int]:
    """CPU-seconds and resident bytes of a broadcast's encoder; zeros when none runs."""
    if one.supervisor.encoder is None:
        return 0.0, 0
    try:
        process = psutil.Process(one.supervisor.encoder.pid)
        times = process.cpu_times()
        return times.user + times.system, process.memory_info().rss
    except psutil.Error:
        return 0.0, 0


def registry(broadcasts: Broadcasts, publishers: Callable[[], int]) -> CollectorRegistry:
    """The registry that ``/metrics`` renders: ours, and the process's own."""
    made = CollectorRegistry()
    ProcessCollector(namespace="ingestd", registry=made)
    PlatformCollector(registry=made)
    made.register(IngestdCollector(broadcasts, publishers))
    return made
