"""One sample each second, so many of them."""

from __future__ import annotations

import pytest

from ingestd.monitor.samples import Samples, until_next


def test_nothing_yet() -> None:
    assert Samples(["a"]).view(5.0) == {"seconds_ago": None, "a": []}


def test_oldest_first_and_a_missed_second_is_empty() -> None:
    samples = Samples(["a", "b"], size=10)
    samples.add(100.2, (1, None))
    samples.add(101.9, (2, 0.5))
    samples.add(104.0, (3, 1.25))
    assert samples.view(105.5) == {
        "seconds_ago": 1.5,
        "a": [1, 2, None, None, 3],
        "b": [None, 0.5, None, None, 1.25],
    }


def test_the_ring_keeps_its_size_and_forgets_the_oldest() -> None:
    samples = Samples(["a"], size=3)
    for second in range(7):
        samples.add(second, (second,))
    assert samples.view(6)["a"] == [4, 5, 6]


def test_after_a_long_gap_nothing_old_is_left() -> None:
    samples = Samples(["a"], size=3)
    for second in range(3):
        samples.add(second, (second,))
    samples.add(1_000_000_000, (9,))
    assert samples.view(1_000_000_000)["a"] == [None, None, 9]


def test_a_second_that_is_measured_twice_counts_once() -> None:
    samples = Samples(["a"], size=3)
    samples.add(5.1, (1,))
    samples.add(5.9, (2,))
    assert samples.view(6)["a"] == [2]


def test_steps_may_be_longer_and_the_last_ones_are_enough() -> None:
    samples = Samples(["a"], size=4, step=5.0)
    assert samples.newest is None
    for number in range(6):
        samples.add(100.0 + 5 * number, (number,))
    assert samples.newest == 25
    assert samples.view(127.0, 2) == {"seconds_ago": 2.0, "a": [4, 5]}
    assert samples.view(127.0, 9)["a"] == [2, 3, 4, 5]


@pytest.mark.parametrize("late", [-0.4, -0.001, 0.0, 0.4])
def test_who_wakes_early_or_late_hits_each_step_once(late: float) -> None:
    now, hit = 102.7, []
    for _ in range(20):
        hit.append(int(now / 5))
        now += until_next(now, 5.0) + 5 * late
    assert hit == list(range(20, 40))
