"""How long media takes, step by step: fed with times."""

from __future__ import annotations

import math

import pytest

from ingestd.broadcast.latency import _MARKS, BOUNDS, Histogram, Latency, Step, Trace


def counted(latency: Latency) -> dict[str, float]:
    """The sum of each step that was measured, in milliseconds."""
    steps = latency.steps.items()
    return {step.value: round(one.total, 3) for step, one in steps if any(one.counts)}


def test_a_histogram_counts_each_once_and_shows_them_added_up() -> None:
    one = Histogram()
    for seconds in (0.0, 0.01, 0.011, 1.2, 1e6):
        one.observe(seconds)
    shown = dict(one.cumulative())
    assert list(shown) == [*BOUNDS, math.inf]
    assert (shown[0.01], shown[0.025], shown[1.0], shown[1.5], shown[60.0], shown[math.inf]) == (
        2,
        3,
        3,
        4,
        4,
        5,
    )
    other = Histogram()
    other.observe(0.02)
    one.add(other)
    assert (one.counts[1], sum(one.counts), round(one.total, 6)) == (2, 6, 1e6 + 1.241)


def test_every_step_of_a_segment_that_begins_in_the_middle_of_what_came_at_once() -> None:
    trace, latency = Trace(), Latency()
    for number, media_time in enumerate((0.0, 0.25, 0.5, 0.75)):
        trace.received(number, media_time, 100.25 + media_time)
    trace.fed(4, 101.1)
    trace.listed(0.6, closed=102.0, now=102.2, latency=latency)
    assert counted(latency) == {
        "received_to_encoder": 0.35,
        "encoder_to_segment": 0.9,
        "segment_to_playlist": 0.2,
        "received_to_playlist": 1.45,
    }


def test_where_the_publisher_tells_when_it_began_a_picture_has_an_age() -> None:
    trace, latency = Trace(), Latency()
    trace.received(0, 5.0, 100.0)
    trace.began = 94.5
    trace.listed(5.0, closed=101.0, now=101.5, latency=latency)
    assert counted(latency)["glass_to_playlist"] == 2.0
    assert "received_to_encoder" not in counted(latency)  # none has it: the daemon came back


@pytest.mark.parametrize("began", [97.0, 101.5 - 5.0 - 3601])
def test_a_picture_from_the_future_or_of_another_day_is_a_clock_that_is_wrong(began: float) -> None:
    trace, latency = Trace(), Latency()
    trace.received(0, 5.0, 100.0)
    trace.began = began
    trace.listed(5.0, closed=101.0, now=101.5, latency=latency)
    assert "glass_to_playlist" not in counted(latency)
    assert "received_to_playlist" in counted(latency)


def test_what_is_fed_again_was_fed_when_it_was_fed_first() -> None:
    trace, latency = Trace(), Latency()
    trace.received(0, 0.0, 10.0)
    trace.fed(1, 10.5)
    trace.fed(0, 30.0)
    trace.fed(1, 31.0)
    trace.listed(0.0, closed=33.0, now=33.0, latency=latency)
    assert counted(latency)["received_to_encoder"] == 0.5


def test_a_segment_of_what_came_before_our_time_is_not_counted() -> None:
    trace, latency = Trace(), Latency()
    trace.listed(0.0, 1.0, 1.0, latency)
    trace.received(7, 4.0, 10.0)
    trace.listed(2.0, 11.0, 11.0, latency)
    assert counted(latency) == {}
    trace.listed(4.0, 12.0, 12.0, latency)
    assert counted(latency)["received_to_playlist"] == 2.0


def test_time_stamps_are_rounded_and_a_step_never_takes_less_than_nothing() -> None:
    trace, latency = Trace(), Latency()
    trace.received(0, 1.0, 10.0)
    trace.fed(1, 10.2)
    trace.listed(0.9995, closed=10.1, now=10.3, latency=latency)  # a file's clock is not that exact
    assert counted(latency)["encoder_to_segment"] == 0.0


def test_what_is_remembered_is_bounded() -> None:
    trace = Trace()
    for number in range(2 * _MARKS):
        trace.received(number, float(number), 0.0)
    assert (len(trace._marks), len(trace._unfed)) == (_MARKS, _MARKS)


def test_all_that_was_measured_together() -> None:
    one, other = Latency(), Latency()
    one.observe(Step.RECEIVED_TO_ENCODER, 1.0)
    other.observe(Step.RECEIVED_TO_ENCODER, 2.0)
    other.observe(Step.GLASS_TO_PLAYLIST, -1.0)
    one.add(other)
    assert counted(one) == {"received_to_encoder": 3.0, "glass_to_playlist": 0.0}
    assert counted(other)["received_to_encoder"] == 2.0
