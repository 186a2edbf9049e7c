"""What is said too often is held back, counted, and told once."""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.log.repeats import Repeats, key_of


def says(repeats: Repeats, event: str, now: float, **more: Any) -> tuple[bool, list[tuple[str, int]]]:
    """Whether a line passes, and of which others it is told now that they were held back."""
    entry = {"event": event, "level": "warning", **more}
    over = [(str(one["event"]), count) for one, count in repeats.over(now)]
    return repeats.passes(key_of(entry), entry, now), over


def test_so_many_pass_and_the_rest_is_counted() -> None:
    repeats = Repeats(allowed=2, seconds=10.0)
    assert [says(repeats, "a", at)[0] for at in (0, 1, 2, 3, 9.9)] == [True, True, False, False, False]
    assert says(repeats, "a", 10.0) == (True, [("a", 3)]), "a new window, and what the old one held back"
    assert says(repeats, "a", 20.0) == (True, []), "nothing was held back in that one"


def test_any_later_line_tells_of_it() -> None:
    repeats = Repeats(allowed=1, seconds=10.0)
    says(repeats, "a", 0)
    says(repeats, "a", 1)
    assert says(repeats, "b", 5) == (True, [])
    assert says(repeats, "b", 11) == (False, [("a", 1)])
    assert says(repeats, "c", 16) == (True, [("b", 1)])


def test_what_is_about_another_is_another_line() -> None:
    repeats = Repeats(allowed=1)
    assert says(repeats, "state", 0, broadcast="x", state="live")[0]
    assert says(repeats, "state", 0, broadcast="y", state="live")[0]
    assert says(repeats, "state", 0, broadcast="x", state="stalled")[0]
    assert not says(repeats, "state", 0, broadcast="x", state="live")[0]


def test_neither_numbers_in_words_nor_addresses_make_a_difference() -> None:
    repeats = Repeats(allowed=1)
    assert says(repeats, "ffmpeg", 0, line="[flv @ 0x55d0c8] DTS 17, next: 18 invalid")[0]
    assert not says(repeats, "ffmpeg", 0, line="[flv @ 0x7f0001] DTS 2400, next: 9 invalid")[0]
    assert says(repeats, "ffmpeg", 0, line="[flv @ 0x7f0001] another fault")[0]
    assert says(repeats, "sign_in_refused", 0, address="192.0.2.1")[0]
    assert not says(repeats, "sign_in_refused", 0, address="192.0.2.2")[0]


def test_memory_is_bounded_and_what_is_let_go_of_is_told() -> None:
    repeats = Repeats(allowed=1, seconds=1e6, keys=3)
    says(repeats, "first", 0)
    says(repeats, "first", 0)
    told = []
    for number in range(100):
        told += says(repeats, f"e-{'x' * number}", 1)[1]
        assert len(repeats._windows) <= 4
    assert told == [("first", 1)]


lines = st.tuples(st.floats(0, 20), st.sampled_from("abcdef"), st.sampled_from("xy"))


@given(st.lists(lines | st.floats(0, 20), max_size=60), st.integers(1, 3), st.integers(1, 4))
@settings(deadline=None)
def test_every_line_passes_or_is_counted_once(
    story: list[tuple[float, str, str] | float], allowed: int, keys: int
) -> None:
    """Whether lines come, or time only goes by (a number) and somebody looks."""
    repeats, now = Repeats(allowed, 10.0, keys), 0.0
    came: Counter[tuple[str, str]] = Counter()
    told: Counter[tuple[str, str]] = Counter()

    def look(now: float) -> None:
        told.update({(str(one["event"]), str(one["broadcast"])): count for one, count in repeats.over(now)})

    for step in story:
        now += step if isinstance(step, float) else step[0]
        if isinstance(step, float):
            look(now)
            continue
        entry = {"event": step[1], "broadcast": step[2]}
        came[step[1], step[2]] += 1
        look(now)
        if repeats.passes(key_of(entry), entry, now):
            told[step[1], step[2]] += 1
    look(inf)
    assert told == came
    assert repeats.over(inf) == []
