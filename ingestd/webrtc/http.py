"""What WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) have in common on the wire."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ingestd.errors import Code, Refusal, Refused
from ingestd.webrtc.candidates import Fragment, parse_fragment
from ingestd.webrtc.ice import IceServers
from ingestd.webrtc.sdp import BadSdp, Offer, parse_offer

SDP = "application/sdp"
TRICKLE = "application/trickle-ice-sdpfrag"

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, ETag, Link, Accept-Patch, Retry-After",
}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Max-Age": "86400",
    "Accept-Post": SDP,
}


@dataclass(frozen=True, slots=True)
class Unanswered(Exception):
    """A PATCH that is not carried out: an HTTP status of which the table of errors knows nothing."""

    status: int
    words: str

    def answer(self) -> Response:
        return JSONResponse({"error": {"code": Code.INVALID.value, "message": self.words}}, self.status)


async def read_offer(request: Request) -> Offer:
    """The body of a POST; raises :class:`Refused`."""
    if content_type(request) != SDP:
        raise Refused(Refusal(Code.UNSUPPORTED, f"An offer is sent as {SDP}."))
    try:
        return parse_offer(await request.body())
    except BadSdp as error:
        raise malformed(error) from None


async def read_fragment(request: Request, offer: Offer) -> Fragment:
    """The body of a PATCH to the session that began with ``offer`` (RFC 9725 §4.3): candidates alone, for the
    SFU cannot restart ICE. A client that does not say If-Match (Eyevinn's) has only this session in mind.

    Raises :class:`Refused`, :class:`Unanswered`.
    """
    if content_type(request) != TRICKLE:
        raise Refused(Refusal(Code.UNSUPPORTED, f"A PATCH carries {TRICKLE}."))
    expected = request.headers.get("if-match", etag(offer))
    try:
        fragment = parse_fragment(await request.body())
    except BadSdp as error:
        raise malformed(error) from None
    if expected == "*" or fragment.restarts(*offer.ice):
        raise Unanswered(422, "ICE cannot be restarted here. Begin a new session.")
    if expected != etag(offer):
        raise Unanswered(412, "That ICE session is over.")
    return fragment


def created(answer: str, place: str, offer: Offer, servers: IceServers) -> Response:
    """201, with where to end the session (RFC 9725 §4.2), and with STUN and TURN servers (§4.6)."""
    headers = {"Location": place, "ETag": etag(offer), "Accept-Patch": TRICKLE}
    made = Response(answer, 201, headers, SDP)
    for link in servers.links(time.time()):
        made.headers.append("Link", link)
    return made


def etag(offer: Offer) -> str:
    """Names the ICE session without telling its secrets (RFC 9725 §4.3)."""
    return f'"{hashlib.sha256(" ".join(offer.ice).encode()).hexdigest()[:32]}"'


def turned_away(refusal: Refusal) -> Response:
    """With 401 goes the scheme that would help (RFC 9110 §11.6.1)."""
    scheme = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
    return JSONResponse(refusal.body(), refusal.status, scheme | refusal.headers())


def malformed(error: BadSdp) -> Refused:
    return Refused(Refusal(Code.MALFORMED, str(error)))


def content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def bearer(request: Request) -> str:
    """The token of ``Authorization: Bearer …`` (RFC 6750); empty: there is none."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""
