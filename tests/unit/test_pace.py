"""When a rendition is dropped and when it comes back: played against a simple model of an encoder."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.broadcast.pace import Pace, Verdict, crawls

LOOK = 0.1  # seconds between two looks
SLOW, CLIMB = 10.0, 60.0
Rate = Callable[[float], float]  # seconds of media a second, at a time


def always(rate: float) -> Rate:
    return lambda _: rate


@dataclass
class Model:
    """An encoder that takes media at some rate, and a playlist that takes whole segments."""

    pace: Pace
    segment: float = 1.0
    now: float = 1000.0
    received: float = 0.0
    encoded: float = 0.0
    ahead: float = math.inf  # seconds that may wait before the publisher is held back
    jitter: float = 0.0  # seconds by which some segments are seen late

    @property
    def commit(self) -> float:
        late = self.jitter if int(self.encoded / self.segment) % 2 else 0.0
        return max(0.0, math.floor((self.encoded - late) / self.segment) * self.segment)

    def run(self, seconds: float, arriving: Rate, speed: Rate) -> Iterator[tuple[float, Verdict]]:
        """Verdicts, with the seconds after which each came."""
        began = self.now
        for step in range(round(seconds / LOOK)):
            at = step * LOOK
            self.now = began + at
            self.received = max(
                self.received, min(self.received + arriving(at) * LOOK, self.encoded + self.ahead)
            )
            self.encoded = min(self.received, self.encoded + speed(at) * LOOK)
            found = self.pace.look(self.now, self.received - self.commit, self.commit)
            if found:
                yield at, found

    def first(self, seconds: float, arriving: Rate, speed: Rate) -> tuple[float, Verdict] | None:
        return next(self.run(seconds, arriving, speed), None)


def model(dropped: int = 0, *, segment: float = 1.0, **more: float) -> Model:
    pace = Pace(SLOW, CLIMB, segment)
    pace.begin(dropped)
    return Model(pace, segment, **more)


LIVE = always(1.0)


@pytest.mark.parametrize(("rate", "within"), [(0.3, 22), (0.5, 22), (0.8, 35), (0.9, 60), (0.95, 140)])
def test_an_encoder_that_falls_behind_is_relieved(rate: float, within: float) -> None:
    found = model().first(300, LIVE, always(rate))
    assert found is not None
    at, verdict = found
    assert verdict is Verdict.DROP
    assert SLOW < at < within


@pytest.mark.parametrize("rate", [1.0, 1.05, 2.0, 8.0])
def test_one_that_keeps_up_is_left_alone(rate: float) -> None:
    assert model().first(600, LIVE, always(rate)) is None


@pytest.mark.parametrize("rate", [1.0, 1.02, 1.2, 3.0])
@pytest.mark.parametrize("backlog", [6.0, 50.0])
def test_a_backlog_that_shrinks_or_stays_is_no_slowness(rate: float, backlog: float) -> None:
    """After a reconnect or a restart all that was kept comes at once."""
    assert model(received=backlog).first(300, LIVE, always(rate)) is None


@settings(max_examples=10, deadline=None)  # 300 draws each
@given(st.randoms(use_true_random=False))
def test_an_uneven_poll_on_a_busy_machine_is_no_slowness(chance: Random) -> None:
    """All along it has a backlog, and each segment is seen late by up to half a second."""
    pace = Pace(SLOW, CLIMB)
    pace.begin(0)
    for second in range(300):
        assert pace.look(second + 0.5 * chance.random(), 10.0, float(second)) is None


def test_less_than_is_felt_is_no_slowness() -> None:
    """Each third of ten seconds ends a little further behind, and then all is as before."""
    pace = Pace(SLOW, CLIMB)
    pace.begin(0)
    for second in range(120):
        late = min(second, 10) // 3 * 0.15
        assert pace.look(second + late, 10.0, float(second)) is None


def test_a_reconnect_in_mid_broadcast_is_no_slowness() -> None:
    def cut(at: float) -> float:
        return 0.0 if 60 <= at < 110 else 26.0 if 110 <= at < 112 else 1.0

    assert model().first(400, cut, always(1.1)) is None


def test_a_burst_that_is_never_worked_off_is_slowness() -> None:
    found = model(received=50.0).first(60, LIVE, always(0.9))
    assert found is not None and found[0] < 30


def test_a_publisher_that_is_held_back_makes_no_slow_encoder_look_well() -> None:
    """As much waits as may wait: the backlog no longer grows, but the lag does."""
    found = model(received=13.0, ahead=13.0).first(60, LIVE, always(0.8))
    assert found is not None and found[1] is Verdict.DROP


@pytest.mark.parametrize("hiccup", [1, 2, 3, 4, 6, 9, 12, 30])
@pytest.mark.parametrize("rate", [1.0, 1.05, 1.5])
def test_one_hiccup_is_no_slowness(hiccup: float, rate: float) -> None:
    def speed(at: float) -> float:
        return 0.0 if 20 <= at < 20 + hiccup else rate

    assert model(received=5.0).first(200, LIVE, speed) is None


@pytest.mark.parametrize("before", [0, 5, 25])
def test_an_encoder_that_delivers_nothing_is_not_slow_but_stalled(before: float) -> None:
    assert model().first(100, LIVE, lambda at: 2.0 if at < before else 0.0) is None


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_slow_connection_is_no_slow_encoder(share: float) -> None:
    assert model().first(300, always(share), always(1.5)) is None


def test_a_slow_encoder_that_only_works_off_the_rest_is_left_alone() -> None:
    """The publisher is gone: nothing more comes, so it need not be faster."""
    assert model(received=40.0).first(60, always(0.0), always(0.8)) is None


def test_nothing_is_judged_in_the_first_seconds_of_a_generation() -> None:
    story = model()
    for _ in range(6):
        assert story.first(SLOW, LIVE, always(0.7)) is None
        story.pace.begin(0)


def test_long_segments_are_given_the_time_that_they_take() -> None:
    assert model(segment=10.0).first(600, LIVE, always(1.0)) is None
    assert model(segment=10.0, received=30.0).first(600, LIVE, always(1.05)) is None
    for rate in (0.3, 0.5, 0.7):  # segments that come 14, 20 and 33 seconds apart
        found = model(segment=10.0).first(600, LIVE, always(rate))
        assert found is not None and 60 < found[0] < 250


def test_each_verdict_is_given_once_and_again_after_another_window() -> None:
    """Where there is nothing left to drop the supervisor goes on as it is."""
    times = [at for at, _ in model().run(60, LIVE, always(0.5))]
    assert len(times) >= 2
    assert all(later - earlier >= SLOW for earlier, later in zip(times, times[1:], strict=False))


ARRIVALS = st.lists(
    st.tuples(st.floats(1, 30), st.sampled_from([0.0, 0.4, 1.0, 1.0, 1.0, 3.0, 25.0])), max_size=8
)


def varying(steps: list[tuple[float, float]], otherwise: float) -> Rate:
    """Rates one after the other, each for some seconds, then another for good."""

    def rate(at: float) -> float:
        for seconds, value in steps:
            if at < seconds:
                return value
            at -= seconds
        return otherwise

    return rate


@settings(max_examples=60, deadline=None)
@given(
    ARRIVALS,
    st.lists(st.tuples(st.floats(1, 30), st.floats(1.03, 6)), max_size=6),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from([1.0, 2.0]),
)
def test_whoever_is_faster_than_real_time_is_never_called_slow(
    arrivals: list[tuple[float, float]], speeds: list[tuple[float, float]], jitter: float, segment: float
) -> None:
    story = model(jitter=jitter, segment=segment)
    assert story.first(150, varying(arrivals, 1.0), varying(speeds, 1.03)) is None


@settings(max_examples=40, deadline=None)
@given(st.floats(0.2, 0.88), st.floats(0, 60), st.sampled_from([0.0, 0.1]))
def test_whoever_is_slower_is_found_out_whatever_was_before(rate: float, well: float, jitter: float) -> None:
    story = model(jitter=jitter)
    assert story.first(well, LIVE, always(1.5)) is None
    found = story.first(120, LIVE, always(rate))
    assert found is not None and found[1] is Verdict.DROP
    assert found[0] > SLOW


# The way back


def next_climb(story: Model) -> float:
    found = story.first(3000, LIVE, always(2.0))
    assert found is not None and found[1] is Verdict.CLIMB
    return found[0]


def test_a_dropped_rendition_is_tried_again_when_all_was_well_for_long_enough() -> None:
    assert CLIMB <= next_climb(model(dropped=1)) < CLIMB + 3


def test_nothing_comes_back_that_was_never_dropped() -> None:
    assert model(dropped=0).first(600, LIVE, always(3.0)) is None


def test_nor_while_anything_waits_or_nothing_comes() -> None:
    assert model(dropped=1, received=20.0).first(600, LIVE, always(1.0)) is None
    assert model(dropped=1).first(600, always(0.0), always(3.0)) is None
    assert model(dropped=1).first(600, lambda at: float(at < 20), always(3.0)) is None


def test_a_trouble_in_between_starts_the_waiting_afresh() -> None:
    story = model(dropped=1)
    found = story.first(300, LIVE, lambda at: 0.0 if 40 <= at < 46 else 2.0)
    assert found is not None and 46 + CLIMB < found[0] < 46 + CLIMB + 15


def fail(story: Model, dropped: int) -> None:
    story.pace.begin(dropped)
    found = story.first(50, LIVE, always(0.5))
    assert found is not None and found[1] is Verdict.DROP
    story.pace.begin(dropped + 1)


def test_each_try_that_fails_doubles_the_wait_up_to_a_bound() -> None:
    story = model(dropped=1)
    waits = []
    for _ in range(7):
        waits.append(round(next_climb(story) / CLIMB))
        fail(story, 0)
    assert waits == [1, 2, 4, 8, 16, 16, 16]


def test_a_try_that_lasts_makes_the_next_failure_a_first_one() -> None:
    story = model(dropped=1)
    for _ in range(3):
        next_climb(story)
        fail(story, 0)
    next_climb(story)
    story.pace.begin(0)
    assert story.first(8 * CLIMB + 5, LIVE, always(1.5)) is None  # as long as was waited for it
    fail(story, 0)
    assert round(next_climb(story) / CLIMB) == 1


def test_each_rendition_has_a_wait_of_its_own() -> None:
    """The second comes back at once although the first was tried in vain."""
    story = model(dropped=1)
    next_climb(story)
    fail(story, 0)
    fail(story, 1)
    assert round(next_climb(story) / CLIMB) == 1
    story.pace.begin(1)
    assert round(next_climb(story) / CLIMB) == 2


def test_a_restart_in_between_does_not_make_a_failed_try_forgotten() -> None:
    story = model(dropped=1)
    next_climb(story)
    story.pace.begin(0)
    story.pace.begin(0)  # it was killed, and started again as it was
    fail(story, 0)
    assert round(next_climb(story) / CLIMB) == 2


@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 200), st.floats(0, 3)), max_size=200), st.integers(0, 3)
)
def test_whatever_is_seen_it_stays_small_and_raises_nothing(
    looks: list[tuple[float, float, float]], dropped: int
) -> None:
    pace, now, commit = Pace(SLOW, CLIMB), 0.0, 0.0
    pace.begin(dropped)
    for seconds, waiting, media in looks:
        now, commit = now + seconds, commit + media
        verdict = pace.look(now, waiting, commit)
        assert verdict is not Verdict.CLIMB or dropped
        assert len(pace._behind) <= 500


def test_an_encoder_that_crawls_is_told_from_one_that_hangs() -> None:
    assert crawls(frames=12, fps=2.0, frame_rate=30)
    assert not crawls(frames=0, fps=0.0, frame_rate=30)  # hangs, or has only sound
    assert not crawls(frames=180, fps=30.0, frame_rate=30)  # tells of progress, delivers nothing
