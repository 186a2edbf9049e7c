"""How long it is waited before the next generation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingestd.broadcast.backoff import Backoff


def test_the_first_restart_is_immediate() -> None:
    assert Backoff(limit=8).fail(random=0.0) == 0.0


def test_then_each_wait_is_twice_the_one_before_up_to_the_cap() -> None:
    backoff = Backoff(limit=8, base=0.25, cap=3.0)
    assert [backoff.fail(random=0.0) for _ in range(7)] == [0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 3.0]


def test_chance_takes_away_up_to_half() -> None:
    waits = []
    for chance in (0.0, 0.5, 1.0):
        backoff = Backoff(limit=8, base=1.0, failures=1)
        waits.append(backoff.fail(chance))
    assert waits == [1.0, 0.75, 0.5]


def test_the_breaker_opens_after_the_limit_and_stays_open() -> None:
    backoff = Backoff(limit=2)
    assert [backoff.fail(0.0) is None for _ in range(4)] == [False, False, True, True]


def test_no_restart_at_all_where_none_is_allowed() -> None:
    assert Backoff(limit=0).fail(0.0) is None


def test_success_makes_the_next_failure_a_first_one() -> None:
    backoff = Backoff(limit=2)
    for _ in range(5):
        assert backoff.fail(0.0) == 0.0
        assert backoff.fail(0.0) == 0.25
        backoff.succeed()


@given(st.lists(st.floats(0, 1) | st.none(), max_size=60), st.integers(0, 20))
def test_waits_stay_between_nothing_and_the_cap(story: list[float | None], limit: int) -> None:
    backoff, in_a_row = Backoff(limit), 0
    for chance in story:
        if chance is None:
            backoff.succeed()
            in_a_row = 0
            continue
        in_a_row += 1
        wait = backoff.fail(chance)
        assert (wait is None) == (in_a_row > limit)
        assert wait is None or 0 <= wait <= backoff.cap


def test_a_patient_operator_can_have_thousands_of_restarts() -> None:
    assert Backoff(limit=10_000, failures=5_000).fail(0.0) == 8.0
    assert Backoff(limit=10**400, failures=10**300).fail(1.0) == 4.0
