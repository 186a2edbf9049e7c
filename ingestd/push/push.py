"""One push target: fed whenever its channel is live, tried again when it breaks."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from ingestd.accounts.model import Target
from ingestd.broadcast.lifecycle import State as BroadcastState
from ingestd.encoder.encoder import EncoderSettings
from ingestd.errors import Code, Refusal, Refused, StartError
from ingestd.push.allowed import Own, Resolver, parse, reachable
from ingestd.push.amf import Malformed
from ingestd.push.connection import Closed, Connection
from ingestd.push.follow import Follow, Piece, Playlist
from ingestd.push.lookup import Unanswered
from ingestd.push.pour import Pour
from ingestd.push.remux import RemuxFailed
from ingestd.push.rtmp import Rejected
from ingestd.push.state import Event, Life, Meter, PushState, State

log = structlog.get_logger("ingestd.push")


class Rendition(Protocol):
    @property
    def name(self) -> str: ...


class Listed(Protocol):
    """A rendition and its playlist."""

    @property
    def rendition(self) -> Rendition: ...
    @property
    def media(self) -> Playlist: ...


class Delivery(Protocol):
    @property
    def directory(self) -> Path: ...
    @property
    def listed(self) -> Sequence[Listed]: ...


class Live(Protocol):
    """What a push needs of a broadcast."""

    @property
    def id(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def state(self) -> BroadcastState: ...
    @property
    def open(self) -> bool: ...
    @property
    def delivery(self) -> Delivery: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every push. ``secret`` gives the key of a target (its id); ``allow`` are networks
    and host names that need not be public; ``resolver`` looks up hosts for a channel."""

    broadcasts: Callable[[], Iterable[Live]]
    secret: Callable[[str], str]
    encoder: EncoderSettings
    allow: Sequence[str]
    resolver: Callable[[str], Resolver]
    own: Own
    tls: ssl.SSLContext


