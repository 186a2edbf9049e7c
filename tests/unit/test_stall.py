"""Whether an encoder stands still: fed with times, four looks a second."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ingestd.broadcast.stall import Stall

SEGMENT, PATIENCE, STEP = 4.0, 6.0, 0.25
LOOKS = 240  # a minute


def seen(
    lag: Callable[[float], float],
    *,
    full: bool = False,
    complete: bool = False,
    listed_every: float = 0.0,
    taken_every: float = 0.0,
) -> float | None:
    """When it is found to stand still (seconds); None: not within a minute. ``…_every`` 0: never."""
    stall = Stall(SEGMENT, PATIENCE, 0.0)
    for now in (STEP * look for look in range(LOOKS)):
        if listed_every and now % listed_every == 0:
            stall.listed(now)
        if taken_every and now % taken_every == 0:
            stall.taken(now)
        if stall.look(now, lag(now), full=full, complete=complete):
            return now
    return None


def grows(now: float) -> float:
    return now


def little(now: float) -> float:
    """As with 6 Mb/s and 4 MiB of ``ingest.ahead``: less than two segments."""
    return min(now, 5.7)


@pytest.mark.parametrize("taken_every", [0.0, STEP])
def test_media_of_three_segments_waits_and_none_comes(taken_every: float) -> None:
    found = seen(grows, taken_every=taken_every)
    assert found and found == pytest.approx(3 * SEGMENT + PATIENCE, abs=2 * STEP)


def test_with_segments_it_does_not_stand_still_however_far_behind() -> None:
    assert seen(lambda _: 100.0, listed_every=4.0) is None


def test_the_last_of_it_waits() -> None:
    found = seen(lambda _: 0.1, complete=True)
    assert found and found == pytest.approx(PATIENCE, abs=2 * STEP)


def test_a_publisher_that_is_cut_off_is_no_stall() -> None:
    assert seen(little) is None


def test_no_more_may_wait_and_none_of_it_is_taken() -> None:
    """Of so high a bitrate three segments never wait: nothing more is read."""
    found = seen(little, full=True)
    assert found and found == pytest.approx(PATIENCE, abs=2 * STEP)


@pytest.mark.parametrize(("listed_every", "taken_every"), [(4.0, 0.0), (0.0, 2.0)])
def test_no_more_may_wait_and_some_of_it_is_taken_or_comes_out(
    listed_every: float, taken_every: float
) -> None:
    """A publisher that sends faster than real time, after a cut."""
    assert seen(little, full=True, listed_every=listed_every, taken_every=taken_every) is None
