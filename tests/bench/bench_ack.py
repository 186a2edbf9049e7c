"""How far the acks lag behind what is recorded, and how much a publisher has to keep because of it.

One broadcast of 2.5 Mb/s in real time by the resumable protocol, with the default ladder. At each
ack two samples: the media time handed over until then, less the media time that the ack before it
said (the lag is greatest just before an ack), and less what this one says (just after). In bytes:
what was handed over and not acked just before the ack. The beginning is left out, until the second
ack. The largest sample is held against the target, since no viewer or publisher lives in a median.

The largest lag just before an ack has the whole of the open segment in it, and the encoder's and
the recorder's delay. Beside it what the server says of itself at the same time: seconds received
that are not in the playlist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from ingestd.settings import Settings
from tests.bench.clip import clip, paced
from tests.bench.sender import Course, Messages, Sender
from tests.bench.table import Row
from tests.support.resumable import Resumable
from tests.support.server import Server, running

_SECONDS, _QUICK_SECONDS = 20, 10
_TIMES, _QUICK_TIMES = 3, 1
_SEGMENTS = 2  # that acks may lag
_TARGET_HELD = 5.0  # MB
_WARM = 2  # acks that are not counted


@dataclass(slots=True)
class Samples:
    """Seconds, MB, and the server's own figure (s)."""

    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)


def run(quick: bool = False) -> list[Row]:
    seconds, times = (_QUICK_SECONDS, _QUICK_TIMES) if quick else (_SECONDS, _TIMES)
    source = clip(seconds)
    messages, samples = paced(source.read_bytes()), Samples()
    rate = source.stat().st_size / seconds / 1e6
    # the top rendition stays: this is about acks, not about a machine that is too slow
    with running(channels=times + 1, encoder_slow_timeout=3600, hls_poster_every=0) as server:
        for number in range(times):
            broadcast(server.on(f"demo{number or ''}"), messages, samples)
    assert samples.before and samples.latency, "hardly an ack came: this machine cannot encode in real time"
    segment = Settings().hls.segment
    return [
        _lag("just after one", samples.after, samples.latency, segment),
        _lag("just before one", samples.before, samples.latency, segment),
        _held(samples.held, rate, segment),
    ]


def _lag(when: str, found: Sequence[float], latency: Sequence[float], segment: float) -> Row:
    target = _SEGMENTS * segment
    return Row(
        f"ack behind the live edge, {when} (largest of {len(found)}; median: {median(found):.2f} s)",
        max(found),
        "s",
        f"not in the playlist yet, says the server: {max(latency):.2f} (median: {median(latency):.2f})",
        max(found) / max(latency),
        f"≤ {target:g} s",
        max(found) <= target,
    )


def _held(found: Sequence[float], rate: float, segment: float) -> Row:
    least = _SEGMENTS * segment * rate
    return Row(
        f"not acked, at {8 * rate:.1f} Mb/s (largest of {len(found)}; median: {median(found):.2f} MB)",
        max(found),
        "MB",
        f"{_SEGMENTS} segments of it: {least:.2f}",
        max(found) / least,
        f"< {_TARGET_HELD:g} MB",
        max(found) < _TARGET_HELD,
    )


def broadcast(server: Server, messages: Messages, samples: Samples) -> None:
    """One from start to end, of which samples are taken as long as it is being recorded."""
    client, course, acks = Resumable.start(server), Course(messages), []
    sender = Sender(messages, client.connection.send)
    sender.start()
    while sender.is_alive():
        heard, count = client.hear(), len(sender.sent)
        if heard["type"] == "ack":
            acks.append(heard)
            if len(acks) > _WARM and acks[-1]["media_time"] > acks[-2]["media_time"]:
                _take(samples, acks[-2:], course.media(count), course.bytes(count))
        elif heard["type"] == "status" and len(acks) >= _WARM:
            samples.latency.append(heard["latency"])
    sender.join()
    assert sender.error is None, sender.error
    client.finish()


def _take(samples: Samples, acks: Sequence[dict[str, Any]], media: float, size: int) -> None:
    last, this = acks
    samples.before.append(media - last["media_time"])
    samples.after.append(media - this["media_time"])
    samples.held.append((size - last["offset"]) / 1e6)
