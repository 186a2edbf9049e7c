"""Every task is named, guarded and awaited by its owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from structlog.contextvars import bind_contextvars, get_contextvars, merge_contextvars

from ingestd.tasks import Tasks

Logs = list[Any]


def told(story: Callable[[Tasks], Coroutine[Any, Any, None]]) -> Logs:
    """What is logged while a story is played with the tasks of one owner."""

    async def play() -> None:
        await story(Tasks("owner"))
        await asyncio.sleep(0)

    with structlog.testing.capture_logs() as logs:
        asyncio.run(play())
    return logs


async def answer(value: int = 1) -> int:
    return value


async def fail() -> None:
    raise ValueError("no")


async def forever() -> None:
    await asyncio.Event().wait()


def test_a_task_is_named_after_its_owner_and_gives_its_result() -> None:
    async def story(tasks: Tasks) -> None:
        task = tasks.spawn(answer(7), "seven")
        assert (task.get_name(), await task, len(tasks)) == ("owner/seven", 7, 0)

    assert told(story) == []


def test_a_task_that_fails_is_logged_under_its_name_with_the_error() -> None:
    async def story(tasks: Tasks) -> None:
        await asyncio.wait([tasks.spawn(fail(), "broken")])

    (entry,) = told(story)
    assert (entry["event"], entry["task"], entry["log_level"]) == ("task_failed", "owner/broken", "error")
    assert repr(entry["exc_info"]) == "ValueError('no')"


def test_an_eternal_task_that_ends_is_logged() -> None:
    async def story(tasks: Tasks) -> None:
        await tasks.spawn(answer(), "watch", eternal=True)

    (entry,) = told(story)
    assert (entry["event"], entry["task"]) == ("task_ended_unexpectedly", "owner/watch")


def test_an_eternal_task_that_fails_is_logged_once() -> None:
    async def story(tasks: Tasks) -> None:
        await asyncio.wait([tasks.spawn(fail(), "watch", eternal=True)])

    assert [entry["event"] for entry in told(story)] == ["task_failed"]


def test_close_cancels_and_awaits_what_is_left() -> None:
    ended: list[str] = []

    async def with_last_words() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0)
            ended.append("last words")

    async def story(tasks: Tasks) -> None:
        slow, quick = tasks.spawn(with_last_words(), "slow", eternal=True), tasks.spawn(answer(), "quick")
        await asyncio.sleep(0)
        await tasks.close()
        assert (slow.cancelled(), quick.done(), len(tasks), ended) == (True, True, 0, ["last words"])

    assert told(story) == []


def test_a_task_that_fails_while_it_is_cancelled_does_not_stop_the_close() -> None:
    async def bad_loser() -> None:
        try:
            await forever()
        finally:
            raise ValueError("no")

    async def story(tasks: Tasks) -> None:
        tasks.spawn(bad_loser(), "loser")
        other = tasks.spawn(forever(), "other")
        await asyncio.sleep(0)
        await tasks.close()
        assert other.cancelled()

    assert [entry["event"] for entry in told(story)] == ["task_failed"]


def test_a_task_can_close_its_own_owner() -> None:
    async def story(tasks: Tasks) -> None:
        other = tasks.spawn(forever(), "other")
        await asyncio.sleep(0)
        await tasks.spawn(tasks.close(), "closer")
        assert other.cancelled()

    assert told(story) == []


def test_closing_nothing_is_fine() -> None:
    assert told(lambda tasks: tasks.close()) == []


def test_what_a_task_is_about_stands_on_its_lines_and_on_those_of_the_tasks_it_makes() -> None:
    seen: list[dict[str, Any]] = []

    async def note() -> None:
        seen.append(get_contextvars())

    async def inner() -> None:
        await note()
        bind_contextvars(generation=3)
        await Tasks("child").spawn(note(), "note")

    async def story(tasks: Tasks) -> None:
        bind_contextvars(request_id="r")
        await Tasks("broadcast", broadcast="b").spawn(inner(), "run")
        await tasks.spawn(note(), "note")
        await asyncio.wait([Tasks("other", broadcast="c").spawn(fail(), "broken")])

    async def play() -> None:
        await story(Tasks("owner"))
        await asyncio.sleep(0)

    with structlog.testing.capture_logs(processors=[merge_contextvars]) as logs:
        asyncio.run(play())
    assert seen == [{"broadcast": "b"}, {"broadcast": "b", "generation": 3}, {"request_id": "r"}]
    assert [(one["event"], one["broadcast"]) for one in logs] == [("task_failed", "c")]
    assert "request_id" not in logs[0]
