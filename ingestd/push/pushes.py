"""All push targets of this server: each with a life of its own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from ingestd.accounts.model import Target
from ingestd.encoder.encoder import EncoderSettings
from ingestd.push.allowed import Own, Resolver
from ingestd.push.lookup import own_addresses
from ingestd.push.push import Live, Push, Terms
from ingestd.push.state import PushState
from ingestd.tasks import Tasks


class Changes(Protocol):
    """Told whenever a broadcast changes."""

    def changes(self) -> AsyncIterator[Sequence[Live]]: ...


class Broadcasts(Protocol):
    """The open broadcasts, oldest first (:class:`ingestd.broadcast.registry.Broadcasts`)."""

    def __iter__(self) -> Iterator[Live]: ...
    def subscribe(self) -> AbstractContextManager[Changes]: ...


class Pushes:
    """Keeps a push for every target that is enabled.

    ``targets`` tells those that there are now; ``secret`` the key of one, asked for at each connect
    and not kept. ``allow`` is the setting ``push.allow``; ``resolver`` looks up hosts for a channel.
    """

    def __init__(
        self,
        broadcasts: Broadcasts,
        targets: Callable[[], Sequence[Target]],
        secret: Callable[[str], str],
        encoder: EncoderSettings,
        resolver: Callable[[str], Resolver],
        allow: Sequence[str] = (),
        *,
        own: Own = own_addresses,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._broadcasts = broadcasts
        self._targets = targets
        context = tls or ssl.create_default_context()
        self._terms = Terms(lambda: broadcasts, secret, encoder, tuple(allow), resolver, own, context)
        self._pushes: dict[str, tuple[Push, Tasks]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._tasks = Tasks("pushes")

    def start(self) -> None:
        self._tasks.spawn(self._watch(), "watch")
        self.changed()

    async def _watch(self) -> None:
        with self._broadcasts.subscribe() as subscriber:
            async for changed in subscriber.changes():
                channels = {one.channel for one in changed}
                for push, _ in self._pushes.values():
                    if push.target.channel in channels:
                        push.changed()

    def changed(self) -> None:
        """The targets may be others now: what is new begins, what is gone or another ends."""
        wanted = {target.id: target for target in self._targets() if target.enabled}
        for key, (push, _) in list(self._pushes.items()):
            if wanted.get(key) != push.target:
                self._end(key)
        for key, target in wanted.items():
            if key not in self._pushes:
                push, tasks = Push(target, self._terms), _tasks(target)
                tasks.spawn(push.run(), "run", eternal=True)
                self._pushes[key] = push, tasks

    def states(self) -> Mapping[str, PushState]:
        """By the target's id; one that is not enabled is not there."""
        return {key: push.state for key, (push, _) in self._pushes.items()}

    def _end(self, key: str) -> None:
        _, tasks = self._pushes.pop(key)
        ending = self._tasks.spawn(tasks.close(), f"end-{key}")
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End all of them, and everything they have started."""
        for key in list(self._pushes):
            self._end(key)
        await asyncio.gather(*self._ending)
        await self._tasks.close()


def _tasks(target: Target) -> Tasks:
    return Tasks(f"push/{target.id}", target=target.id, channel=target.channel)
