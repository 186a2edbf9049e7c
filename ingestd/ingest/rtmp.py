"""What nginx-rtmp asks of us: who may publish, under which name, and who has to go.

A publisher names its stream by its stream key. The answer is a redirect to a name made of the channel
and chance, under which only our relay plays it; so the key is in no list, no playlist and no log. It is
given when the relay is there already, so that the first frame is not missed. nginx drops a publisher
whose update is refused: that is how we end one, half a second after the decision at the latest.

A ghost never blocks its successor: whoever comes with a good key while the channel is taken waits until
the one before has been silent for long enough, and gets in. If that one goes on sending, two publish at
once, and it is the newcomer that is refused (409): were it let in, two encoders that both reconnect would
throw out each other for ever.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingestd.accounts.failures import Failures, by_address
from ingestd.accounts.gate import Admitted
from ingestd.accounts.model import Channel
from ingestd.broadcast.publication import Publication
from ingestd.broadcast.registry import Broadcasts
from ingestd.errors import Code, Refusal, Refused
from ingestd.ingest.relay import Played, Relay, RelaySettings
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.rtmp")

_BODY = 16 * 1024  # bytes of a callback
_JOIN_SECONDS = 5.0  # until the relay plays: nginx has no patience for more than ten in all
_LOOK = 0.1  # seconds between two looks whether the one before is silent
_MARGIN = 1.5  # seconds beyond the silence itself, until nginx has told what a ghost sent last
_LONGEST_WAIT = 4.5  # seconds
_REMEMBERED = 300.0  # seconds for which it is told why a publisher was turned away

_TOO_MANY = Refusal(Code.TOO_MANY, "Too many wrong stream keys came from this address. Wait a minute.")
_UNKNOWN = Refusal(Code.NOT_FOUND, "There is no such stream.")
_GONE = Refusal(Code.TIMEOUT, "The publisher did not wait for an answer.")
_NOT_READ = Refusal(Code.INTERNAL, "The server could not read the stream; its log says more.")

_NOTHING: dict[str, Any] = dict.fromkeys(("video", "audio", "bitrate", "frame_rate", "keyframe_distance"))

Form = Mapping[str, str]


class Gate(Protocol):
    """Who may publish with a stream key alone, and for how long."""

    def key(self, stream_key: str) -> Admitted | Refusal: ...
    def still(self, admitted: Admitted) -> Refusal | None: ...


@dataclass(slots=True)
class _Publisher:
    """A connection at nginx that was let in; ``digest`` is that of its key, by which it is known again."""

    client: str
    digest: bytes
    admitted: Admitted
    relay: Relay


class Rtmp:
    """Takes RTMP publishers. ``used`` is told the id of a key that was used, and from where."""

    def __init__(
        self,
        broadcasts: Broadcasts,
        gate: Gate,
        failures: Failures,
        settings: RelaySettings,
        secret: str,
        silent_after: float,
        used: Callable[[str, str], None] = lambda _key, _address: None,
    ) -> None:
        self._broadcasts = broadcasts
        self._gate = gate
        self._failures = failures
        self._settings = settings
        self._secret = secret
        self._silent_after = silent_after
        self._used = used
        self._publishers: dict[str, _Publisher] = {}  # by nginx's number of the connection
        self._asking: dict[str, object] = {}  # by that number, too, calls of those that wait to be let in
        self._relays: dict[str, Relay] = {}  # by the stream's name
        self._refused: dict[str, tuple[Refusal, float]] = {}  # by channel: the last one, and when
        self._tasks = Tasks("rtmp")
        self._calls: dict[str, Callable[[Form], Awaitable[Response]]] = {
            "publish": self._publish,
            "play": self._play,
            "update": self._update,
            "done": self._done,
        }

    def routes(self) -> list[Route]:
        """For ingestd's own port; nginx's front must not hand them on."""
        return [Route("/internal/{secret}/rtmp/{call}", self._called, methods=["POST"])]

    def __len__(self) -> int:
        """Publishers there are now."""
        return len(self._relays)

    def source(self, channel: str) -> dict[str, Any] | None:
        """What the channel's publisher sends now, with advice; or why the last one was turned away.

        None: nothing is known. The way by which it comes is ``kind``.
        """
        newest = self._broadcasts.newest(channel)
        measured = newest.reception.measured() if newest and newest.publisher_present else None
        if newest and newest.open and measured:
            visits = newest.story.visits
            return {"kind": visits[-1].way if visits else "", **measured.facts()}
        if refusal := self._turned_away(channel):
            return {"kind": "rtmp", **_NOTHING, "advice": [refusal.message]}
        return None

    def _turned_away(self, channel: str) -> Refusal | None:
        """Why the last publisher was, as long as that is news, and true."""
        refusal, noted = self._refused.get(channel, (None, 0.0))
        if refusal is None or time.monotonic() - noted > _REMEMBERED:
            return None
        return None if refusal.code is Code.CONFLICT and not self._taken(channel) else refusal

    def _taken(self, channel: str) -> bool:
        refusal = self._broadcasts.refusal(channel)
        return refusal is not None and refusal.code is Code.CONFLICT

    async def close(self) -> None:
        """End every relay; nginx is told at the next update."""
        await self._tasks.close()

    async def _called(self, request: Request) -> Response:
        call = self._calls.get(request.path_params["call"])
        given = request.path_params["secret"].encode(errors="replace")
        if not hmac.compare_digest(given, self._secret.encode()) or call is None:
            return _refuse(_UNKNOWN)
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _BODY:
                return _refuse(Refusal(Code.TOO_LARGE, "A callback is larger than any that nginx sends."))
        return await call(_form(body))

    # What nginx asks

    async def _publish(self, form: Form) -> Response:
        """Redirected to the name of the stream, or refused."""
        address, client = form.get("addr", ""), form.get("clientid", "")
        admitted = self._admit(form.get("name", ""), address)
        if isinstance(admitted, Refusal):
            return self._turn_away(admitted, address, "")
        call = self._asking[client] = object()
        try:
            publisher = await self._take(admitted, form, call)
        except Refused as error:
            return self._turn_away(error.refusal, address, admitted.channel.name)
        finally:
            if self._asking.get(client) is call:  # after a restart of nginx the number may be another's
                del self._asking[client]
        self._refused.pop(admitted.channel.name, None)
        self._broadcasts.totals.connections["rtmp"] += 1
        if admitted.key:
            self._used(admitted.key, address)
        return Response(status_code=302, headers={"Location": publisher.relay.name})

    async def _play(self, form: Form) -> Response:
        """Nobody but a relay knows the name of a stream."""
        relay = self._relays.get(form.get("name", ""))
        if relay is None:
            return _refuse(_UNKNOWN)
        relay.joined.set()
        return Response()

    async def _update(self, form: Form) -> Response:
        """Twice a second for each publisher and each relay, from the moment that it asks to be let in."""
        if form.get("call") == "update_play":
            return Response() if form.get("name") in self._relays else _refuse(_UNKNOWN)
        if form.get("clientid") in self._asking:
            return Response()
        publisher = self._known(form)
        if publisher is None:
            return _refuse(_UNKNOWN)
        publisher.relay.heard(form.get("timestamp", "0"))
        refusal = self._gate.still(publisher.admitted)
        return _refuse(refusal) if refusal else Response()

    async def _done(self, form: Form) -> Response:
        """The publisher is gone, in whatever way: its broadcast waits for it."""
        self._asking.pop(form.get("clientid", ""), None)
        if publisher := self._known(form):
            publisher.relay.leave()
        return Response()

    def _known(self, form: Form) -> _Publisher | None:
        """nginx counts its connections anew when it is started again: the number alone says too little."""
        found = self._publishers.get(form.get("clientid", ""))
        return found if found and hmac.compare_digest(found.digest, _digest(form)) else None

    # How a publisher gets in, and out

    def _admit(self, key: str, address: str) -> Admitted | Refusal:
        now, name = time.monotonic(), by_address(address)
        if self._failures.allowed(now, name) > 0:
            return _TOO_MANY
        admitted = self._gate.key(key)
        if isinstance(admitted, Refusal):
            self._failures.failed(now, name)
        return admitted

    async def _take(self, admitted: Admitted, form: Form, call: object) -> _Publisher:
        """Its claim on the channel, and a relay that waits for its first frame. Raises :class:`Refused`."""
        publication = await self._claim(admitted.channel)
        publication.visit.way, publication.visit.address = "rtmp", form.get("addr", "")
        client = form.get("clientid", "")
        if self._asking.get(client) is not call:
            publication.close()
            raise Refused(_GONE)
        name = f"{admitted.channel.name}-{secrets.token_hex(8)}"
        source = Played(f"{self._settings.url}/{name}")
        relay = Relay(name, publication, source, self._settings, lambda: self._gate.still(admitted))
        publisher = _Publisher(client, _digest(form), admitted, relay)
        self._publishers[client], self._relays[name] = publisher, relay
        attended = self._tasks.spawn(self._attend(publisher), f"attend-{name}")
        joined = self._tasks.spawn(relay.joined.wait(), f"join-{name}")
        await asyncio.wait({attended, joined}, timeout=_JOIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not relay.joined.is_set():
            attended.cancel()
            joined.cancel()
            raise Refused(_told(attended) or _NOT_READ)
        return publisher

    async def _claim(self, channel: Channel) -> Publication:
        """Take the channel, as soon as nobody else publishes there. Raises :class:`Refused`.

        After the wait, what is left of a publisher that has gone is given up for the one that is here.
        """
        deadline = time.monotonic() + min(_LONGEST_WAIT, self._silent_after + _MARGIN)
        while time.monotonic() < deadline:
            if not self._taken(channel.name):
                break
            await asyncio.sleep(_LOOK)
        mine = [one for one in self._relays.values() if one.publication.channel == channel.name]
        takeover = any(one.left and one.publication.verdict is None for one in mine)
        return self._broadcasts.claim(channel.name, channel.title, takeover)

    async def _attend(self, publisher: _Publisher) -> Refusal | None:
        """From the start of its relay to its end; why, if we ended it.

        Whoever ends before it has joined was never let in: its publisher is turned away, and told there.
        """
        relay, channel = publisher.relay, publisher.admitted.channel.name
        with structlog.contextvars.bound_contextvars(channel=channel):
            log.info("rtmp_publisher_connected", stream=relay.name, key=publisher.admitted.key)
            try:
                refusal = await relay.run()
            finally:
                del self._relays[relay.name]
                if self._publishers.get(publisher.client) is publisher:
                    del self._publishers[publisher.client]
            if refusal is None:
                log.info("rtmp_publisher_gone")
            else:
                relay.publication.visit.reason = refusal.message
                if relay.joined.is_set():
                    self._note(channel, refusal)
                    log.warning("rtmp_publisher_dropped", code=refusal.code.value, reason=refusal.message)
            return refusal

    def _turn_away(self, refusal: Refusal, address: str, channel: str) -> Response:
        self._note(channel, refusal)
        log.warning(
            "rtmp_publisher_refused",
            code=refusal.code.value,
            reason=refusal.message,
            address=address,
            channel=channel,
        )
        return _refuse(refusal)

    def _note(self, channel: str, refusal: Refusal) -> None:
        self._broadcasts.totals.refusals[refusal.code.value] += 1
        if channel:
            self._refused[channel] = refusal, time.monotonic()


def _told(attended: asyncio.Task[Refusal | None]) -> Refusal | None:
    """Why a relay was ended; None where it was not, or nobody knows."""
    known = attended.done() and not attended.cancelled() and not attended.exception()
    return attended.result() if known else None


def _form(body: bytes) -> Form:
    """The fields of a callback. The first of a name counts: a publisher's own arguments come last."""
    fields: dict[str, str] = {}
    for name, value in parse_qsl(body.decode(errors="replace"), keep_blank_values=True):
        fields.setdefault(name, value)
    return fields


def _digest(form: Form) -> bytes:
    return hashlib.sha256(form.get("name", "").encode(errors="replace")).digest()


def _refuse(refusal: Refusal) -> Response:
    return JSONResponse(refusal.body(), refusal.status)
