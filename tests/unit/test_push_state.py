"""The states of a push, pair by pair, and when it is given up."""

from __future__ import annotations

import pytest

from ingestd.push.state import SENTENCES, TRANSITIONS, Event, Life, Meter, State


def at(state: State) -> Life:
    life = Life()
    path = {
        State.WAITING: [],
        State.CONNECTING: [Event.LIVE],
        State.PUSHING: [Event.LIVE, Event.ACCEPTED],
        State.BACKING_OFF: [Event.LIVE, Event.BROKE],
        State.FAILED: [Event.LIVE, Event.HOPELESS],
    }[state]
    for event in path:
        life.on(event, 0.0)
    return life


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_every_pair(state: State, event: Event) -> None:
    life = at(state)
    assert life.state is state and SENTENCES[state] in life.message
    if event in TRANSITIONS[state]:
        life.on(event, 1.0)
        assert life.state is TRANSITIONS[state][event]
    else:
        with pytest.raises(KeyError):
            life.on(event, 1.0)


def fail(life: Life, now: float) -> float | None:
    delay = life.broke("it broke.", now, random=0.0)
    if delay is not None:
        life.on(Event.RETRY, now)
    return delay


def test_the_waits_grow_and_then_it_is_given_up() -> None:
    life = at(State.CONNECTING)
    waits = [fail(life, 0.0) for _ in range(11)]
    assert waits == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0, None]
    assert life.state is State.FAILED and life.message.endswith("it broke.")


def test_who_takes_the_stream_and_closes_at_once_is_not_hammered() -> None:
    life, waits = at(State.CONNECTING), []
    for _ in range(3):
        life.on(Event.ACCEPTED, 0.0)
        waits.append(fail(life, 1.0))
    assert waits == [0.0, 1.0, 2.0]


def test_a_connection_that_held_is_worth_any_number_of_tries() -> None:
    life = at(State.CONNECTING)
    fail(life, 0.0)
    life.on(Event.ACCEPTED, 0.0)
    waits = [fail(life, 20.0) for _ in range(30)]
    assert waits[:3] == [0.0, 1.0, 2.0] and waits[-1] == 30.0


def test_what_tells_nothing_of_the_other_side_is_no_reason_to_give_it_up() -> None:
    life = at(State.CONNECTING)
    for _ in range(30):
        assert life.broke("nobody knows.", 0.0, random=0.0, counts=False) == 5.0
        life.on(Event.RETRY, 0.0)
    assert fail(life, 0.0) == 0.0, "it is the first failure"


def test_the_next_broadcast_starts_afresh() -> None:
    life = at(State.CONNECTING)
    while fail(life, 0.0) is not None:
        pass
    life.on(Event.LIVE, 0.0)
    assert life.state is State.CONNECTING and life.message == SENTENCES[State.CONNECTING]
    assert fail(life, 0.0) == 0.0


def test_bitrate_and_speed_are_those_of_the_last_seconds() -> None:
    meter = Meter()
    for second in range(20):
        meter.note(float(second), 1000 if second < 10 else 2000, second / 2)
    bitrate, speed = meter.rates(19.0)
    assert (bitrate, speed, meter.sent) == (16_000.0, 0.5, 30_000)
    assert meter.rates(60.0) == (0.0, 0.0)
