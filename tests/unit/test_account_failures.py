"""How many guesses are free: against a plain model that remembers everything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.accounts.failures import Failures, by_account, by_address

WINDOW = 60.0
# in eighths of a second, which floats hold exactly
STEPS = st.lists(st.tuples(st.integers(0, 400).map(lambda n: n / 8), st.sampled_from("abc")), max_size=120)


@given(STEPS, st.integers(1, 5))
def test_who_obeys_never_fails_more_than_the_limit_in_any_window(
    steps: list[tuple[float, str]], limit: int
) -> None:
    failures, now = Failures(limit, WINDOW), 0.0
    done: dict[str, list[float]] = {name: [] for name in "abc"}
    for pause, name in steps:
        now += pause
        recent = [at for at in done[name] if at + WINDOW > now]
        wait = failures.allowed(now, name)
        assert (wait == 0) == (len(recent) < limit)
        if wait:
            assert wait == recent[-limit] + WINDOW - now
            assert failures.allowed(now + wait, name) == 0
            assert failures.allowed(now + wait - 1 / 8, name) > 0
        else:
            failures.failed(now, name)
            done[name].append(now)


@given(st.lists(st.sampled_from("abcdefg")), st.integers(1, 5))
def test_memory_is_bounded_and_those_that_failed_last_are_kept(names: list[str], most: int) -> None:
    failures, last = Failures(1, WINDOW, names=most), list[str]()
    for name in names:
        failures.failed(0.0, name)
        last = [*(other for other in last if other != name), name][-most:]
        assert {each for each in "abcdefg" if failures.allowed(0.0, each)} == set(last)
        assert len(failures) == len(last)


def test_the_longest_wait_of_all_names_counts() -> None:
    failures = Failures(1, WINDOW)
    failures.failed(0.0, "a")
    failures.failed(10.0, "b")
    assert failures.allowed(20.0, "a") == 40
    assert failures.allowed(20.0, "a", "b", "c") == 50
    assert failures.allowed(20.0, "c") == 0
    assert failures.allowed(20.0) == 0


def test_a_name_that_is_given_twice_counts_once() -> None:
    failures = Failures(2, WINDOW)
    failures.failed(0.0, "a", "a")
    assert failures.allowed(0.0, "a") == 0


def test_a_success_forgets_that_name_alone() -> None:
    failures = Failures(1, WINDOW)
    failures.failed(0.0, "a", "b")
    failures.succeeded("a", "unknown")
    assert failures.allowed(0.0, "a") == 0
    assert failures.allowed(0.0, "b") == WINDOW


def test_failures_beyond_the_limit_prolong_the_wait_and_take_no_memory() -> None:
    failures = Failures(2, WINDOW)
    for second in range(100):
        failures.failed(float(second), "a")
    assert failures.allowed(99.0, "a") == 98 + WINDOW - 99
    assert len(failures._failed["a"]) == 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("2001:db8:1:2::1", "2001:DB8:1:2::1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),  # else all of IPv4 were one place
        ("", "192.0.2.1", False),
    ],
)
def test_an_address_is_counted_by_the_place_it_belongs_to(one: str, other: str, same: bool) -> None:
    assert (by_address(one) == by_address(other)) is same


@given(st.text(), st.text())
def test_no_account_has_the_name_of_an_address_or_a_long_one(account: str, address: str) -> None:
    assert by_account(account) != by_address(address)
    assert max(len(by_account(account * 99)), len(by_address(address * 99))) < 80
    assert by_account("192.0.2.1") != by_address("192.0.2.1")


def test_another_limit_counts_from_now_on_and_for_what_is_remembered() -> None:
    failures = Failures(3)
    for now in range(3):
        failures.failed(float(now), "a")
    failures.limit(4)
    assert failures.allowed(3.0, "a") == 0
    failures.failed(3.0, "a")
    assert failures.allowed(4.0, "a") > 0
    failures.limit(1)
    assert failures.allowed(4.0, "a") == 59.0  # from the last
