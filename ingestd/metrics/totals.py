"""Metrics of all broadcasts together: what they count never goes back when one of them goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import isinf

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ingestd.broadcast.failures import Reason
from ingestd.broadcast.latency import Latency
from ingestd.broadcast.lifecycle import State
from ingestd.broadcast.registry import Broadcasts
from ingestd.errors import Code


class TotalsCollector(Collector):
    """``publishers`` counts the connections that publish now."""

    def __init__(self, broadcasts: Broadcasts, publishers: Callable[[], int]) -> None:
        self._broadcasts = broadcasts
        self._publishers = publishers

    def collect(self) -> Iterator[Metric]:
        yield from self._arrived()
        yield from self._made()
        yield self._states()

    def _arrived(self) -> Iterator[Metric]:
        totals = self._broadcasts.totals
        yield GaugeMetricFamily("ingestd_publishers", "Connections that publish now.", self._publishers())
        yield _by("ingestd_connections", "Publishers that were let in, by way.", "source", totals.connections)
        yield CounterMetricFamily("ingestd_received_messages", "Messages from publishers.", totals.messages)
        yield CounterMetricFamily("ingestd_received_bytes", "Bytes from publishers.", totals.received)
        yield CounterMetricFamily(
            "ingestd_resumes", "Publishers, of any way, that went on with a broadcast.", totals.resumes
        )
        words = "Publishers refused or dropped, by reason."
        yield _by("ingestd_refusals", words, "reason", totals.refusals, Code)
        words, last = "Broadcasts over, by last state.", (State.ENDED, State.FAILED)
        yield _by("ingestd_broadcasts_over", words, "state", totals.ended, last)

    def _made(self) -> Iterator[Metric]:
        counts = self._broadcasts.counts
        yield CounterMetricFamily("ingestd_segments", "Segments listed in public playlists.", counts.segments)
        yield CounterMetricFamily("ingestd_segment_bytes", "Bytes of them.", counts.segment_bytes)
        yield CounterMetricFamily(
            "ingestd_discontinuities", "Discontinuities in public playlists.", counts.discontinuities
        )
        yield CounterMetricFamily(
            "ingestd_given_up_bytes",
            "Media that the replay buffer could not hold for a restart.",
            counts.given_up,
        )
        yield CounterMetricFamily(
            "ingestd_encoder_dropped_frames", "Frames that encoders left out.", counts.dropped
        )
        yield CounterMetricFamily(
            "ingestd_encoder_duplicated_frames", "Frames that encoders repeated.", counts.duplicated
        )
        words = "Generations that ended early, by reason."
        yield _by("ingestd_encoder_restarts", words, "reason", counts.restarts, Reason)
        yield _latency(counts.latency)

    def _states(self) -> Metric:
        states = GaugeMetricFamily("ingestd_broadcasts", "Open broadcasts, by state.", labels=["state"])
        counts = [one.state for one in self._broadcasts]
        for state in State:
            states.add_metric([state.value], counts.count(state))
        return states


def _by(name: str, words: str, label: str, counts: Mapping[str, int], known: Iterable[str] = ()) -> Metric:
    """``known``: values that stand at zero before they are met, or Prometheus would miss the first of each:
    it sees how much a series grows, not that it begins."""
    family = CounterMetricFamily(name, words, labels=[label])
    for value, count in {**dict.fromkeys(map(str, known), 0), **counts}.items():
        family.add_metric([value], count)
    return family


def _latency(latency: Latency) -> Metric:
    family = HistogramMetricFamily(
        "ingestd_latency_seconds", "From the publisher into the playlist, by step.", labels=["step"]
    )
    for step, histogram in latency.steps.items():
        buckets = [("+Inf" if isinf(bound) else str(bound), count) for bound, count in histogram.cumulative()]
        family.add_metric([step.value], buckets, histogram.total)
    return family
