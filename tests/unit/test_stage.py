"""Whom a channel's stage lets in: what takes processors is asked about them first."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from ingestd.container.model import InitSegment, Track, TrackKind
from ingestd.encoder.encoder import EncoderSettings
from ingestd.errors import Code, IngestdError, Refused
from ingestd.watch.stage import Stages
from tests.unit.test_encoding import INITS


class Away(IngestdError):
    """There is no Janus here: whoever was let in comes as far as that."""


class Watching:
    async def attach(self, *_: Any) -> Any:
        raise Away


class Live:
    """A broadcast whose publisher has sent this init segment, on a server with so many cores to spare."""

    def __init__(self, init: InitSegment, cores: float) -> None:
        epoch = SimpleNamespace(init=init, buffer=SimpleNamespace(complete=False))
        self.open, self.reception = True, SimpleNamespace(newest=epoch)
        self.cores = cores
        self.asked: list[float] = []

    def newest(self, _channel: str) -> Live:
        return self

    def beside(self, cost: float) -> bool:
        self.asked.append(cost)
        return cost <= self.cores


def watch(one: Live, room: Any = None) -> None:
    """Raises Refused, or Away."""
    sfu: Any = SimpleNamespace(off="", max_viewers=10, watching=Watching())
    registry: Any = one

    async def story() -> None:
        stages = Stages(registry, sfu, lambda _: room, EncoderSettings("ffmpeg", None))  # type: ignore[arg-type]

        async def still() -> None:
            return None

        try:
            await stages.watch("demo", SimpleNamespace(), still, b"a VLC")  # type: ignore[arg-type]
        finally:
            await stages.close()

    asyncio.run(story())


def test_what_would_have_to_be_encoded_is_not_begun_without_room() -> None:
    one = Live(INITS["h264-high-aac"], cores=0.0)
    with pytest.raises(Refused) as caught:
        watch(one)
    refusal = caught.value.refusal
    assert (refusal.code, refusal.status) == (Code.NO_CAPACITY, 503)
    assert refusal.retry_after and refusal.message.endswith("Watch by HLS.")
    with pytest.raises(Away):
        watch(Live(INITS["h264-high-aac"], cores=2.0))


def test_what_is_copied_is_begun_on_a_busy_machine_and_so_is_what_a_janus_has() -> None:
    with pytest.raises(Away):
        watch(copied := Live(INITS["vp8-opus"], cores=0.0))
    with pytest.raises(Away):
        watch(had := Live(INITS["h264-high-aac"], cores=0.0), SimpleNamespace(video="h264", audio=True))
    assert copied.asked == had.asked == [0.0]


def test_a_larger_picture_that_follows_is_asked_for_by_what_it_takes_more() -> None:
    one: Any = Live(INITS["h264-high-aac"], cores=0.5)
    stages = Stages(one, SimpleNamespace(off="off"), lambda _: None, EncoderSettings("ffmpeg", None))  # type: ignore[arg-type]
    stage: Any = SimpleNamespace(channel="demo", cores=0.0)
    assert stages._affordable(stage) and stage.cores == one.asked[0] > 0
    assert stages._affordable(stage) and len(one.asked) == 1
    track = Track(1, TrackKind.VIDEO, "vp9", 3840, 2160)
    one.reception.newest.init = InitSegment(b"", "matroska", (track,))
    one.cores = 0.01
    before = stage.cores
    assert not stages._affordable(stage) and stage.cores == before
    one.cores = 2.0
    assert stages._affordable(stage) and one.asked[-1] == pytest.approx(stage.cores - before)