class Push:
    """Runs until it is cancelled; :meth:`changed` has it look at the broadcasts again."""

    def __init__(self, target: Target, terms: Terms) -> None:
        self.target = target
        self._terms = terms
        self._life = Life()
        self._meter = Meter()
        self._since = time.time()
        self._wake = asyncio.Event()
        self._followed: tuple[Live, Follow] | None = None
        self._log = log.bind(target=target.id, channel=target.channel)

    def changed(self) -> None:
        self._wake.set()

    @property
    def state(self) -> PushState:
        life, followed = self._life, self._followed
        pushing = life.state is State.PUSHING
        bitrate, speed = self._meter.rates(time.monotonic()) if pushing else (0.0, 0.0)
        listed = self._listed(followed[0]) if followed else None
        return PushState(
            target=self.target.id,
            channel=self.target.channel,
            state=life.state,
            message=life.message,
            since=self._since,
            rendition=listed.rendition.name if listed else "",
            bitrate=bitrate,
            speed=speed,
            sent=self._meter.sent,
            behind=followed[1].behind(listed.media) if followed and listed else 0.0,
            connections=life.connections,
        )

    def _listed(self, live: Live) -> Listed | None:
        """The rendition that was asked for; the best one if it is not made of this source."""
        listed = live.delivery.listed
        named = (one for one in listed if one.rendition.name == self.target.rendition)
        return next(named, listed[0] if listed else None)

    async def run(self) -> None:
        done = ""
        while True:
            live = await self._next_broadcast(done)
            self._followed = live, Follow()
            try:
                await self._deliver(live, self._followed[1])
            except asyncio.CancelledError:
                raise
            except Exception:
                self._log.exception("push_failed")
                self._life.hopeless("the server made a mistake; its log says more.", time.monotonic())
                self._note()
            self._followed, done = None, live.id

    async def _next_broadcast(self, done: str) -> Live:
        """The channel's next broadcast, as soon as media of it reaches the playlist."""
        while True:
            for live in self._terms.broadcasts():
                ours = live.channel == self.target.channel and live.id != done
                if ours and live.state is BroadcastState.LIVE and self._listed(live):
                    return live
            await self._look()

    async def _look(self) -> None:
        self._wake.clear()
        await self._wake.wait()

    async def _deliver(self, live: Live, follow: Follow) -> None:
        """One broadcast, over as many connections as it takes."""
        self._on(Event.LIVE)
        while True:
            try:
                await self._attempt(live, follow)
            except Refused as refused:
                self._life.hopeless(refused.refusal.message, time.monotonic())
                return self._note()
            except (OSError, Rejected, Malformed, RemuxFailed, StartError) as error:
                counts = not isinstance(error, Unanswered)
                delay = self._life.broke(explain(error), time.monotonic(), random.random(), counts=counts)
                self._note()
            else:
                return self._on(Event.OVER)
            if delay is None:
                return None
            await asyncio.sleep(delay)
            if not await self._has_more(live, follow):
                return self._on(Event.OVER)
            self._on(Event.RETRY)

    async def _attempt(self, live: Live, follow: Follow) -> None:
        """One connection, until all of the broadcast was sent; raises what ended it before."""
        terms, target = self._terms, self.target
        address = parse(target.url)
        ips = await reachable(address, terms.allow, terms.resolver(target.channel), terms.own)
        connection = await Connection.open(address, ips, self._key(), terms.tls)
        try:
            self._on(Event.ACCEPTED)
            self._meter.begin()
            follow.reconnected()
            pour = Pour(connection, live.delivery.directory, terms.encoder, target.id, self._meter)
            await pour.run(self._pieces(live, follow), follow)
        finally:
            await connection.close()

    def _key(self) -> str:
        try:
            key = self._terms.secret(self.target.id)
        except Exception as error:  # whatever says so may quote it
            self._log.error("push_key_unreadable", kind=type(error).__name__)
            key = ""
        if not key:
            raise Refused(Refusal(Code.INVALID, "the key of this target is missing; set it again."))
        return key

    async def _pieces(self, live: Live, follow: Follow) -> AsyncIterator[Piece]:
        while await self._has_more(live, follow):
            listed = self._listed(live)
            if listed and (piece := follow.take(listed.media)):
                yield piece

    async def _has_more(self, live: Live, follow: Follow) -> bool:
        """Until there is something to send (True), or there never will be (False)."""
        while True:
            listed = self._listed(live)
            if listed and follow.has_more(listed.media):
                return True
            if not live.open or (listed and listed.media.ended):
                return False
            await self._look()

    def _on(self, event: Event) -> None:
        self._life.on(event, time.monotonic())
        self._note()

    def _note(self) -> None:
        self._since = time.time()
        self._log.info("push", state=self._life.state.value, words=self._life.message)


_STARTING = "FFmpeg could not repackage the stream; the log says more."

# the first that fits; TimeoutError, ssl's and socket's errors are OSErrors, too
_EXPLANATIONS: tuple[tuple[type[Exception], str], ...] = (
    (RemuxFailed, _STARTING),
    (StartError, _STARTING),
    (Malformed, "the other side does not speak RTMP as it should."),
    (Closed, "the other side closed the connection; if it does so at once, check the key."),
    (ssl.SSLCertVerificationError, "the TLS certificate of the other side is not valid for this host."),
    (ssl.SSLError, "TLS with the other side failed."),
    (Unanswered, "the name of the host cannot be looked up just now."),
    (socket.gaierror, "the name of the host is not known."),
    (TimeoutError, "the other side does not answer."),
    (ConnectionRefusedError, "nobody listens at this address."),
)


def explain(error: Exception) -> str:
    """What broke a push, in half a sentence that quotes nothing of what the other side says."""
    if isinstance(error, Rejected):
        return f"{error}."
    if words := next((words for kind, words in _EXPLANATIONS if isinstance(error, kind)), ""):
        return words
    number = getattr(error, "errno", None)
    return f"the connection broke ({os.strerror(number)})." if number else "the connection broke."
