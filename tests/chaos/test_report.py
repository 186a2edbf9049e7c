"""The table, the plan of a run, and when a soak has grown: what needs no server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.clip import CODECS, RTMP
from tests.chaos.faults import FAULTS
from tests.chaos.play import Result, worst_skew
from tests.chaos.report import HEAD, report, rows
from tests.chaos.runner import full, short
from tests.chaos.soak import growth
from tests.chaos.verdict import Skew, Verdict

GOOD = Verdict("0-89", (), 0, 0, 0, 0.001, 0.012, (Skew(0.5, 0.01), Skew(3.5, 0.03)))
SENTENCES = {"a": "something is killed", "b": "something is cut"}


def result(fault: str = "a", codec: str = "vp8", verdict: Verdict = GOOD, **more: object) -> Result:
    made = Result(fault, codec, {"144p": verdict, "72p": GOOD}, before=0.01, after=0.03, standstill=1.5)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_a_broadcast_is_well_only_when_all_is_there() -> None:
    assert result().well
    assert not Result("a", "vp8").well  # nothing was found
    assert not result(trouble=["the publisher's exit code is 1"]).well
    for fault in ({"lost": (3,)}, {"doubled": 1}, {"disordered": 1}, {"unreadable": 1}):
        assert not result(verdict=replace(GOOD, **fault)).well


def test_the_table_has_a_row_for_each_fault_and_codec_in_the_order_of_the_faults() -> None:
    bad = replace(GOOD, lost=(1, 2), doubled=3, gap=0.25)
    found = rows(
        [result("b"), result("a", "vp9"), result("a"), result("a", verdict=bad, viewer=0.5)], SENTENCES
    )
    assert [row[:3] for row in found] == [
        ("something is killed", "vp9", "1"),
        ("something is killed", "vp8", "2"),
        ("something is cut", "vp8", "1"),
    ]
    assert dict(zip(HEAD[3:], found[1][3:], strict=True)) == {
        "frames lost": "**2**",
        "doubled": "**3**",
        "longest audio gap": "250 ms (12 ms twice)",
        "A/V skew before": "10 ms",
        "after": "30 ms",
        "playlist stood still": "1.5 s",
        "viewer's stall": "0.5 s",
    }
    assert found[0][3:5] == ("0", "0")


def test_the_report_says_what_went_wrong_and_what_was_not_run() -> None:
    bad = result(verdict=replace(GOOD, runs="0-7, 9-89", lost=(8,)), trouble=["it has not ended well"])
    text = report([result("b"), bad], SENTENCES, {"b": "there is no disk"}, "- seed: 5")
    assert "| something is killed | vp8" in text
    assert "**1 failed**" in text
    assert "144p: 0-7, 9-89" in text
    assert "it has not ended well" in text
    assert "Not run: something is cut: there is no disk." in text
    assert "- seed: 5" in text
    assert "went wrong" not in report([result()], SENTENCES, {}, "")


def test_the_skew_of_a_broadcast_is_that_of_the_rendition_in_which_it_changes_most() -> None:
    worse = replace(GOOD, skews=(Skew(0.5, 0.0), Skew(3.5, -0.5)))
    assert worst_skew({"144p": GOOD, "72p": worse}, 2.0) == (0.0, -0.5)
    assert worst_skew({"144p": GOOD}, 3.0) == (0.01, None)  # too near to the fault to count
    assert worst_skew({}, 1.0) == (None, None)


def test_the_short_form_plays_each_fault_once() -> None:
    plan = short(FAULTS, 1, viewer=False)
    every = [part for lane in plan.lanes for act in lane for part in act.parts]
    parts = [part for part in every if part.codecs != (RTMP,)]
    assert sorted(part.fault.name for part in parts) == sorted(one.name for one in FAULTS)
    assert {codec for part in parts for codec in part.codecs} == set(CODECS)
    assert all(part.codecs == CODECS for part in parts if part.fault.whole)
    by_rtmp = {part.fault.name for part in every if part not in parts}
    assert by_rtmp == {"encoder-killed", "encoder-stopped", "encoder-row"}


@pytest.mark.parametrize(("times", "rounds"), [(1, 1), (3, 1), (10, 4)])
def test_the_full_form_plays_each_fault_at_least_so_often(times: int, rounds: int) -> None:
    plan = full(FAULTS, 1, times, quick=False, viewer=False)
    for fault in FAULTS:
        every = [part for lane in plan.lanes for act in lane for part in act.parts if part.fault is fault]
        found = [part for part in every if part.codecs != (RTMP,)]
        assert len(every) - len(found) == (times if fault.inside else 0)
        assert [part.number for part in found] == list(range(rounds))
        assert sum(len(part.codecs) for part in found) >= times


def test_each_fault_has_a_name_of_its_own_and_a_sentence() -> None:
    assert len({one.name for one in FAULTS}) == len(FAULTS)
    assert all(one.sentence and not one.sentence.endswith(".") for one in FAULTS)


def samples(
    memory: float, more: float = 0.0, descriptors: int = 30, opened: int = 0
) -> list[tuple[float, float, int]]:
    """Ten minutes; ``more`` MB and descriptors ``opened`` from the middle on."""
    return [
        (second, memory + (second > 300) * more, descriptors + (second > 300) * opened)
        for second in range(600)
    ]


def test_what_stays_flat_has_not_grown() -> None:
    trouble, words = growth(samples(100, more=10, opened=2))
    assert trouble == []
    assert words == "memory 100 → 110 MB, descriptors 30 → 32"


def test_memory_and_descriptors_that_grow_are_told() -> None:
    assert ["memory" in words for words in growth(samples(100, more=60))[0]] == [True]
    assert ["descriptors" in words for words in growth(samples(100, opened=20))[0]] == [True]


def test_a_soak_that_was_too_short_has_no_figures() -> None:
    assert growth(samples(100)[:50]) == ([], "too short for figures of memory and descriptors")
    assert growth([]) == ([], "too short for figures of memory and descriptors")
