"""What the API says of a broadcast."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestd.broadcast.broadcast import Broadcast, Terms
from ingestd.broadcast.epoch import Bounds, Epoch
from ingestd.broadcast.generation import Works
from ingestd.broadcast.lifecycle import State
from ingestd.broadcast.peers import Link, Peers
from ingestd.broadcast.story import Visit
from ingestd.container.model import InitSegment, Track, TrackKind
from ingestd.encoder.encoder import EncoderSettings
from ingestd.encoder.ladder import Rendition
from ingestd.ingest.status import status
from ingestd.journal.journal import BroadcastRow, Journal
from ingestd.web.views import broadcast_view, source_view

VIDEO = Track(1, TrackKind.VIDEO, "vp8", 1280, 720)
AUDIO = Track(2, TrackKind.AUDIO, "opus", channels=2, sample_rate=48000)
ROW = BroadcastRow("66112233aabbccdd", "demo", "A title", 1_700_000_000.5, resumable=True)
RUNG = Rendition("720p", 1280, 720, 30, 2_500_000, 96_000)


def view(root: Path, change: Callable[[Broadcast], None], **more: Any) -> dict[str, Any]:
    """A broadcast that has just begun, with something changed, as the API shows it."""
    works = Works(EncoderSettings("ffmpeg", root), "rtmp://127.0.0.1/live", 1.0, 30, "veryfast", 0.1, 15.0)
    terms = Terms(works, Bounds(1, 1), root, 60.0, 60.0, 8, 0.0, lambda _: (RUNG,), **more)
    root.mkdir(exist_ok=True)

    async def show() -> dict[str, Any]:
        one = Broadcast(ROW, terms, Journal.create(root, ROW), lambda _: None)
        change(one)
        found = broadcast_view(one)
        await asyncio.sleep(0)  # its tasks begin
        await one.suspend()
        return found

    return asyncio.run(show())


def test_a_broadcast_that_has_just_begun(tmp_path: Path) -> None:
    assert view(tmp_path, lambda one: None) == {
        "id": "66112233aabbccdd",
        "channel": "demo",
        "title": "A title",
        "state": "starting",
        "wanted": "live",
        "message": "Starting: the first seconds are being encoded.",
        "started_at": "2023-11-14T22:13:20.500Z",
        "ended_at": None,
        "media_time": 0.0,
        "commit_lag": 0,
        "received_bytes": 0,
        "hls": None,
        "hls_broadcast": None,
        "poster": None,
        "whep": None,
        "rtmp": None,
        "source": None,
        "sources": [],
        "peers": None,
        "renditions": [],
        "left_out": 0,
        "encoder": None,
        "viewers": None,
        "viewers_peak": None,
    }


def test_a_broadcast_that_is_live(tmp_path: Path) -> None:
    def change(one: Broadcast) -> None:
        one.delivery.begin(0, 0.0, [RUNG], {})
        one.delivery.playable = True
        one.reception.source = InitSegment(b"", "mp4", (VIDEO,))
        one.posters.made, one.received, one.supervisor.generations = 3, 12345, 2
        one.supervisor.restarts["killed"] += 1

    found = view(tmp_path, change)
    assert found["hls"] == "/hls/demo/index.m3u8"
    assert found["hls_broadcast"] == "/hls/demo/66112233aabbccdd/index.m3u8"
    assert found["poster"] == "/hls/demo/66112233aabbccdd/poster.jpg?3"
    assert found["received_bytes"] == 12345
    assert found["renditions"] == [
        {"name": "720p", "width": 1280, "height": 720, "frame_rate": 30, "bandwidth": RUNG.bandwidth}
    ]
    assert found["encoder"] == {"generation": 1, "restarts": 1, "running": False, "speed": None, "fps": None}
    json.dumps(found)


def test_renditions_that_are_left_out_are_counted(tmp_path: Path) -> None:
    def change(one: Broadcast) -> None:
        small = Rendition("360p", 640, 360, 30, 700_000, 96_000)
        epoch = Epoch(0, InitSegment(b"", "mp4", (VIDEO,)), (RUNG, small), Bounds(1, 1), 1e9)
        epoch.encode((small,))
        one.supervisor._epoch = epoch

    assert view(tmp_path, change)["left_out"] == 1


def test_a_broadcast_that_failed_says_why_and_when(tmp_path: Path) -> None:
    def change(one: Broadcast) -> None:
        one.ended_at, one.failure = 1_700_000_001.0, "The encoder died 8 times in a row."

    found = view(tmp_path, change)
    assert found["ended_at"] == "2023-11-14T22:13:21.000Z"
    assert found["message"].endswith(" The encoder died 8 times in a row.")


def test_viewers_are_told_with_the_most_there_were(tmp_path: Path) -> None:
    def change(one: Broadcast) -> None:
        for viewers in (1, 3, 2):
            one.watched_by(viewers)

    found = view(tmp_path, change)
    assert (found["viewers"], found["viewers_peak"]) == (2, 3)


def test_of_one_that_is_over_only_the_most_is_told(tmp_path: Path) -> None:
    def change(one: Broadcast) -> None:
        one.watched_by(3)
        one.state = State.ENDED

    found = view(tmp_path, change)
    assert (found["viewers"], found["viewers_peak"]) == (None, 3)


def test_who_publishes_is_told_without_an_address(tmp_path: Path) -> None:
    def change(one: Broadcast) -> None:
        one.reception.source = InitSegment(b"", "mp4", (VIDEO, AUDIO))
        one.story.visits.append(Visit(1_700_000_000.0, "rtmp", "192.0.2.7", until=1_700_000_001.0))
        one.story.visits.append(Visit(1_700_000_002.0, "websocket", "192.0.2.7"))

    assert view(tmp_path, change)["sources"] == [
        {
            "kind": "websocket",
            "since": "2023-11-14T22:13:22.000Z",
            "video": {"codec": "vp8", "width": 1280, "height": 720},
            "audio": {"codec": "opus", "channels": 2, "sample_rate": 48000},
        }
    ]


@pytest.mark.parametrize("gone", ["until", "away", "over"])
def test_who_has_gone_is_no_source(tmp_path: Path, gone: str) -> None:
    def change(one: Broadcast) -> None:
        one.story.visits.append(Visit(1_700_000_002.0, "whip", until=1.0 if gone == "until" else None))
        one.connected(Peers(3, Link("sending", "host")))
        one.publisher_present = gone != "away"
        if gone == "over":
            one.state = State.ENDED

    found = view(tmp_path, change, whep=True)
    assert found["sources"] == []
    assert found["peers"] == (None if gone == "over" else {"viewers": 3, "publisher": None})


def test_peers_are_told_where_there_is_webrtc(tmp_path: Path) -> None:
    def change(way: str) -> Callable[[Broadcast], None]:
        def to(one: Broadcast) -> None:
            one.story.visits.append(Visit(1_700_000_002.0, way))
            one.connected(Peers(3, Link("silent", "")))

        return to

    by_whip = {"viewers": 3, "publisher": {"state": "silent", "way": None}}
    assert view(tmp_path / "1", change("whip"), whep=True)["peers"] == by_whip
    assert view(tmp_path / "2", change("rtmp"), whep=True)["peers"] == {"viewers": 3, "publisher": None}
    assert view(tmp_path / "3", change("whip"))["peers"] is None


def test_news_of_peers_come_when_they_change(tmp_path: Path) -> None:
    told: list[Broadcast] = []

    def change(one: Broadcast) -> None:
        one._report = told.append
        for viewers in (0, 2, 2, 1):
            one.connected(Peers(viewers))

    view(tmp_path, change)
    assert len(told) == 2


def test_where_encoders_publish_is_told_while_it_is_open(tmp_path: Path) -> None:
    def end(one: Broadcast) -> None:
        one.state = State.ENDED

    rtmp = {"host": None, "port": 1935, "tls_port": None, "local": False}
    assert view(tmp_path / "1", lambda _: None, rtmp=rtmp)["rtmp"] == rtmp
    assert view(tmp_path / "2", end, rtmp=rtmp)["rtmp"] is None


def test_news_of_viewers_come_when_their_number_changes(tmp_path: Path) -> None:
    told: list[Broadcast] = []

    def change(one: Broadcast) -> None:
        one._report = told.append
        for viewers in (2, 2, 2, 1):
            one.watched_by(viewers)
        assert status(one)["viewers"] == 1

    view(tmp_path, change)
    assert len(told) == 2


def test_the_source_is_told_track_by_track() -> None:
    assert source_view(None) is None
    assert source_view(InitSegment(b"", "matroska", (AUDIO, VIDEO))) == {
        "video": {"codec": "vp8", "width": 1280, "height": 720},
        "audio": {"codec": "opus", "channels": 2, "sample_rate": 48000},
    }
    assert source_view(InitSegment(b"", "matroska", (AUDIO,))) == {
        "video": None,
        "audio": {"codec": "opus", "channels": 2, "sample_rate": 48000},
    }
