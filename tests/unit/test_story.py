"""What happened to a broadcast is remembered, within bounds."""

from __future__ import annotations

from ingestd.broadcast.story import Interruption, Story, Turn, Visit, interruptions


def test_the_newest_are_kept() -> None:
    story = Story()
    for at in range(1000):
        story.turns.append(Turn(at, "stall", "stalled", "It stands still."))
        story.visits.append(Visit(at))
    assert (story.turns[-1].at, story.visits[-1].since) == (999, 999)
    assert (len(story.turns), len(story.visits)) == (200, 50)


def test_each_broadcast_has_its_own() -> None:
    first, second = Story(), Story()
    first.visits.append(Visit(1.0))
    assert not second.visits
    assert second.turns is not first.turns


def turns(*steps: tuple[float, str, str]) -> list[Turn]:
    return [Turn(at, event, state, "") for at, event, state in steps]


BEGUN = ((0, "started", "starting"), (2, "segment", "live"))


def test_a_broadcast_that_went_well_had_no_interruptions() -> None:
    whole = turns(*BEGUN, (90, "stop", "ending"), (92, "delivered", "ended"))
    assert interruptions(whole, 1000) == []
    assert interruptions(turns(*BEGUN[:1]), 30) == []


def test_a_publisher_that_was_away_is_one_until_there_is_something_new() -> None:
    steps = (10, "publisher_left", "interrupted"), (14, "publisher_back", "starting"), (15, "segment", "live")
    assert interruptions(turns(*BEGUN, *steps), 100) == [Interruption(10, 5, publisher=True)]
    assert interruptions(turns(*BEGUN, *steps[:1]), 100) == [Interruption(10, 90, publisher=True)]


def test_an_encoder_that_is_replaced_after_a_fault_is_one_and_by_plan_is_none() -> None:
    fault = (20, "encoder_died", "backing_off"), (20.2, "restart", "starting"), (21, "segment", "live")
    plan = (30, "climb", "starting"), (31, "segment", "live")
    found = interruptions(turns(*BEGUN, *fault, *plan, (50, "stall", "stalled"), (53, "stop", "ending")), 100)
    assert found == [Interruption(20, 1, publisher=False), Interruption(50, 3, publisher=False)]


def test_one_that_a_restart_of_the_server_found_interrupted_is_so_since_then() -> None:
    restored = (0, "restored", "interrupted"), (4, "publisher_back", "starting"), (5, "segment", "live")
    assert interruptions(turns(*restored), 9) == [Interruption(0, 5, publisher=True)]
