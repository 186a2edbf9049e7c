"""The table, the exit code, the plan of a run, and when a soak has grown: what needs no server."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from signal import SIGKILL, SIGTERM

import pytest

from tests.chaos.__main__ import verdict
from tests.chaos.clip import CODECS, RTMP, WHIP
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.form import moment
from tests.chaos.play import seen
from tests.chaos.report import report, rows, table
from tests.chaos.result import Result, worst_skew
from tests.chaos.runner import full, short
from tests.chaos.soak import deaths_of, growth
from tests.chaos.stage import Stage
from tests.chaos.verdict import Skew, Verdict
from tests.chaos.viewer import Viewer

README = Path(__file__).parents[2] / "README.md"
GOOD = Verdict("0-89", (), 0, 0, 0, 0.001, 0.012, (Skew(0.5, 0.01), Skew(3.5, 0.03)))
SENTENCES = {"a": "something is killed", "b": "something is cut"}


@pytest.fixture(autouse=True)
def everything_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans are those of a machine with Janus, on which a network of one's own is allowed."""
    monkeypatch.setattr("tests.chaos.runner.why_no_webrtc", lambda: "")


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


def test_a_broadcast_whose_sound_is_off_by_more_than_a_packet_is_not_well() -> None:
    packet = 1024 / 48000
    assert result(verdict=replace(GOOD, gap=packet, overlap=packet), before=-0.01, after=packet - 0.01).well
    for worse in (replace(GOOD, gap=0.025), replace(GOOD, overlap=0.025)):
        assert not result(verdict=worse).well
    for after in (0.035, -0.015):
        off = result(before=0.01, after=after)
        assert not off.well
        assert "25 ms of sound moves against the picture" in str(off)
    assert result(before=None, after=0.5).well  # no flash on one side: nothing to compare


def test_the_table_has_a_row_for_each_fault_in_their_order() -> None:
    bad = replace(GOOD, lost=(1, 2), doubled=3, gap=0.25)
    found = rows(
        [
            *(result("b"), result("a", "vp9"), result("a", trouble=["the viewer saw nothing"])),
            result("a", verdict=bad, viewer=0.5, before=0.02, after=-0.02, standstill=2.0),
        ],
        SENTENCES,
    )
    assert found == [
        (
            *("something is killed", "2, 1, 0 (**2 failed**)", "**2**", "**3**", "250 ms", "12 ms"),
            *("20 ms, -20 ms", "2.0 s", "0.5 s"),
        ),
        ("something is cut", "1, 0, 0", "0", "0", "1 ms", "12 ms", "10 ms, 30 ms", "1.5 s", "–"),
    ]


def test_broadcasts_by_rtmp_have_a_row_of_their_own() -> None:
    found = rows([result("a", RTMP), result("b"), result("a"), result("a", RTMP)], SENTENCES)
    assert [row[:2] for row in found] == [
        ("something is killed", "1, 0, 0"),
        ("something is killed (H.264 by RTMP)", "2"),
        ("something is cut", "1, 0, 0"),
    ]


def test_what_a_fault_may_cost_in_one_piece_is_named_and_not_counted() -> None:
    lost = replace(GOOD, lost=(3, 4, 5), gap=0.1)
    assert not result(verdict=lost).well
    named = result("b", WHIP, lost, loses=3, after=0.08)
    assert named.well and (named.lost, named.named) == (0, 3)
    assert rows([named], SENTENCES)[0][:3] == ("something is cut (H.264 by WHIP)", "1", "0 (and 3, as said)")
    assert not result(verdict=lost, loses=2).well
    assert not result(verdict=replace(GOOD, lost=(3, 5)), loses=3).well  # in two pieces
    assert not result(verdict=replace(GOOD, doubled=1), loses=3).well
    assert not result(after=0.2, loses=3).well  # sound and picture go on much further apart


def test_the_table_is_the_one_that_the_readme_carries() -> None:
    assert table([]) in README.read_text()
    assert table([("a", "b")]).splitlines()[2] == "| a | b |"


def test_the_report_says_what_went_wrong_and_what_was_not_run() -> None:
    bad = result(verdict=replace(GOOD, runs="0-7, 9-89", lost=(8,)), trouble=["it has not ended well"])
    text = report([result("b"), bad], SENTENCES, {"b": "there is no disk"}, "- seed: 5")
    assert "| something is killed | 1, 0, 0 (**1 failed**) | **1** |" in text
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
    parts = [part for part in plan.parts if part.codecs not in ((RTMP,), (WHIP,))]
    assert sorted(part.fault.name for part in parts) == sorted(one.name for one in FAULTS if not one.webrtc)
    assert {codec for part in parts for codec in part.codecs} == set(CODECS)
    assert all(part.codecs == CODECS for part in parts if part.fault.whole)
    by_rtmp, by_whip = (
        {part.fault.name for part in plan.parts if part.codecs == (codec,)} for codec in (RTMP, WHIP)
    )
    assert by_rtmp == {"encoder-killed", "encoder-stopped", "encoder-row"}
    behind = {"nginx-worker", "nginx-killed", "disk-full", "clock-stepped"}
    assert by_whip == by_rtmp | behind | {"watch-janus", "relay-killed"}


