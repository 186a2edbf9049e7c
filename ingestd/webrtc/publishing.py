"""A publisher's offer for Janus' videoroom, and its answer for the publisher (WHIP, RFC 9725). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ingestd.webrtc.codecs import Codec
from ingestd.webrtc.sdp import BadSdp, Media, Offer, Transport, Unfit, parse_offer
from ingestd.webrtc.written import PROTOCOL, Section, description, extensions, ssrcs

_TAKEN = {"video": "H.264 with packetization-mode=1, or VP8", "audio": "Opus"}
_ROLES = {"active": ("passive",), "passive": ("active",), "actpass": ("active", "passive")}  # RFC 5763 §5
_HASH = "sha-256 "  # Janus answers others with error 465
_MAX_LAYERS = 3  # of simulcast; Janus knows no more


def check_publish(offer: Offer) -> None:
    """Raises :class:`BadSdp` when it sends nothing, or something that we cannot take."""
    shared_transport(offer, _chosen(offer))


def publish_tag(offer: Offer) -> str:
    """The mid of the m-section by whose transport everything goes: its candidates are those that count."""
    return offer.tag([media.mid for media in _chosen(offer)]).mid


def publish_offer(offer: Offer, *, simulcast: bool = False) -> str:
    """The offer for ``joinandconfigure``: one video and one sound at most, of codecs that we take.

    What is more is not shown to Janus; :func:`publish_answer` rejects it. ``simulcast``: offer its layers.
    """
    chosen = _chosen(offer)
    return description(shared_transport(offer, chosen), [_offered(media, simulcast) for media in chosen])


def publish_answer(offer: Offer, janus_answer: str, *, simulcast: bool = False) -> str:
    """Janus' answer to :func:`publish_offer`, for the publisher: each m-section of its offer, in its order.

    Raises :class:`Unfit` when Janus said something else than an answer to that.
    """
    chosen = _chosen(offer)
    answer = from_janus(janus_answer)
    if answer.transport.setup not in _ROLES[shared_transport(offer, chosen).setup]:
        raise Unfit("Janus answered with a role of DTLS that was not offered to it.")
    sections = [
        _answered(media, answer, simulcast) if media in chosen else Section(media) for media in offer.media
    ]
    return description(answer.transport, sections, lite=answer.lite)


def shared_transport(offer: Offer, used: Iterable[Media]) -> Transport:
    """The client's transport of the m-sections that are used, for Janus; raises :class:`BadSdp`.

    That no more candidates follow is not passed on: some of them are left out (names, TCP).
    """
    transport = offer.tag([media.mid for media in used]).transport
    assert transport
    if not transport.fingerprint.startswith(_HASH):
        raise BadSdp("The SDP has no fingerprint by sha-256, the only hash that is known here.")
    return replace(transport, complete=False)


def from_janus(text: str) -> Offer:
    """An SDP of Janus; raises :class:`Unfit`."""
    try:
        return parse_offer(text.encode())
    except (BadSdp, UnicodeEncodeError) as error:
        raise Unfit(f"Janus gave an SDP that is not understood: {error}") from error


def _chosen(offer: Offer) -> list[Media]:
    """The m-sections that are taken, in their order. All that is sent must be, as RFC 9725 §4.2 wants it."""
    chosen = {}
    for kind, names in _TAKEN.items():
        sent = [media for media in offer.media if media.kind == kind and media.sends]
        taken = [media for media in sent if any(codec.ours for codec in media.codecs)]
        if sent and not taken:
            raise BadSdp(f"The SDP offers no {kind} that is taken here: {names}.")
        if taken:
            chosen[taken[0].mid] = taken[0]
    if not chosen:
        raise BadSdp("The SDP offers neither video nor audio to be sent here (sendonly, or sendrecv).")
    return [media for media in offer.media if media.live and media.mid in chosen]


def _kept(media: Media) -> list[Codec]:
    """The codecs that we take, and their retransmissions."""
    ours = {codec.payload for codec in media.codecs if codec.ours}
    return [codec for codec in media.codecs if codec.payload in ours or codec.repairs in ours]


def _offered(media: Media, simulcast: bool) -> Section:
    codecs = _kept(media)
    repaired = any(codec.repairs is not None for codec in codecs)
    lines = extensions(media.extensions) + ssrcs(media.ssrcs if repaired else media.ssrcs[:1])
    lines += _layers(media, "send") if simulcast else []
    return Section(replace(media, protocol=PROTOCOL), "sendonly", codecs, lines)


def _answered(media: Media, answer: Offer, simulcast: bool) -> Section:
    found = [one for one in answer.media if one.mid == media.mid and one.kind == media.kind and one.receives]
    offered = {(codec.payload, codec.name): codec for codec in _kept(media)}
    codecs = [codec for one in found for codec in one.codecs if (codec.payload, codec.name) in offered]
    if not any(codec.repairs is None for codec in codecs):
        raise Unfit(f"Janus does not take the publisher's {media.kind}.")
    agreed = [_agreed(codec, offered[codec.payload, codec.name]) for codec in codecs]
    lines = extensions(one for one in found[0].extensions if one in media.extensions)
    lines += _layers(media, "recv") if simulcast else []
    return Section(media, "recvonly", agreed, lines)


def _agreed(codec: Codec, offered: Codec) -> Codec:
    """H.264's answer repeats what was offered (RFC 6184 §8.2.2); feedback is what both know."""
    feedback = tuple(one for one in codec.feedback if one in offered.feedback)
    fmtp = codec.fmtp if codec.name == "OPUS" else offered.fmtp
    return replace(codec, fmtp=fmtp, feedback=feedback)


def _layers(media: Media, direction: str) -> list[str]:
    rids = media.rids[:_MAX_LAYERS]
    if not rids:
        return []
    return [*(f"a=rid:{rid} {direction}" for rid in rids), f"a=simulcast:{direction} {';'.join(rids)}"]
