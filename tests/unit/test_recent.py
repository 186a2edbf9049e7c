"""The last lines of each broadcast, bounded."""

from __future__ import annotations

from ingestd.log.recent import Recent


def test_the_last_lines_of_each_are_kept() -> None:
    recent = Recent(lines=2)
    for line in ("1", "2", "3"):
        recent.add("a", line)
    recent.add("b", "x")
    assert (recent.of("a"), recent.of("b"), recent.of("c")) == (["2", "3"], ["x"], [])


def test_a_long_line_is_cut() -> None:
    recent = Recent(letters=3)
    recent.add("a", "12345")
    assert recent.of("a") == ["123"]


def test_who_has_been_silent_longest_is_forgotten() -> None:
    recent = Recent(broadcasts=2)
    for name in ("a", "b", "a", "c"):
        recent.add(name, "line")
    assert [bool(recent.of(name)) for name in "abc"] == [True, False, True]
