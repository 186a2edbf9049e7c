"""``/whip/<channel>``: publishers by WebRTC (WHIP, RFC 9725).

The SFU takes part in the conversation with the publisher (ICE, DTLS, losses); what it has it forwards to a
relay, behind which such a publisher's broadcast is one like every other.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingestd.accounts.gate import Admitted
from ingestd.broadcast.publication import Publication
from ingestd.broadcast.registry import Broadcasts
from ingestd.errors import Code, Refusal, Refused
from ingestd.ingest.relay import Relay, RelaySettings
from ingestd.ingest.remux import Track
from ingestd.ingest.rtp import Received
from ingestd.ingest.websocket import Door
from ingestd.tasks import Tasks
from ingestd.webrtc.candidates import janus_candidates
from ingestd.webrtc.http import (
    PREFLIGHT,
    Unanswered,
    bearer,
    created,
    malformed,
    read_fragment,
    read_offer,
    turned_away,
)
from ingestd.webrtc.ice import IceServers
from ingestd.webrtc.ports import TYPES, Port
from ingestd.webrtc.publishing import check_publish, publish_answer, publish_offer, publish_tag
from ingestd.webrtc.refusals import Refusals
from ingestd.webrtc.room import Room
from ingestd.webrtc.sdp import BadSdp, Offer
from ingestd.webrtc.webrtc import WebRtc

log = structlog.get_logger("ingestd.whip")

_TRIES_AGAIN = 5  # seconds, for whoever finds no port or no SFU
_BITRATE = 8_000_000  # bit/s that a publisher is allowed; its own estimate of the way decides below that
_MAX_TITLE = 200  # characters
_LEAVING = 5.0  # seconds for which the next one waits for who is leaving
_VANISHED = 9.0  # seconds without media, after which a publisher is not coming back
_FAREWELL = 4.0  # seconds for who has hung up to say that this was all; browsers do both at once

_UNKNOWN = Refusal(Code.NOT_FOUND, "There is no such WHIP session: it has ended. Publish again.")
_NOT_YOURS = Refusal(Code.UNAUTHENTICATED, "This WHIP session was begun with another token.")
_NO_TOKEN = Refusal(
    Code.TOKEN_MISSING,
    "A bearer token is needed: a publish token or the channel's stream key (Authorization: Bearer …).",
)
_ELSEWHERE = Refusal(Code.FORBIDDEN, "This token does not allow publishing to this channel.")
_NO_PORTS = Refusal(Code.NO_CAPACITY, "No WebRTC port is free now. Try again soon.", _TRIES_AGAIN)
_AWAY = Refusal(Code.UNAVAILABLE, "The WebRTC server is being started again. Try again soon.", _TRIES_AGAIN)
_REFUSED = Refusal(Code.UNSUPPORTED, "The WebRTC server does not take this offer.")
_SFU = Refusals(_AWAY, _NO_PORTS, _REFUSED)

_Call = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class _Session:
    """One publisher. ``owner`` is the digest of its bearer, by which it is known again."""

    channel: str
    owner: bytes
    offer: Offer
    room: Room
    stopped: bool = False  # its publisher said that this was all
    over: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)  # nothing of it is on the way any more

    @property
    def ended(self) -> bool:
        """What is on the way may still be written."""
        return self.over.is_set() or self.room.gone.is_set()


class Whip:
    """Takes WHIP publishers. ``webrtc`` says for itself when it is off."""

    def __init__(
        self,
        broadcasts: Broadcasts,
        door: Door,
        webrtc: WebRtc,
        settings: RelaySettings,
        servers: IceServers,
    ) -> None:
        self._broadcasts = broadcasts
        self._door = door
        self._webrtc = webrtc
        self._settings = settings
        self._servers = servers
        self._sessions: dict[str, _Session] = {}
        self._tasks = Tasks("whip")

    def routes(self) -> list[Route]:
        at, session = "/whip/{channel}", "/whip/{channel}/{session}"
        return [
            Route(at, self._guarded(self._publish), methods=["POST"]),
            Route(session, self._guarded(self._patch), methods=["PATCH"]),
            Route(session, self._guarded(self._end), methods=["DELETE"]),
            Route(at, self._options, methods=["OPTIONS"]),
            Route(session, self._options, methods=["OPTIONS"]),
        ]

    def room(self, channel: str) -> Room | None:
        """Of who publishes there now: beside one who was thrown out, the newcomer."""
        found = (one for one in reversed(self._sessions.values()) if one.channel == channel)
        return next((one.room for one in found if not one.ended), None)

    def __len__(self) -> int:
        """Publishers there are now."""
        return len(self._sessions)

    async def close(self) -> None:
        """Every publisher is sent away."""
        await self._tasks.close()

    def _guarded(self, call: _Call) -> _Call:
        async def answer(request: Request) -> Response:
            try:
                return await call(request)
            except Refused as error:
                return self._turn_away(error.refusal, request)
            except Unanswered as error:
                return error.answer()

        return answer

    async def _options(self, _request: Request) -> Response:
        """For pages of other sites (CORS)."""
        return Response(status_code=204, headers=PREFLIGHT)

    # Requests

    async def _publish(self, request: Request) -> Response:
        """201 with the SFU's answer, and where to end the session (RFC 9725 §4.2)."""
        given = bearer(request)
        admitted = await self._admit(request, given)
        offer = await read_offer(request)
        try:
            check_publish(offer)
        except BadSdp as error:
            raise malformed(error) from None
        if why := self._webrtc.off:
            raise Refused(Refusal(Code.UNAVAILABLE, why))
        await self._leaving(admitted.channel.name)
        takeover = request.query_params.get("takeover") == "true"
        title = request.query_params.get("title", "").strip()[:_MAX_TITLE] or admitted.channel.title
        publication = self._broadcasts.claim(admitted.channel.name, title, takeover)
        publication.visit.way = "whip"
        publication.visit.address = request.client.host if request.client else ""
        try:
            room, answered = await self._open(offer, publication)
        except BaseException:
            publication.close()
            raise
        name = secrets.token_urlsafe(16)
        session = _Session(admitted.channel.name, _digest(given), offer, room)
        self._begin(name, session, admitted, publication)
        self._broadcasts.totals.connections["whip"] += 1
        return created(answered, f"/whip/{session.channel}/{name}", offer, self._servers)

    async def _patch(self, request: Request) -> Response:
        """Trickle ICE."""
        session = self._session(request)
        fragment = await read_fragment(request, session.offer)
        if candidates := janus_candidates(fragment, publish_tag(session.offer)):
            with _SFU.told():
                await session.room.trickle(candidates)
        return Response(status_code=204)

    async def _end(self, request: Request) -> Response:
        """The publisher says that this was all: its broadcast ends, once all of it is in the playlist.

        FFmpeg says the same when the SFU has gone from under it: then its broadcast waits for it.
        """
        session = self._session(request, leaving=True)
        session.stopped = await session.room.still()
        session.over.set()
        return Response(status_code=200)

    def _session(self, request: Request, *, leaving: bool = False) -> _Session:
        """``leaving``: who has hung up has one still. Raises :class:`Refused`."""
        session = self._sessions.get(request.path_params["session"])
        if session is None or session.channel != request.path_params["channel"]:
            raise Refused(_UNKNOWN)
        if session.over.is_set() if leaving else session.ended:
            raise Refused(_UNKNOWN)
        if not hmac.compare_digest(session.owner, _digest(bearer(request))):
            raise Refused(_NOT_YOURS)
        return session

    async def _admit(self, request: Request, given: str) -> Admitted:
        if not given:
            raise Refused(_NO_TOKEN)
        admitted = await self._door.by_bearer(request, given)
        if isinstance(admitted, Refusal):
            raise Refused(admitted)
        if admitted.channel.name != request.path_params["channel"]:
            raise Refused(_ELSEWHERE)
        return admitted

    async def _leaving(self, channel: str) -> None:
        """Until who has taken leave there, or is known to be gone, has left: nobody is refused for that."""
        mine = [one for one in self._sessions.values() if one.channel == channel and one.ended]
        for one in mine:
            one.over.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVING):
                for one in mine:
                    await one.left.wait()

    # A publisher's life

    async def _open(self, offer: Offer, publication: Publication) -> tuple[Room, str]:
        """And what the publisher is answered."""
        with _SFU.told():
            room = await Room.open(self._webrtc.publishing, publish_offer(offer), _BITRATE)
            try:
                if publication.verdict:  # another has come meanwhile
                    raise Refused(publication.verdict)
                return room, publish_answer(offer, room.answer)
            except BaseException:
                await room.close()
                raise

    def _begin(self, name: str, session: _Session, admitted: Admitted, publication: Publication) -> None:
        room = session.room
        stream = f"{admitted.channel.name}-{secrets.token_hex(8)}"
        tracks = [Track(one.kind, TYPES[one.kind], one.encoding, one.parameters, 0) for one in room.media]

        async def forward(listening: Sequence[Track]) -> None:
            await room.forward("relay", {track.kind: Port(track.port) for track in listening})

        source = Received(stream, tracks, forward, self._settings.ffmpeg.scratch)
        relay = Relay(stream, publication, source, self._settings, lambda: self._door.still(admitted))
        self._sessions[name] = session
        with structlog.contextvars.bound_contextvars(channel=session.channel):
            self._tasks.spawn(self._attend(name, session, relay, source), f"attend-{stream}")

    async def _attend(self, name: str, session: _Session, relay: Relay, source: Received) -> None:
        """From the start of its relay until both have ended."""
        log.info("whip_publisher_connected", stream=relay.name)
        tasks = Tasks(f"whip/{relay.name}")
        relaying = tasks.spawn(relay.run(), "relay")
        ends = [session.over.wait(), session.room.gone.wait(), _vanished(session.room)]
        over = [tasks.spawn(end, "watch") for end in ends]
        try:
            await asyncio.wait([relaying, *over], return_when=asyncio.FIRST_COMPLETED)
            await _farewell(session)
            relay.leave(for_good=session.stopped)
            refusal = await relaying
            relay.publication.visit.reason = reason = refusal.message if refusal else session.room.reason
        finally:
            del self._sessions[name]
            await tasks.close()
            await session.room.close()
            source.close()
            session.left.set()
        log.info("whip_publisher_gone", reason=reason)

    # Answers

    def _turn_away(self, refusal: Refusal, request: Request) -> Response:
        self._broadcasts.totals.refusals[refusal.code.value] += 1
        address = request.client.host if request.client else ""
        log.warning(
            "whip_publisher_refused", code=refusal.code.value, reason=refusal.message, address=address
        )
        return turned_away(refusal)


async def _farewell(session: _Session) -> None:
    """Until who has hung up has taken leave, or will not. When the SFU is gone, nobody has hung up."""
    if session.room.gone.is_set() and await session.room.still():
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await session.over.wait()


async def _vanished(room: Room) -> None:
    """Until it has been silent for so long."""
    while True:
        await room.silent.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(_VANISHED):
                await room.sends.wait()
                continue
        return


def _digest(given: str) -> bytes:
    return hashlib.sha256(given.encode(errors="replace")).digest()
