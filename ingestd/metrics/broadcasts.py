"""Metrics of each open broadcast; its series go when it goes."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.failures import Reason
from ingestd.broadcast.registry import Broadcasts
from ingestd.metrics.labels import ChannelLabels
from ingestd.monitor.host import Host

_LABELS = ("broadcast", "channel")


class BroadcastsCollector(Collector):
    """Reads registry, broadcasts and encoders at the moment of a scrape."""

    def __init__(self, broadcasts: Broadcasts, host: Host, labels: ChannelLabels) -> None:
        self._broadcasts = broadcasts
        self._host = host
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        every = [(one, (one.id, self._labels.of(one.channel))) for one in self._broadcasts]
        yield _states(every)
        yield from _progress(every)
        yield from _encoders(every)
        yield from _faults(every)
        yield from self._processes(every)
        yield _renditions(every)

    def _processes(self, every: list[_Labelled]) -> Iterator[Metric]:
        cpu = CounterMetricFamily(
            "ingestd_encoder_cpu_seconds", "CPU time of the encoder that runs now.", labels=_LABELS
        )
        memory = GaugeMetricFamily(
            "ingestd_encoder_memory_bytes", "Resident memory of the encoder that runs now.", labels=_LABELS
        )
        for one, labels in every:
            if encoder := one.supervisor.encoder:
                process = self._host.process(encoder.pid)
                cpu.add_metric(labels, process.cpu)
                memory.add_metric(labels, process.memory)
        yield from (cpu, memory)


_Labelled = tuple[Broadcast, tuple[str, str]]


def _states(every: list[_Labelled]) -> Metric:
    """One series for each, so that there are no more of them than broadcasts at any moment."""
    state = GaugeMetricFamily(
        "ingestd_broadcast_state", "1 for the state that it is in.", labels=[*_LABELS, "state"]
    )
    for one, labels in every:
        state.add_metric([*labels, one.state.value], 1)
    return state


def _progress(every: list[_Labelled]) -> Iterator[Metric]:
    """How far its media is."""
    media = CounterMetricFamily("ingestd_media_seconds", "Media in its playlists.", labels=_LABELS)
    lag = GaugeMetricFamily(
        "ingestd_commit_lag_seconds", "Media received that is not in the playlist yet.", labels=_LABELS
    )
    unacked = GaugeMetricFamily(
        "ingestd_unacked_seconds", "Media received that its publisher still has to keep.", labels=_LABELS
    )
    age = GaugeMetricFamily(
        "ingestd_playlist_age_seconds", "Since its playlists grew last, or since it began.", labels=_LABELS
    )
    now = time.monotonic()
    for one, labels in every:
        media.add_metric(labels, one.media_time)
        lag.add_metric(labels, one.commit_lag)
        unacked.add_metric(labels, one.unacked)
        age.add_metric(labels, now - one.listed_at)
    yield from (media, lag, unacked, age)


def _encoders(every: list[_Labelled]) -> Iterator[Metric]:
    generation = GaugeMetricFamily(
        "ingestd_encoder_generation", "Encoders that were started before this one.", labels=_LABELS
    )
    speed = GaugeMetricFamily(
        "ingestd_encoder_speed_ratio", "Encoding speed; 1 is real time.", labels=_LABELS
    )
    fps = GaugeMetricFamily("ingestd_encoder_fps", "Frames encoded each second.", labels=_LABELS)
    for one, labels in every:
        if one.supervisor.generations:
            generation.add_metric(labels, one.supervisor.generations - 1)
        if encoder := one.supervisor.encoder:
            speed.add_metric(labels, encoder.progress.speed)
            fps.add_metric(labels, encoder.progress.fps)
    yield from (generation, speed, fps)


def _faults(every: list[_Labelled]) -> Iterator[Metric]:
    """The totals of all broadcasts, of each; every reason from the start, as there."""
    restarts = CounterMetricFamily(
        "ingestd_broadcast_restarts", "Generations that ended early, by reason.", labels=[*_LABELS, "reason"]
    )
    dropped = CounterMetricFamily(
        "ingestd_broadcast_dropped_frames", "Frames that its encoders left out.", labels=_LABELS
    )
    duplicated = CounterMetricFamily(
        "ingestd_broadcast_duplicated_frames", "Frames that its encoders repeated.", labels=_LABELS
    )
    for one, labels in every:
        for reason in Reason:
            restarts.add_metric([*labels, reason.value], one.supervisor.restarts[reason.value])
        left_out, repeated = one.supervisor.bent
        dropped.add_metric(labels, left_out)
        duplicated.add_metric(labels, repeated)
    yield from (restarts, dropped, duplicated)


def _renditions(every: list[_Labelled]) -> Metric:
    size = CounterMetricFamily(
        "ingestd_rendition_bytes", "Bytes of segments, as encoded.", labels=[*_LABELS, "rendition"]
    )
    for one, labels in every:
        for rendition, count in one.delivery.sizes.items():
            size.add_metric([*labels, rendition], count)
    return size
