"""A viewer's offer and an offer of Janus, made to meet (WHEP). Pure.

Janus 1.1's streaming plugin answers no offer, it only makes some. So both sides get an answer that nobody
wrote: the viewer's speaks of Janus' ICE, DTLS and SSRCs with the viewer's mids and payload types, Janus'
of the viewer's ICE and DTLS with Janus' own mids. Payload types cannot be changed on the way: Janus' offer
must come from a mountpoint that has the viewer's (:class:`Wanted`). Header extensions have numbers of
each side's own, and retransmissions (RTX) payload types: neither is agreed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingestd.webrtc.codecs import Codec
from ingestd.webrtc.publishing import from_janus, shared_transport
from ingestd.webrtc.sdp import BadSdp, Media, Offer, Unfit
from ingestd.webrtc.written import PROTOCOL, Section, answering, description, ssrcs

_STREAM = "ingestd"  # one id for picture and sound: they are to be played in step
_NEEDS_EXTENSION = "transport-cc"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The viewer's payload types for our codecs; None: it cannot play that."""

    h264: int | None
    vp8: int | None
    opus: int | None


@dataclass(frozen=True, slots=True)
class Bridged:
    """Both answers. ``tag``: the viewer's mid whose candidates count (for ``janus_candidates``)."""

    for_viewer: str
    for_janus: str
    tag: str


@dataclass(frozen=True, slots=True)
class _Pair:
    janus: Media
    viewer: Media
    sent: Codec  # as Janus calls it
    played: Codec  # as the viewer does


def wanted(offer: Offer) -> Wanted:
    """What a viewer can play; raises :class:`BadSdp` when it is nothing that we have."""
    video, audio = _first(offer, "video"), _first(offer, "audio")
    found = Wanted(_payload(video, "H264"), _payload(video, "VP8"), _payload(audio, "OPUS"))
    if found == Wanted(None, None, None):
        raise BadSdp("The SDP asks for nothing that is sent here: H.264 (packetization-mode=1), VP8 or Opus.")
    shared_transport(offer, [media for media in (video, audio) if media])
    return found


def bridge(viewer: Offer, janus_offer: str) -> Bridged:
    """Raises :class:`BadSdp` when the viewer can play nothing of it, :class:`Unfit` when it is Janus."""
    theirs = from_janus(janus_offer)
    pairs = _pairs(theirs, viewer)
    if not pairs:
        raise BadSdp("The SDP asks for nothing that this stream has, or not with its codecs.")
    played = [pair.viewer for pair in pairs]
    if theirs.transport.setup != "actpass":
        raise Unfit("Janus wants a certain role of DTLS.")
    there = shared_transport(viewer, played)
    here = answering(theirs.transport, there.setup)
    there = answering(there, here.setup)
    return Bridged(
        description(here, [_for_viewer(media, pairs) for media in viewer.media], lite=theirs.lite),
        description(there, [_for_janus(media, pairs) for media in theirs.media], lite=viewer.lite),
        viewer.tag([media.mid for media in played]).mid,
    )


def _first(offer: Offer, kind: str) -> Media | None:
    """The first m-section of that kind that can play something of ours."""
    for media in offer.media:
        if media.kind == kind and media.receives and any(codec.ours for codec in media.codecs):
            return media
    return None


def _payload(media: Media | None, name: str) -> int | None:
    codec = media.codec(name) if media else None
    return codec.payload if codec else None


def _pairs(janus: Offer, viewer: Offer) -> list[_Pair]:
    """One for each kind."""
    found = {pair.viewer.mid: pair for media in janus.media if media.sends and (pair := _pair(media, viewer))}
    return list(found.values())


def _pair(janus: Media, offer: Offer) -> _Pair | None:
    """Janus' m-section with the viewer's that plays it; None: the viewer wants or knows no such thing."""
    sent = next((codec for codec in janus.codecs if codec.repairs is None), None)
    viewer = _first(offer, janus.kind)
    played = viewer.codec(sent.name) if viewer and sent else None
    if not (sent and viewer and played):
        return None
    if sent.payload != played.payload:
        raise Unfit("Janus' mountpoint has another payload type than the viewer.")
    if not janus.ssrcs:
        raise Unfit("Janus does not say the SSRC of what it sends.")
    return _Pair(janus, viewer, sent, played)


def _feedback(pair: _Pair) -> tuple[str, ...]:
    both = [one for one in pair.sent.feedback if one in pair.played.feedback]
    return tuple(one for one in both if one != _NEEDS_EXTENSION)


def _for_viewer(media: Media, pairs: Sequence[_Pair]) -> Section:
    for pair in pairs:
        if pair.viewer is media:
            lines = [f"a=msid:{_STREAM} {media.kind}", *ssrcs(pair.janus.ssrcs[:1])]
            return Section(media, "sendonly", [replace(pair.played, feedback=_feedback(pair))], lines)
    return Section(media)


def _for_janus(media: Media, pairs: Sequence[_Pair]) -> Section:
    media = replace(media, protocol=PROTOCOL)
    for pair in pairs:
        if pair.janus.mid == media.mid:
            return Section(media, "recvonly", [replace(pair.sent, feedback=_feedback(pair))])
    return Section(media, "inactive", media.codecs[:1])  # not rejected: the first gives Janus its transport
