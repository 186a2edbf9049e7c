"""The replay buffer against a naive model of it."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ingestd.broadcast.replay import AUDIO_MARGIN, ReplayBuffer
from ingestd.container.model import Fragment

_OVERHEAD = 256  # bytes that a fragment costs beside its own


def fragment(offset: int, size: int, time: float, *, starts: bool, end: float | None = None) -> Fragment:
    return Fragment(offset, memoryview(bytes(size)), time, time if end is None else end, starts)


def units(
    *times: float, size: int = 100, parts: int = 2, limit: int = 1 << 20, span: float = 0.0
) -> ReplayBuffer:
    """A buffer with a unit at each of these times, each in two fragments."""
    buffer, offset = ReplayBuffer(limit, span), 0
    for time in times:
        for part in range(parts):
            buffer.append(fragment(offset, size, time, starts=part == 0, end=time + part))
            offset += size
    return buffer


# Plain cases


def test_an_empty_buffer_has_nothing() -> None:
    buffer = ReplayBuffer(1000)
    assert (buffer.end, buffer.size, buffer.offset, buffer.seek(0.0), buffer.get(0), buffer.ahead(0)) == (
        *(0, 0, 0),
        *(None, None, 0),
    )


def test_a_decoder_starts_at_the_last_unit_before_the_time() -> None:
    buffer = units(0.0, 2.0, 4.0)
    assert [buffer.seek(time) for time in (0.0, 1.0, 2.5, 3.99, 4.5, 99.0)] == [0, 0, 2, 2, 4, 4]


def test_a_unit_that_starts_just_before_is_not_enough_for_its_sound() -> None:
    buffer = units(0.0, 2.0)
    assert buffer.seek(2.0 + AUDIO_MARGIN) == 2
    assert buffer.seek(2.0 + AUDIO_MARGIN - 0.001) == 0
    assert buffer.seek(2.0) == 0


def test_a_time_before_the_first_unit_starts_there_all_the_same() -> None:
    assert units(10.0, 12.0).seek(1.0) == 0


def test_whoever_wants_what_is_new_begins_with_the_newest_unit() -> None:
    buffer = units()
    assert buffer.newest_unit() is None
    buffer = units(0.0, 2.0, 4.0)
    assert buffer.newest_unit() == 4
    buffer.append(fragment(600, 100, 6.0, starts=True))
    assert buffer.newest_unit() == 6
    buffer.commit(5.0)
    assert (buffer.get(2), buffer.newest_unit()) == (None, 6)
    buffer.clear()
    assert buffer.newest_unit() is None


def test_where_the_beginning_of_the_only_unit_was_given_up_there_is_none_to_begin_with() -> None:
    buffer = units(0.0, limit=700)
    assert buffer.make_room(1)
    assert (buffer.get(1) is None, buffer.newest_unit()) == (False, None)


def test_a_commit_drops_the_units_before_it_and_only_those() -> None:
    buffer = units(0.0, 2.0, 4.0)
    buffer.commit(3.0)
    assert (buffer.get(1), buffer.offset) == (None, 200)
    assert buffer.get(2) is not None
    assert buffer.end == 6


def test_the_last_unit_stays_however_far_the_commit_point_is() -> None:
    buffer = units(0.0, 2.0)
    buffer.commit(1000.0)
    assert (buffer.offset, buffer.seek(1000.0)) == (200, 2)


def test_a_commit_point_that_goes_back_brings_nothing_back() -> None:
    buffer = units(0.0, 2.0, 4.0)
    buffer.commit(4.5)
    buffer.commit(0.0)
    assert (buffer.offset, buffer.seek(0.0)) == (400, 4)


def test_when_it_is_over_no_media_is_held_and_the_ack_stays() -> None:
    buffer = units(0.0, 2.0, 4.0)
    buffer.commit(3.0)
    offset = buffer.offset
    buffer.clear()
    assert (buffer.size, buffer.get(2), buffer.seek(99.0)) == (0, None, None)
    assert (buffer.offset, buffer.end_time) == (offset, 5.0)


def test_where_the_epoch_has_come_to_is_the_latest_end() -> None:
    buffer = ReplayBuffer(1000)
    buffer.append(fragment(0, 10, 0.0, starts=True, end=1.5))
    buffer.append(fragment(10, 10, 1.0, starts=False, end=1.2))
    assert buffer.end_time == 1.5


def test_what_the_encoder_does_not_have_yet_is_never_given_up() -> None:
    buffer = ReplayBuffer(1000)
    buffer.append(fragment(0, 2000, 0.0, starts=True))
    assert not buffer.make_room(fed=0)
    assert buffer.get(0) is not None
    assert buffer.make_room(fed=1)
    assert (buffer.get(0), buffer.given_up, buffer.size) == (None, 2000, 0)


def test_after_a_unit_was_given_up_a_restart_goes_on_from_the_next_one() -> None:
    buffer = ReplayBuffer(1000)
    buffer.append(fragment(0, 500, 0.0, starts=True))
    buffer.append(fragment(500, 500, 1.0, starts=False))
    assert buffer.make_room(fed=2)
    assert buffer.seek(0.0) is None
    buffer.append(fragment(1000, 10, 2.0, starts=True))
    assert buffer.seek(0.0) == 2


def test_the_offset_stays_with_a_unit_that_was_given_up() -> None:
    buffer = ReplayBuffer(1000)
    buffer.append(fragment(0, 500, 0.0, starts=True))
    buffer.append(fragment(500, 800, 1.0, starts=True))
    buffer.commit(9.0)
    assert buffer.offset == 500
    buffer.make_room(fed=2)
    assert buffer.get(1) is None
    assert buffer.offset == 500
    buffer.append(fragment(1300, 10, 2.0, starts=True))
    assert buffer.offset == 500


def test_the_prefix_is_that_of_the_unit_that_holds_the_commit_point() -> None:
    buffer = ReplayBuffer(1 << 20)
    buffer.append(Fragment(0, memoryview(b"zero"), 0.0, 1.9, True, b"first"))
    buffer.append(Fragment(4, memoryview(b"one"), 2.0, 3.9, True, b"second"))
    buffer.append(Fragment(7, memoryview(b"more"), 3.0, 3.9, False))
    assert (buffer.offset, buffer.prefix) == (0, b"first")
    buffer.commit(3.0)
    assert (buffer.offset, buffer.prefix) == (4, b"second")
    buffer.append(Fragment(11, memoryview(b"two"), 4.0, 4.0, True))
    buffer.commit(9.0)
    assert (buffer.offset, buffer.prefix) == (11, b"")


def test_the_bound_itself_is_full() -> None:
    buffer = ReplayBuffer(2 * (100 + _OVERHEAD))
    buffer.append(fragment(0, 100, 0.0, starts=True))
    assert buffer.make_room(fed=0)
    buffer.append(fragment(100, 100, 1.0, starts=False))
    assert not buffer.make_room(fed=0)
    assert buffer.make_room(fed=2)
    assert (buffer.given_up, buffer.offset) == (100, 0)


def test_nothing_is_given_up_while_the_commit_point_may_still_make_room() -> None:
    buffer = units(0.0, 2.0, limit=4 * (100 + _OVERHEAD), span=2.0)
    assert not buffer.make_room(fed=4)
    assert (buffer.given_up, buffer.seek(0.0)) == (0, 0)
    buffer.commit(2.5)
    assert buffer.make_room(fed=4)
    assert (buffer.given_up, buffer.offset) == (0, 200)


def test_a_bound_too_small_for_a_segment_is_no_reason_to_wait_for_one() -> None:
    buffer = units(0.0, 2.0, limit=4 * (100 + _OVERHEAD), span=3.1)  # it ends at 3 s
    assert not buffer.make_room(fed=0)
    assert buffer.make_room(fed=4)
    assert (buffer.given_up, buffer.get(0), buffer.seek(0.0)) == (100, None, 2)
    assert buffer.offset == 0


def test_no_more_is_given_up_than_makes_room() -> None:
    buffer = units(0.0, parts=6, limit=4 * (100 + _OVERHEAD))
    assert buffer.make_room(fed=6)
    assert (buffer.given_up, buffer.size) == (300, 3 * (100 + _OVERHEAD))


def test_a_flood_of_tiny_fragments_is_bounded_as_well() -> None:
    buffer = ReplayBuffer(10_000)
    taken = 0
    while buffer.make_room(fed=0):
        buffer.append(fragment(taken, 1, 0.0, starts=taken == 0))
        taken += 1
    assert taken < 100


# Memory


def test_a_small_view_does_not_keep_its_message_in_memory() -> None:
    message = bytes(1000)
    buffer = ReplayBuffer(1 << 20)
    buffer.append(Fragment(0, memoryview(message)[:499], 0.0, 0.0, True))
    kept = buffer.get(0)
    assert kept is not None
    assert kept.data.obj is not message
    assert kept.data == message[:499]


def test_a_large_view_is_not_copied() -> None:
    message = bytes(1000)
    buffer = ReplayBuffer(1 << 20)
    buffer.append(Fragment(0, memoryview(message)[:500], 0.0, 0.0, True))
    kept = buffer.get(0)
    assert kept is not None
    assert kept.data.obj is message


# Any story


class AnyStory(RuleBasedStateMachine):
    """Whatever is appended, committed and dropped: a restart finds what it needs, in bounded memory."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = 0
        self.span = 0.0
        self.buffer = ReplayBuffer(0)
        self.all: list[Fragment] = []
        self.first = 0
        self.time = 0.0
        self.committed = 0.0
        self.fed = 0
        self.largest = 0
        self.given_up = 0
        self.offset = 0  # of the unit that holds the commit point, among all that were ever appended

    @initialize(limit=st.integers(1000, 20_000), span=st.sampled_from([0.0, 2.0, 20.0]))
    def begin(self, limit: int, span: float) -> None:
        self.limit, self.span = limit, span
        self.buffer = ReplayBuffer(limit, span)

    @precondition(lambda self: self.buffer.make_room(0))
    @rule(size=st.integers(1, 3000), starts=st.booleans(), step=st.floats(0, 3), slack=st.integers(0, 5000))
    def append(self, size: int, starts: bool, step: float, slack: int) -> None:
        self.time += step
        offset = sum(len(one.data) for one in self.all)
        message = bytes((len(self.all) % 251,)) * (size + slack)
        made = Fragment(offset, memoryview(message)[:size], self.time, self.time, starts or not self.all)
        self.buffer.append(made)
        self.all.append(made)
        self.largest = max(self.largest, size + _OVERHEAD)

    @rule(share=st.floats(0, 1))
    def feed(self, share: float) -> None:
        self.fed = max(self.fed, self.first + round(share * (len(self.all) - self.first)))

    @rule(share=st.floats(0, 1.2))
    def commit(self, share: float) -> None:
        self.committed = max(self.committed, self.time * share)
        self.buffer.commit(self.committed)
        starts = [n for n in range(self.first, len(self.all)) if self.all[n].starts_unit]
        before = [n for n in starts if self.all[n].media_time <= self.committed - AUDIO_MARGIN]
        if before:  # else what is left of a unit that was given up in part stays: it may not be fed yet
            self.first = before[-1]
        done = [one for one in self.all if one.starts_unit and self._is_committed(one)]
        self.offset = done[-1].offset if done else 0

    def _is_committed(self, one: Fragment) -> bool:
        return one.media_time <= self.committed - AUDIO_MARGIN

    def _waiting_is_vain(self) -> bool:
        held = self.all[self.first :]
        return sum(one.starts_unit for one in held) <= 1 or self.time - held[0].media_time < self.span

    @rule()
    def make_room(self) -> None:
        has_room = self.buffer.make_room(self.fed)
        while self.held >= self.limit and self.first < self.fed and self._waiting_is_vain():
            self.given_up += len(self.all[self.first].data)
            self.first += 1
        assert has_room == (self.held < self.limit)

    @rule()
    def restart(self) -> None:
        start = self.buffer.seek(self.committed)
        if start is None:
            assert not any(one.starts_unit for one in self.all[self.first :])
            return
        first = self.buffer.get(start)
        assert first is not None
        assert first.starts_unit
        wanted = [n for n, one in enumerate(self.all) if one.media_time >= self.committed]
        if not self.given_up and wanted:
            assert start <= wanted[0]
        self.fed = max(start, self.first)

    @property
    def held(self) -> int:
        return sum(len(one.data) + _OVERHEAD for one in self.all[self.first :])

    @invariant()
    def same_fragments(self) -> None:
        assert self.buffer.end == len(self.all)
        for number in range(-1, len(self.all) + 1):
            found = self.buffer.get(number)
            if self.first <= number < len(self.all):
                assert found is not None
                assert (found.offset, found.data) == (self.all[number].offset, self.all[number].data)
                behind = found.data.obj
                assert isinstance(behind, bytes)
                assert len(behind) <= 2 * len(found.data)
            else:
                assert found is None

    @invariant()
    def same_sums(self) -> None:
        assert self.buffer.size == self.held
        assert self.buffer.given_up == self.given_up
        for number in (self.first, self.fed, len(self.all)):
            waiting = self.all[max(number, self.first) :]
            assert self.buffer.ahead(number) == sum(len(one.data) + _OVERHEAD for one in waiting)

    @invariant()
    def bounded(self) -> None:
        assert self.buffer.size < self.limit + self.largest

    @invariant()
    def offset_is_that_of_the_unit_with_the_commit_point(self) -> None:
        if not self.given_up:
            assert self.buffer.offset == self.offset


TestAnyStory = AnyStory.TestCase
TestAnyStory.settings = settings(deadline=None, max_examples=40, stateful_step_count=30)
