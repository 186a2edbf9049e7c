"""How far a publisher's clock is from ours, over ways that are not equally long."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.ingest.clock import PeerClock
from ingestd.ingest.resumable import Clock, _command, clock_message
from ingestd.publish import dialogue
from ingestd.publish.clock import OwnClock

AHEAD = 1000.0  # seconds by which the publisher's clock shows more than ours


class Pair:
    """Two clocks and the way between them."""

    def __init__(self) -> None:
        self.peer = PeerClock()
        self.now = 5.0
        self.heard: float | None = None

    def exchange(self, there: float, back: float) -> None:
        """Seconds that the message and its answer take."""
        self.peer.asked(self.now + AHEAD, self.heard, self.now + there)
        self.heard = self.now + AHEAD + there + back
        self.now += max(1.0, there + back)

    @property
    def error(self) -> float:
        found = self.peer.ours(self.now + AHEAD)
        assert found is not None
        return found - self.now


def test_nothing_is_known_before_an_answer_was_heard() -> None:
    pair = Pair()
    assert pair.peer.ours(1.0) is None
    pair.exchange(0.1, 0.1)
    assert pair.peer.ours(1.0) is None
    pair.exchange(0.1, 0.1)
    assert pair.error == pytest.approx(0.0)


def test_what_had_to_wait_on_one_way_does_not_count_beside_what_did_not() -> None:
    pair = Pair()
    for there, back in ((0.9, 0.05), (0.05, 0.05), (0.02, 0.7), (0.0, 0.0)):
        pair.exchange(there, back)
    assert pair.error == pytest.approx(0.0)


def test_the_error_is_at_most_half_of_the_shortest_way() -> None:
    chance = Random(7)
    pair = Pair()
    for _ in range(200):
        pair.exchange(chance.random() / 2, chance.random() / 2)
        if pair.peer.ours(0.0) is not None:
            assert abs(pair.error) <= min(way for way, _ in pair.peer._exchanges) / 2 + 1e-6
    assert abs(pair.error) < 0.15


def test_only_the_last_eight_count_so_that_a_clock_that_drifts_is_followed() -> None:
    pair = Pair()
    pair.exchange(0.0, 0.0)
    pair.exchange(0.0, 0.0)
    for _ in range(8):
        pair.exchange(0.3, 0.1)
    assert pair.error == pytest.approx(0.0)  # the first one is still among them
    pair.exchange(0.3, 0.1)
    assert pair.error == pytest.approx(0.1)


@pytest.mark.parametrize("heard", [AHEAD + 5.0 - 0.1, AHEAD + 5.0 + 1.1, AHEAD + 5.0 + 0.6])
def test_an_answer_that_was_heard_too_early_or_too_late_is_none(heard: float) -> None:
    peer = PeerClock()
    peer.asked(AHEAD + 5.0, None, 5.0)
    peer.asked(AHEAD + 5.5, heard, 9.0)
    assert peer.ours(0.0) is None


def test_a_message_that_does_not_say_when_it_heard_is_no_exchange() -> None:
    peer = PeerClock()
    for now in (1.0, 2.0, 3.0):
        peer.asked(now, None, now)
    assert peer.ours(0.0) is None


# Both sides, by what they say to each other: answers may overtake what is said after them


def errors(own: OwnClock, every: float, ways: Sequence[tuple[float, float]]) -> list[float]:
    """By how much the server is wrong after each message that made it know anything. The publisher says what
    its clock shows ``every`` so many seconds; ``ways``: how long each message and its answer take, but that
    nothing overtakes what goes the same way."""
    peer, came, answered, found = PeerClock(), 0.0, 0.0, []
    answers = deque[tuple[float, str]]()
    for number, (there, back) in enumerate(ways):
        now = number * every
        while answers and answers[0][0] <= now:
            heard_at, text = answers.popleft()
            heard = dialogue.heard(text)
            assert isinstance(heard, dialogue.Clock)
            own.answered(heard.sent, heard_at + AHEAD)
        said = _command(dialogue.clock(now + AHEAD, own.told(now + AHEAD), None))
        assert isinstance(said, Clock)
        came = max(came, now + there)
        answered = max(answered, came + back)
        peer.asked(said.sent, said.heard, came)
        answers.append((answered, clock_message(said.sent)))
        if (ours := peer.ours(now + AHEAD)) is not None:
            found.append(ours - now)
    return found


class NewestClock(OwnClock):
    """Takes each answer for that to what was said last."""

    def answered(self, sent: float | None, now: float) -> None:
        super().answered(self._sent, now)


def test_an_answer_to_something_else_would_make_it_wrong_by_a_second() -> None:
    assert max(errors(NewestClock(), 1.0, [(1.25, 1.25)] * 9)) == pytest.approx(1.0)
    assert errors(OwnClock(), 1.0, [(1.25, 1.25)] * 9) == []  # and so nobody knows


ways = st.floats(0, 4)


@given(st.floats(0.1, 2), st.lists(st.tuples(ways, ways), min_size=3, max_size=40))
def test_no_order_of_messages_and_answers_makes_it_wrong_by_more_than_half_a_second(
    every: float, ways: list[tuple[float, float]]
) -> None:
    assert all(abs(error) <= 0.5 + 1e-6 for error in errors(OwnClock(), every, ways))


@given(st.lists(st.tuples(ways, ways), max_size=8), st.floats(0, 0.4), st.floats(0, 0.4))
def test_when_the_way_is_short_again_it_is_known_again(
    before: list[tuple[float, float]], there: float, back: float
) -> None:
    found = errors(OwnClock(), 1.0, [*before, *[(there, back)] * 20])
    assert abs(found[-1]) <= (there + back) / 2 + 1e-6