def test_the_short_form_is_planned_for_far_less_than_six_minutes() -> None:
    plan = short(FAULTS, 1, viewer=True)
    assert 64 <= plan.seconds < 200  # at least a recording with the connection away for 50 s


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.name)
def test_the_full_form_strikes_at_random_moments_of_their_own(fault: Fault) -> None:
    plan = full(FAULTS, 1, 12, quick=False, viewer=True)
    acts = [act for lane in plan.lanes for act in lane if fault in [part.fault for part in act.parts]]
    every = [part for act in acts for part in act.parts if part.fault is fault]
    others = {(codec,): times for codec, times in ((RTMP, 10), (WHIP, 3)) if codec in fault.keeping_nothing}
    assert Counter(part.codecs for part in every) == {(codec,): 4 for codec in fault.codecs} | others
    assert len({moment(plan.form, part.chance(plan.seed)) for part in every}) == len(every)
    assert {len(act.parts) for act in acts if act.parts[0].codecs != (WHIP,)} <= ({1} if fault.whole else {3})
    assert {part.codecs for part in every if part.viewer} == {(codec,) for codec in fault.codecs}


def test_the_full_form_is_planned_for_less_than_forty_minutes() -> None:
    assert full(FAULTS, 1, 12, quick=False, viewer=True).seconds < 40 * 60


def test_each_fault_has_a_name_of_its_own_and_a_sentence() -> None:
    assert len({one.name for one in FAULTS}) == len(FAULTS)
    assert all(one.sentence and not one.sentence.endswith(".") for one in FAULTS)


@pytest.mark.parametrize(
    "bad",
    [
        result(verdict=replace(GOOD, lost=(3,))),
        result(verdict=replace(GOOD, doubled=1)),
        result(verdict=replace(GOOD, gap=0.03)),
        result(after=-0.02),
        result(trouble=["the viewer saw nothing: "]),
        result(trouble=["the server's log has a traceback: OSError"]),
        Result("a", "vp8"),
    ],
    ids=["lost", "doubled", "sound missing", "sound moved", "viewer", "traceback", "nothing"],
)
def test_the_program_ends_with_an_error_if_one_broadcast_is_not_well(bad: Result) -> None:
    assert verdict([result()]) == 0
    assert verdict([result(), bad]) == 1


def test_the_program_ends_with_an_error_if_nothing_was_played() -> None:
    assert verdict([]) == 1


def test_a_traceback_in_the_log_is_trouble() -> None:
    stage = Stage({})
    entry = {"event": "task_failed", "exception": "Traceback (most recent call last):\n  …\nOSError: gone"}
    stage.log.write_text('{"event": "started"}\n' + json.dumps(entry) + "\n")
    stage.close()
    assert stage.trouble == ["the server's log has a traceback: task_failed: OSError: gone"]


class Blind(Viewer):
    """A viewer who has seen no more than this."""

    def __init__(self, stalled: float | None, position: float) -> None:
        self.stalled, self.position, self.error = stalled, position, "no browser"


def test_a_viewer_who_does_not_see_what_follows_the_fault_is_trouble() -> None:
    assert seen(Blind(0.3, 9.0), fault=8.0) == []
    assert seen(Blind(None, 0.0), fault=8.0) == ["the viewer saw nothing: no browser"]
    assert len(seen(Blind(0.3, 7.0), fault=8.0)) == 1


def samples(
    memory: float, more: float = 0.0, descriptors: int = 30, opened: int = 0
) -> list[tuple[float, float, int]]:
    """Ten minutes with a lull in every one; a process dies in the first third; the last has ``more``."""
    return [
        (
            second,
            memory / 2 if second < 150 else memory + (second > 400) * more,
            (descriptors if second % 60 < 25 else 18) + (second > 400) * opened,
        )
        for second in range(600)
    ]


def test_what_stays_flat_has_not_grown() -> None:
    trouble, words = growth(samples(100, more=2, opened=2))
    assert trouble == []
    assert words == "memory 100 → 102 MB, descriptors 30 → 32"


def test_memory_and_descriptors_that_grow_are_told() -> None:
    assert ["memory" in words for words in growth(samples(100, more=10))[0]] == [True]
    assert ["descriptors" in words for words in growth(samples(100, opened=8))[0]] == [True]


def test_a_soak_that_was_too_short_has_no_figures() -> None:
    assert growth(samples(100)[:50]) == ([], "too short for figures of memory and descriptors")
    assert growth([]) == ([], "too short for figures of memory and descriptors")


def test_in_a_soak_the_daemon_dies_both_ways_and_then_lives_on() -> None:
    found = deaths_of(Random(1), 600)
    assert sorted(number for _, number in found) == [SIGKILL, SIGKILL, SIGTERM, SIGTERM]
    assert [at for at, _ in found] == sorted(at for at, _ in found)
    assert all(0 <= at <= 150 for at, _ in found)
