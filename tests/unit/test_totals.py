"""What is counted of broadcasts, added up."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

from ingestd.broadcast.latency import Latency, Step
from ingestd.broadcast.totals import Counts, Totals


def counts() -> Counts:
    latency = Latency()
    latency.observe(Step.RECEIVED_TO_PLAYLIST, 1.0)
    return Counts(1, 2, 3, 4, 5, 6, Counter(killed=7), latency)


def test_every_count_is_added_and_what_was_added_stays_as_it_is() -> None:
    one, total = counts(), Totals()
    total.add(one)
    total.add(one)
    for field in fields(Counts):
        match getattr(one, field.name), getattr(total, field.name):
            case int(each), both:
                assert (field.name, both) == (field.name, 2 * each)
            case Counter() as each, both:
                assert (each["killed"], both["killed"]) == (7, 14)
            case Latency() as each, both:
                step = Step.RECEIVED_TO_PLAYLIST
                assert (each.steps[step].total, both.steps[step].total) == (1.0, 2.0)


def test_all_ways_in_are_there_from_the_start() -> None:
    assert Totals().connections == {"websocket": 0, "rtmp": 0, "whip": 0}
