"""The one table of states and events, walked pair by pair."""

from __future__ import annotations

import itertools

import pytest

from ingestd.broadcast.lifecycle import FINAL, SENTENCES, TRANSITIONS, Event, State, diagram, step

# The table again, as rows of what is meant: from, by these events, to. Every other pair is a defect.
_RUNNING = (State.STARTING, State.LIVE, State.STALLED, State.BACKING_OFF)
MEANT: dict[tuple[State, Event], State] = {
    **{(state, Event.PUBLISHER_LEFT): State.INTERRUPTED for state in _RUNNING},
    **{(state, Event.STOP): State.ENDING for state in (*_RUNNING, State.INTERRUPTED)},
    **{(state, Event.GIVE_UP): State.FAILED for state in State if state not in (State.ENDED, State.FAILED)},
    **{(state, Event.SEGMENT): State.LIVE for state in (State.STARTING, State.LIVE, State.STALLED)},
    **{(state, Event.STALL): State.STALLED for state in (State.STARTING, State.LIVE, State.STALLED)},
    **{
        (state, Event.ENCODER_DIED): State.BACKING_OFF
        for state in (State.STARTING, State.LIVE, State.STALLED)
    },
    **{(state, Event.RESTART): State.STARTING for state in (State.STARTING, State.LIVE, State.BACKING_OFF)},
    # the last segments of an encoder that died are listed while it is waited for the next one
    (State.BACKING_OFF, Event.SEGMENT): State.BACKING_OFF,
    (State.INTERRUPTED, Event.PUBLISHER_BACK): State.STARTING,
    (State.INTERRUPTED, Event.WINDOW_OVER): State.ENDING,
    (State.ENDING, Event.DELIVERED): State.ENDED,
    **{
        (state, event): state
        for state in (State.INTERRUPTED, State.ENDING)
        for event in (
            *(Event.SEGMENT, Event.STALL, Event.ENCODER_DIED, Event.RESTART),
            *(Event.TOO_SLOW, Event.CLIMB),
        )
    },
    # fewer renditions, or one more: nothing has failed, so there is nothing to back off from
    **{
        (state, event): State.STARTING
        for state in (State.STARTING, State.LIVE, State.STALLED)
        for event in (Event.TOO_SLOW, Event.CLIMB)
    },
}
PAIRS = list(itertools.product(State, Event))


def reachable(start: State) -> set[State]:
    found, left = {start}, [start]
    while left:
        after = set(TRANSITIONS[left.pop()].values()) - found
        found |= after
        left += after
    return found


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=[f"{state}-{event}" for state, event in PAIRS])
def test_a_pair_goes_where_it_is_meant_to_or_raises(state: State, event: Event) -> None:
    if (state, event) in MEANT:
        assert step(state, event) is MEANT[state, event]
    else:
        with pytest.raises(KeyError):
            step(state, event)


def test_the_table_has_a_row_for_every_state() -> None:
    assert set(TRANSITIONS) == set(State)


def test_every_state_is_reached_from_the_start() -> None:
    assert reachable(State.STARTING) == set(State)


@pytest.mark.parametrize("state", [state for state in State if state not in FINAL])
def test_every_state_has_a_way_to_both_ends(state: State) -> None:
    assert reachable(state) >= {State.ENDED, State.FAILED}


def test_only_the_two_ends_are_final() -> None:
    assert FINAL == {State.ENDED, State.FAILED}


@pytest.mark.parametrize("state", FINAL)
def test_there_is_no_way_out_of_an_end(state: State) -> None:
    assert reachable(state) == {state}


@pytest.mark.parametrize("state", State)
def test_every_state_has_a_sentence_of_its_own(state: State) -> None:
    assert SENTENCES[state].endswith(".")
    assert list(SENTENCES.values()).count(SENTENCES[state]) == 1


def test_every_event_happens_somewhere() -> None:
    assert {event for row in TRANSITIONS.values() for event in row} == set(Event)


def test_the_diagram_has_every_transition_that_changes_the_state_and_no_other() -> None:
    arrows = [line.strip() for line in diagram().splitlines() if "-->" in line and "[*]" not in line]
    meant = [
        f"{before} --> {after}: {event}" for (before, event), after in MEANT.items() if after is not before
    ]
    assert sorted(arrows) == sorted(meant)


def test_the_diagram_has_the_beginning_and_the_ends() -> None:
    lines = [line.strip() for line in diagram().splitlines()]
    begin = ["[*] --> starting", "[*] --> interrupted: the daemon is back"]
    assert lines[:3] == ["stateDiagram-v2", *begin]
    assert [line for line in lines if line.endswith("--> [*]")] == ["ended --> [*]", "failed --> [*]"]
