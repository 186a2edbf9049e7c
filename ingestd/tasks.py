"""The only place where tasks are made: each has a name, an owner that awaits it, and a guard.

A task that dies is a fault that nobody notices until a stream stands still; so a task that
raises, or should run for good and ends, is logged at once under its name.
(Model: kopf ``aiokits/aiotasks.py``.)
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger("ingestd.tasks")


class Tasks:
    """The tasks of one owner; ``close`` cancels and awaits every one that is left.

    ``about`` stands on each line that they log, and on those of the tasks that they make in turn, in
    the place of what is said of whoever makes this: a broadcast outlives the request that began it.
    Without ``about`` tasks log as the one that spawns them.
    """

    def __init__(self, owner: str, **about: object) -> None:
        self._owner = owner
        self._about = about
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(
        self, coroutine: Coroutine[Any, Any, Any], name: str, *, eternal: bool = False
    ) -> asyncio.Task[Any]:
        """Run a coroutine as ``owner/name``; an eternal one is reported whenever it ends."""
        context = contextvars.copy_context()
        if self._about:
            context.run(_only, self._about)
        task = asyncio.create_task(  # noqa: TID251 - here is its place
            coroutine, name=f"{self._owner}/{name}", context=context
        )
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._finished(done, eternal), context=context)
        return task

    def _finished(self, task: asyncio.Task[Any], eternal: bool) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log.error("task_failed", task=task.get_name(), exc_info=error)
        elif eternal:
            log.error("task_ended_unexpectedly", task=task.get_name())

    async def close(self) -> None:
        """Cancel what still runs and wait until all of it is over."""
        pending = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


def _only(about: dict[str, object]) -> None:
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**about)
