"""Metrics of who watches, and of what nginx-rtmp says of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ingestd.metrics.labels import ChannelLabels
from ingestd.metrics.sums import Sums
from ingestd.monitor.monitor import Monitor
from ingestd.monitor.viewers import CLASSES


class MonitorCollector(Collector):
    """Reads who watches, and what nginx-rtmp says of itself."""

    def __init__(self, monitor: Monitor, labels: ChannelLabels) -> None:
        self._monitor = monitor
        self._labels = labels
        self._sums = Sums()

    def collect(self) -> Iterator[Metric]:
        yield from self._hls()
        yield from self._nginx()
        yield from self._streams()

    def _hls(self) -> Iterator[Metric]:
        traffic, watching = self._monitor.traffic(), Counter[str]()
        counts = {name: Counter({**one.requests, "bytes": one.bytes}) for name, one in traffic.items()}
        for name, one in traffic.items():
            watching[self._labels.of(name)] += one.viewers
        viewers = GaugeMetricFamily("ingestd_viewers", "Who watches by HLS now.", labels=["channel"])
        size = CounterMetricFamily("ingestd_hls_bytes", "Bytes of HLS that nginx sent.", labels=["channel"])
        requests = CounterMetricFamily(
            "ingestd_hls_requests", "Answers of nginx for HLS, by status.", labels=["channel", "class"]
        )
        for label, counted in self._sums.take(counts, self._labels.of).items():
            viewers.add_metric([label], watching[label])
            size.add_metric([label], counted["bytes"])
            for kind in CLASSES:
                requests.add_metric([label, kind], counted[kind])
        lost = CounterMetricFamily(
            "ingestd_viewer_lines_lost",
            "Lines of nginx's log of requests that were not counted.",
            labels=["reason"],
        )
        for reason, count in self._monitor.lost().items():
            lost.add_metric([reason], count)
        yield from (viewers, size, requests, lost)

    def _nginx(self) -> Iterator[Metric]:
        stat = self._monitor.nginx
        up = GaugeMetricFamily("ingestd_nginx_up", "Whether nginx-rtmp tells its statistics.")
        clients = GaugeMetricFamily("ingestd_nginx_clients", "RTMP connections, encoders and relays too.")
        received = CounterMetricFamily("ingestd_nginx_received_bytes", "Bytes that nginx-rtmp received.")
        sent = CounterMetricFamily("ingestd_nginx_sent_bytes", "Bytes that nginx-rtmp sent.")
        if self._monitor.stat:
            up.add_metric([], stat is not None)
        if stat:
            clients.add_metric([], stat.clients)
            received.add_metric([], stat.bytes_in)
            sent.add_metric([], stat.bytes_out)
        yield from (up, clients, received, sent)

    def _streams(self) -> Iterator[Metric]:
        """By channel and rendition (none: what the publisher sends), whatever a stream's own name is."""
        clients, bandwidth = Counter[tuple[str, str]](), Counter[tuple[str, str, str]]()
        stat = self._monitor.nginx
        for flow in self._monitor.flows(stat) if stat else ():
            key = self._labels.of(flow.channel), flow.rendition
            clients[key] += flow.clients
            bandwidth[*key, "in"] += flow.bandwidth_in // 8
            bandwidth[*key, "out"] += flow.bandwidth_out // 8
        by_stream = ["channel", "rendition"]
        connected = GaugeMetricFamily(
            "ingestd_nginx_stream_clients", "Connections of an RTMP stream.", labels=by_stream
        )
        flowing = GaugeMetricFamily(
            "ingestd_nginx_stream_bandwidth_bytes",
            "Bytes a second of an RTMP stream.",
            labels=[*by_stream, "direction"],
        )
        for pair, count in clients.items():
            connected.add_metric(pair, count)
        for triple, count in bandwidth.items():
            flowing.add_metric(triple, count)
        yield from (connected, flowing)
