"""When to try again, and what the end of a connection means: pure. And who paces the recording."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.publish.backlog import Backlog, Bounds, Bytes
from ingestd.publish.dialogue import Circumstances, Error, Then, ended, judge, mime
from ingestd.publish.errors import Closed, Exit, Failure
from ingestd.publish.pacing import Slice, Unit
from ingestd.publish.recorder import Recorder
from ingestd.publish.retry import Waits

LIVE = Circumstances(resumed=True, ready=True, live=True)
RESUMED = Circumstances(resumed=True, live=True)
FIRST = Circumstances()


class Least(Random):
    def random(self) -> float:
        return 1.0


class Most(Random):
    def random(self) -> float:
        return 0.0


def test_at_once_and_then_ever_later() -> None:
    waits = Waits(Most())
    assert [waits.next(0.0) for _ in range(5)] == [0.0, 0.25, 0.5, 1.0, 1.0]
    assert [waits.next(61.0) for _ in range(3)] == [4.0, 5.0, 5.0]
    waits.reset()
    assert [waits.next(0.0) for _ in range(2)] == [0.0, 0.25]


def test_a_server_that_asks_for_patience_is_left_alone_for_longer() -> None:
    waits = Waits(Most())
    assert [waits.next(0.0, later=True) for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_server_that_says_how_long_is_left_alone_for_so_long_at_least() -> None:
    assert Waits(Most()).next(0.0, later=True, at_least=15.0) == 15.0
    assert Waits(Least()).next(90.0, later=True, at_least=15.0) == 18.0


def test_jitter_takes_off_up_to_half() -> None:
    waits = Waits(Least())
    assert [waits.next(0.0) for _ in range(4)] == [0.0, 0.125, 0.25, 0.5]


@given(st.integers(), st.lists(st.tuples(st.floats(0, 1e4), st.booleans()), max_size=100))
def test_no_wait_is_longer_than_five_seconds(seed: int, attempts: list[tuple[float, bool]]) -> None:
    waits = Waits(Random(seed))
    assert all(0 <= waits.next(since, later=later) <= 5 for since, later in attempts)


def verdict(code: int, now: Circumstances, error: str = "", words: str = "words") -> tuple[Then, Exit]:
    found = judge(Closed(code, "why"), Error(error, words) if error else None, now)
    return found.then, found.failure.exit


@pytest.mark.parametrize(
    ("code", "now", "then"),
    [
        *[(code, LIVE, Then.RETRY) for code in (1000, 1001, 1005, 1006, 1011, 1012, 4408, 3000)],
        *[(code, RESUMED, Then.RETRY) for code in (1001, 1006, 1011, 1012, 4408)],
        *[(code, FIRST, Then.RETRY) for code in (1006, 1012, 4408)],
        *[(code, LIVE, Then.FAIL) for code in (1009, 4400, 4401, 4403, 4409, 4413, 4415, 4499)],
        *[(code, FIRST, Then.FAIL) for code in (1013, 4404, 4409, 4429)],
        *[(code, RESUMED, Then.LATER) for code in (1013, 4429)],
        *[(4404, now, Then.AFRESH) for now in (LIVE, RESUMED)],
        (4404, Circumstances(resumed=True, delivered=True), Then.DONE),
        (4404, Circumstances(resumed=True, failed="It broke."), Then.FAIL),
        (4409, Circumstances(resumed=True, doubtful=True), Then.RETRY),
        (4409, Circumstances(doubtful=True), Then.RETRY),
    ],
)
def test_what_the_end_of_a_connection_means(code: int, now: Circumstances, then: Then) -> None:
    assert verdict(code, now)[0] is then


def test_a_fault_that_the_server_names_ends_it_only_as_the_answer_to_a_greeting() -> None:
    assert verdict(1011, LIVE, "internal_error")[0] is Then.RETRY
    assert verdict(1011, RESUMED, "internal_error") == (Then.FAIL, Exit.LOST)
    assert verdict(1011, RESUMED)[0] is Then.RETRY


def test_an_error_tells_the_close_code_that_was_lost() -> None:
    assert verdict(1006, LIVE, "already_live") == (Then.FAIL, Exit.BUSY)
    assert verdict(1006, LIVE, "something_new")[0] is Then.RETRY
    assert verdict(1012, LIVE, "already_live")[0] is Then.RETRY


def test_an_end_that_nobody_asked_for() -> None:
    assert ended(LIVE, stopped=True).then is Then.DONE
    assert ended(LIVE, stopped=False).then is Then.AFRESH


def test_the_mime_type_of_nothing() -> None:
    assert mime(None) == "video/webm"


def piece(number: int) -> Slice:
    return Slice(number * 0.02, b"x" * 10, number * 0.02, number == 0, None, (Unit(10 * number),))


async def pieces(count: int) -> AsyncGenerator[Slice, None]:
    for number in range(1, count):
        yield piece(number)


def test_time_runs_without_a_connection_and_a_full_backlog_stops_it() -> None:
    async def test() -> None:
        backlog = Backlog(Bounds(bytes=100))
        backlog.append(piece(0))
        recorder, clock = Recorder(backlog, 1.0), asyncio.get_running_loop().time
        task = asyncio.create_task(recorder.run(piece(0), pieces(19)))
        recorder.live.set()
        began = clock()
        async with asyncio.timeout(30):
            while not recorder.waiting:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.001)
        assert backlog.held == 100
        assert clock() - began >= 8.5 * 0.02
        link = backlog.connect()
        link.ready("b", 0, 0)
        assert all(isinstance(link.next(), Bytes) for _ in range(10))
        link.ack(0, 90, 0.0)
        freed = clock()
        recorder.freed.set()
        assert await task is None
        assert clock() - freed >= 7.5 * 0.02, "what waited for room is due later"
        assert backlog.recorded and backlog.held == 100

    asyncio.run(test())


def test_a_file_that_cannot_be_read_to_its_end_is_complete_all_the_same() -> None:
    async def broken() -> AsyncGenerator[Slice, None]:
        yield piece(1)
        raise Failure(Exit.UNUSABLE, "damaged")

    async def test() -> None:
        backlog = Backlog(Bounds())
        backlog.append(piece(0))
        recorder = Recorder(backlog, 0.0)
        recorder.live.set()
        failure = await recorder.run(piece(0), broken())
        assert failure and failure.exit is Exit.UNUSABLE
        assert backlog.recorded and recorder.news.is_set()

    asyncio.run(test())
