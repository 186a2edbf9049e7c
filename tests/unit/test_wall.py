"""A clock that somebody sets."""

from __future__ import annotations

import pytest

from ingestd.monitor.wall import WallClock

UNIX = 1_700_000_000.0


def jumps(*readings: tuple[float, float]) -> list[float]:
    """Of a clock that is read without delay: the other clock, and by how much this one shows more."""
    clock = WallClock()
    return [clock.read(now, UNIX + now + more, now) for now, more in readings]


def test_a_clock_that_goes_on_has_not_jumped_however_long_nobody_looked() -> None:
    assert jumps((0, 0), (0.5, 0), (1, 0.001), (5000, 0.01), (5001, 0.5)) == [0] * 5


@pytest.mark.parametrize("step", [3600.0, -3600.0, 1.5, -86400.0])
def test_one_that_is_set_has_jumped_once_by_so_much(step: float) -> None:
    assert jumps((0, 0), (1, step), (2, step), (3, step)) == [0, pytest.approx(step), 0, 0]


def test_one_that_is_set_back_has_jumped_again() -> None:
    assert jumps((0, 0), (1, 60), (2, 0)) == [0, pytest.approx(60), pytest.approx(-60)]


def test_a_reading_that_was_held_up_in_between_is_none() -> None:
    clock = WallClock()
    clock.read(0, UNIX, 0)
    assert clock.read(1, UNIX + 31, 31) == 0
    assert clock.read(32, UNIX + 32, 32) == 0
