"""What Prometheus gets, and that it never gets more and more of it."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client.exposition import generate_latest

from ingestd.broadcast.failures import Reason
from ingestd.broadcast.latency import Step
from ingestd.broadcast.lifecycle import State
from ingestd.broadcast.registry import Broadcasts
from ingestd.broadcast.totals import Counts, Totals
from ingestd.metrics import ChannelLabels, registry
from ingestd.metrics.broadcasts import BroadcastsCollector
from ingestd.metrics.monitor import MonitorCollector
from ingestd.monitor.host import Host
from ingestd.monitor.monitor import Monitor
from ingestd.monitor.nginx_stat import parse
from ingestd.monitor.stat_reader import StatReader
from ingestd.monitor.viewer_log import ViewerLog
from ingestd.monitor.viewers import Viewers
from tests.unit.live import LIMITS, running
from tests.unit.test_nginx_stat import xml


def monitor(lines: dict[str, int] | None = None) -> Monitor:
    """With one viewer and 100 bytes for each line of a channel, and a 404 for a channel that is none."""
    viewers = Viewers(10.0, (lines or {}).__contains__, os.urandom, 0.0)
    for channel, count in (lines or {}).items():
        for number in range(count):
            viewers.take(f"{channel} 200 100 m {number} VLC".encode(), 0.0)
    viewers.take(b"none 404 7 m a b", 0.0)
    lost = {"kernel": 3, "foreign": 0}
    made = Monitor(cast(ViewerLog, SimpleNamespace(viewers=viewers, lost=lost)))
    made.channel_of = {"66112233aabbccdd": "demo"}.get  # type: ignore[assignment]
    made.stat = StatReader("127.0.0.1", 1)
    return made


def samples(
    monitor: Monitor, labels: ChannelLabels, collector: MonitorCollector | None = None
) -> dict[tuple[Any, ...], float]:
    """By name and values of labels; a series that is there twice would be refused by Prometheus."""
    found: dict[tuple[Any, ...], float] = {}
    for family in (collector or MonitorCollector(monitor, labels)).collect():
        for sample in family.samples:
            key = (sample.name.removeprefix("ingestd_"), *sample.labels.values())
            assert key not in found
            found[key] = sample.value
    return found


def test_viewers_bytes_and_answers_by_channel() -> None:
    found = samples(monitor({"demo": 3, "news": 1}), ChannelLabels(lambda: ("demo", "news")))
    assert (found["viewers", "demo"], found["viewers", "news"]) == (3, 1)
    assert found["hls_bytes_total", "demo"] == 300
    assert found["hls_requests_total", "demo", "2xx"] == 3
    assert found["hls_requests_total", "other", "4xx"] == 1
    assert found["viewer_lines_lost_total", "kernel"] == 3


def test_without_the_label_channels_are_summed_up() -> None:
    found = samples(monitor({"demo": 3, "news": 1}), ChannelLabels(lambda: (), on=False))
    assert {key[1:]: value for key, value in found.items() if key[0] == "viewers"} == {("",): 4}
    assert found["hls_requests_total", "", "2xx"] == 4


def test_channels_beyond_the_bound_are_one() -> None:
    many = {f"channel-{number}": 1 for number in range(100)}
    found = samples(monitor(many), ChannelLabels(many.keys, most=5))
    counts = {key[1]: value for key, value in found.items() if key[0] == "viewers"}
    assert len(counts) == 6 and counts["other"] == 95
    assert found["hls_bytes_total", "other"] == 9507


@pytest.mark.parametrize("on", [False, True], ids=["without the label", "of the others"])
def test_no_count_goes_back_when_a_channel_is_deleted(on: bool) -> None:
    there = {"demo": 90, "news": 10}
    made, labels = monitor(there), ChannelLabels(there.keys, on=on, most=0)
    collector = MonitorCollector(made, labels)
    before = samples(made, labels, collector)
    del there["demo"]
    assert made.log
    made.log.viewers.tick(1.0)
    after = samples(made, labels, collector)
    label = "other" if on else ""
    assert before["hls_bytes_total", label] == after["hls_bytes_total", label] == 10_007
    assert after["hls_requests_total", label, "2xx"] == 100
    assert after["viewers", label] == 10
    made.log.viewers.take(b"news 200 50 m 1 VLC", 2.0)
    assert samples(made, labels, collector)["hls_bytes_total", label] == 10_057


def test_a_channel_that_gets_a_label_of_its_own_takes_nothing_from_the_others() -> None:
    there = {"demo": 90, "news": 10}
    made, labels = monitor(there), ChannelLabels(there.keys, most=1)
    collector = MonitorCollector(made, labels)
    assert samples(made, labels, collector)["hls_bytes_total", "other"] == 1_007
    del there["demo"]
    assert made.log
    made.log.viewers.tick(1.0)
    made.log.viewers.take(b"news 200 50 m 1 VLC", 2.0)
    found = samples(made, labels, collector)
    assert (found["hls_bytes_total", "other"], found["hls_bytes_total", "news"]) == (1_007, 50)


def test_a_channel_keeps_its_label_and_one_that_is_deleted_makes_room() -> None:
    there = ["a", "b"]
    labels = ChannelLabels(lambda: there, most=2)
    assert [labels.of(name) for name in "abcab"] == ["a", "b", "other", "a", "b"]
    there[:] = ["b", "c"]
    assert [labels.of(name) for name in "cba"] == ["c", "b", "other"]
    assert ChannelLabels(lambda: there, most=0).of("b") == "other"


def test_nginx_that_does_not_answer_is_down_and_says_nothing_else() -> None:
    found = samples(monitor(), ChannelLabels(lambda: ()))
    assert {key: value for key, value in found.items() if key[0].startswith("nginx")} == {("nginx_up",): 0}


def test_nginx_that_nobody_asks_is_neither_up_nor_down() -> None:
    assert samples(Monitor(), ChannelLabels(lambda: ())) == {}


@pytest.mark.parametrize(("on", "label"), [(True, "demo"), (False, "")])
def test_streams_are_named_by_channel_and_rendition(on: bool, label: str) -> None:
    made = monitor()
    assert made.stat
    made.stat.newest = parse(xml())
    found = samples(made, ChannelLabels(lambda: ("demo",), on=on))
    assert (found["nginx_up",], found["nginx_clients",]) == (1, 3)
    assert (found["nginx_received_bytes_total",], found["nginx_sent_bytes_total",]) == (181500, 818)
    assert {key: value for key, value in found.items() if key[0].startswith("nginx_stream")} == {
        ("nginx_stream_clients", label, ""): 1,
        ("nginx_stream_clients", label, "720p"): 2,
        ("nginx_stream_bandwidth_bytes", label, "", "in"): 100,
        ("nginx_stream_bandwidth_bytes", label, "", "out"): 2,
        ("nginx_stream_bandwidth_bytes", label, "720p", "in"): 200,
        ("nginx_stream_bandwidth_bytes", label, "720p", "out"): 4,
    }


# Broadcasts


class Fake:
    """An open broadcast with an encoder, and what it has counted."""

    def __init__(self, number: int) -> None:
        self.id, self.channel = f"{number:016x}", f"channel-{number}"
        self.state = State.LIVE
        self.commit_lag, self.unacked, self.listed_at, self.media_time = 1.5, 2.5, 0.0, 60.5
        progress = SimpleNamespace(speed=1.0, fps=30.0)
        encoder = SimpleNamespace(pid=os.getpid(), progress=progress)
        self.supervisor = SimpleNamespace(
            encoder=encoder, generations=3, restarts=Counter(killed=2), bent=(7, 8)
        )
        self.delivery = SimpleNamespace(sizes={"720p": 200, "360p": 100})
        self.counts = Counts(10, 300, 1, 0, 7, 8)
        self.counts.restarts["killed"] = 2
        self.counts.latency.observe(Step.GLASS_TO_PLAYLIST, 1.2)


class Fakes:
    """A registry with fakes in it."""

    def __init__(self) -> None:
        self.totals = Totals()
        self.limits = LIMITS
        self.open: list[Fake] = []

    def __iter__(self) -> Iterator[Fake]:
        return iter(self.open)

    counts = Broadcasts.counts

    @property
    def _open(self) -> dict[str, Fake]:
        return {one.id: one for one in self.open}

    def end(self) -> None:
        """The oldest goes, as in the registry."""
        one = self.open.pop(0)
        self.totals.add(one.counts)
        self.totals.ended["ended"] += 1


def scrape(fakes: Fakes, host: Host, labels: ChannelLabels, ready: bool | None = None) -> bytes:
    made = registry(cast(Broadcasts, fakes), lambda: 1, Monitor(), host, labels, lambda: ready)
    return b"".join(
        line
        for line in generate_latest(made).splitlines(keepends=True)
        if line.startswith(b"ingestd_") and not line.startswith(b"ingestd_process_")
    )


def values(exposition: bytes) -> dict[str, float]:
    """By series."""
    pairs = (line.rpartition(" ") for line in exposition.decode().splitlines())
    return {series: float(value) for series, _, value in pairs}


def test_ten_thousand_broadcasts_leave_as_many_series_as_a_few_and_no_total_goes_back(tmp_path: Path) -> None:
    fakes, host = Fakes(), Host(tmp_path)
    labels = ChannelLabels(lambda: [one.channel for one in fakes], most=20)
    before: dict[str, float] = {}
    sizes = []
    for number in range(10_000):
        fakes.open.append(Fake(number))
        if len(fakes.open) > 8:
            fakes.end()
        if number % 500 == 499:
            now = values(found := scrape(fakes, host, labels))
            sizes.append(len(found.splitlines()))
            totals = {name for name in before if "_total" in name and "broadcast=" not in name}
            assert {name for name in totals if now[name] < before[name]} == set()
            before = now
    assert len(sizes) == 20 and set(sizes) == {sizes[0]}
    assert before["ingestd_encoder_dropped_frames_total"] == 70_000
    assert before["ingestd_encoder_duplicated_frames_total"] == 80_000
    assert before["ingestd_segment_bytes_total"] == 3_000_000
    assert before['ingestd_encoder_restarts_total{reason="killed"}'] == 20_000


def test_a_broadcast_has_its_series_while_it_is_open(tmp_path: Path) -> None:
    fakes = Fakes()
    fakes.open.append(Fake(1))
    labels = ChannelLabels(lambda: ())
    found = values(scrape(fakes, Host(tmp_path), labels))
    mine = 'broadcast="0000000000000001",channel="channel-1"'
    assert found[f"ingestd_commit_lag_seconds{{{mine}}}"] == 1.5
    assert found[f"ingestd_unacked_seconds{{{mine}}}"] == 2.5
    assert found[f"ingestd_encoder_generation{{{mine}}}"] == 2
    assert found[f"ingestd_playlist_age_seconds{{{mine}}}"] > 0
    assert found[f"ingestd_encoder_memory_bytes{{{mine}}}"] > 0
    assert found[f'ingestd_rendition_bytes_total{{{mine},rendition="720p"}}'] == 200
    assert found[f"ingestd_media_seconds_total{{{mine}}}"] == 60.5
    assert found[f'ingestd_broadcast_restarts_total{{{mine},reason="killed"}}'] == 2
    assert found[f"ingestd_broadcast_dropped_frames_total{{{mine}}}"] == 7
    assert found[f"ingestd_broadcast_duplicated_frames_total{{{mine}}}"] == 8
    fakes.end()
    assert not any("broadcast=" in name for name in values(scrape(fakes, Host(tmp_path), labels)))


def test_a_broadcast_is_in_one_state_at_a_time(tmp_path: Path) -> None:
    fakes, host, labels = Fakes(), Host(tmp_path), ChannelLabels(lambda: ())
    fakes.open.append(Fake(1))
    for state in (State.LIVE, State.STALLED):
        fakes.open[0].state = state
        found = values(scrape(fakes, host, labels))
        mine = f'broadcast="0000000000000001",channel="channel-1",state="{state.value}"'
        assert {name: value for name, value in found.items() if "broadcast_state" in name} == {
            f"ingestd_broadcast_state{{{mine}}}": 1
        }


def test_a_broadcast_that_has_listed_nothing_yet_grows_old_from_its_start(tmp_path: Path) -> None:
    """A real one, which has all that is read of fakes."""

    async def story() -> None:
        async with running(tmp_path) as broadcasts:
            publication = broadcasts.begin("demo", "")
            assert publication.broadcast
            collector = BroadcastsCollector(broadcasts, Host(tmp_path), ChannelLabels(lambda: ("demo",)))
            found = {one.name: one for family in collector.collect() for one in family.samples}
            assert found["ingestd_broadcast_state"].labels["state"] == "starting"
            assert 0 <= found["ingestd_playlist_age_seconds"].value < 60
            assert found["ingestd_media_seconds_total"].value == 0

    asyncio.run(story())


def test_every_reason_is_there_before_it_is_met(tmp_path: Path) -> None:
    """Prometheus sees how much a series grows, not that it begins."""
    fakes = Fakes()
    fakes.open.append(Fake(1))
    found = values(scrape(fakes, Host(tmp_path), ChannelLabels(lambda: ())))
    reasons = {re.findall('reason="(.+)"', name)[0] for name in found if "broadcast_restarts" in name}
    assert reasons == set(Reason)


def test_what_is_not_there_yet_has_no_value(tmp_path: Path) -> None:
    fakes, one = Fakes(), Fake(1)
    fakes.open.append(one)
    one.supervisor.encoder, one.supervisor.generations = None, 0
    found = values(scrape(fakes, Host(tmp_path), ChannelLabels(lambda: ())))
    named = {name.partition("{")[0] for name in found if "broadcast=" in name}
    whole = values(scrape(Fakes(), Host(tmp_path), ChannelLabels(lambda: ()), ready=None))
    of_encoders = {f"ingestd_encoder_{what}" for what in _OF_ENCODERS}
    assert "ingestd_playlist_age_seconds" in named and named.isdisjoint(of_encoders)
    assert "ingestd_ready" not in whole


_OF_ENCODERS = ("generation", "speed_ratio", "fps", "cpu_seconds_total", "memory_bytes")


@pytest.mark.parametrize("ready", [True, False])
def test_the_server_is_ready_or_not_and_says_what_disk_it_needs(tmp_path: Path, ready: bool) -> None:
    fakes = Fakes()
    found = values(scrape(fakes, Host(tmp_path), ChannelLabels(lambda: ()), ready))
    assert found["ingestd_ready"] == ready
    fakes.limits = replace(LIMITS, free_disk=3 << 20)
    found = values(scrape(fakes, Host(tmp_path), ChannelLabels(lambda: ())))
    assert found["ingestd_disk_min_free_bytes"] == 3 << 20


def test_latency_is_a_histogram_of_each_step_from_the_start(tmp_path: Path) -> None:
    fakes = Fakes()
    fakes.open.append(Fake(1))
    found = values(scrape(fakes, Host(tmp_path), ChannelLabels(lambda: ())))
    glass = 'step="glass_to_playlist"'
    assert found[f'ingestd_latency_seconds_bucket{{le="1.0",{glass}}}'] == 0
    assert found[f'ingestd_latency_seconds_bucket{{le="1.5",{glass}}}'] == 1
    assert found[f'ingestd_latency_seconds_bucket{{le="+Inf",{glass}}}'] == 1
    assert found[f"ingestd_latency_seconds_count{{{glass}}}"] == 1
    assert found[f"ingestd_latency_seconds_sum{{{glass}}}"] == 1.2
    assert found['ingestd_latency_seconds_count{step="received_to_encoder"}'] == 0


def test_the_machine_is_shown(tmp_path: Path) -> None:
    found = values(scrape(Fakes(), Host(tmp_path), ChannelLabels(lambda: ())))
    assert found["ingestd_host_memory_bytes"] >= found["ingestd_host_memory_available_bytes"] > 0
    assert found["ingestd_disk_bytes"] >= found["ingestd_disk_free_bytes"] >= 0
    assert found["ingestd_loop_lag_seconds"] == 0
    assert found['ingestd_connections_total{source="rtmp"}'] == 0
