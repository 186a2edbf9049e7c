"""The last hour of the whole server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ingestd.monitor.history import History, Reading

QUIET = Reading(
    viewers=0,
    publishers=0,
    webrtc_viewers=None,
    webrtc_publishers=None,
    states={},
    received=0,
    sent=0,
    cpu=None,
    memory=0.5,
    disk=0.25,
    lag=0.0,
    restarts=0,
)


def told(*readings: Reading, seconds: float = 3600) -> dict[str, Any]:
    """What is known after readings that were taken 5 s apart."""
    history = History()
    for number, reading in enumerate(readings):
        history.add(1000.0 + 5 * number, reading)
    return history.view(1000.0 + 5 * len(readings), seconds)


def test_nothing_yet() -> None:
    found = told()
    assert (found["newest"], found["seconds_ago"], found["viewers"]) == (None, None, [])
    assert found["broadcasts"]["live"] == []


def test_what_is_counted_is_told_as_it_grows() -> None:
    one = replace(QUIET, received=1000, sent=9000, restarts=1)
    found = told(QUIET, one, replace(one, received=2000, sent=None, restarts=3))
    assert found["bandwidth_in"] == [None, 1600, 1600]
    assert found["bandwidth_out"] == [None, 14400, None]
    assert found["restarts"] == [0, 1, 2]


def test_a_count_that_goes_back_is_no_rate() -> None:
    found = told(replace(QUIET, sent=500, restarts=4), replace(QUIET, sent=100, restarts=3))
    assert (found["bandwidth_out"], found["restarts"]) == ([None, None], [0, 0])


def test_open_broadcasts_by_every_state_that_they_can_have() -> None:
    found = told(replace(QUIET, states={"live": 2, "stalled": 1}), QUIET)
    assert {name: counts for name, counts in found["broadcasts"].items() if any(counts)} == {
        "live": [2, 0],
        "stalled": [1, 0],
    }
    assert set(found["broadcasts"]) >= {"starting", "interrupted", "backing_off", "ending"}


def test_later_answers_fit_to_earlier_ones_by_number() -> None:
    history = History()
    for number in range(3):
        history.add(1000.0 + 5 * number, replace(QUIET, viewers=number))
    before = history.view(1011.0)
    history.add(1015.0, replace(QUIET, viewers=3))
    after = history.view(1016.0, 10)
    assert (before["newest"], before["viewers"]) == (202, [0, 1, 2])
    assert (after["newest"], after["viewers"], after["seconds_ago"]) == (203, [2, 3], 1.0)


def test_an_hour_is_kept_and_no_more() -> None:
    found = told(*(replace(QUIET, publishers=number) for number in range(1000)))
    assert (len(found["publishers"]), found["publishers"][-1]) == (720, 999)
    assert len(found["broadcasts"]["live"]) == 720
