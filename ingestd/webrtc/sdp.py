"""SDP of WebRTC (RFC 8866, RFC 8829, RFC 8843), read strictly: only what is understood is kept. Pure.

Nothing of an SDP is ever passed on as it came: what Janus and the clients get is written anew
(:mod:`ingestd.webrtc.written`) from what stands here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ingestd.webrtc.candidates import Candidate, bounded, parse_candidate
from ingestd.webrtc.codecs import Codec, CodecTable, payload_types
from ingestd.webrtc.lines import MAX_U32, BadSdp, attribute, ice_chars, lines_of, number, token

__all__ = ["BadSdp", "Media", "Offer", "Transport", "Unfit", "parse_offer"]

_MAX_MEDIA = 8
_MAX_MID = 16  # characters; Janus refuses longer ones
_MAX_RIDS = 8

_RTP = frozenset(
    {"UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP"}
)  # RFC 8829 §5.1.2
_DATA = frozenset({"UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP"})
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_HASHES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}  # bytes; the first is Janus' own
_HEX = re.compile("[0-9A-F]{2}(:[0-9A-F]{2})*", re.ASCII)
_RID = re.compile("[0-9A-Za-z_-]{1,16}", re.ASCII)  # RFC 8851
_HDREXT = "urn:ietf:params:rtp-hdrext:"
_WEBRTC = "http://www.webrtc.org/experiments/rtp-hdrext/"
_TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
_EXTENSIONS = frozenset(  # of RTP headers; those that Janus knows
    {
        *(f"{_HDREXT}sdes:{name}" for name in ("mid", "rtp-stream-id", "repaired-rtp-stream-id")),
        f"{_HDREXT}ssrc-audio-level",
        f"{_WEBRTC}abs-send-time",
        _TRANSPORT_CC,
        "urn:3gpp:video-orientation",
    }
)
_MAX_EXTENSION = 14  # the longest id of the one-byte form (RFC 8285)


class Unfit(ValueError):
    """What Janus said does not fit the client's offer: that is for us to mend, not for the client."""


@dataclass(frozen=True, slots=True)
class Transport:
    """How to reach who wrote an m-section: ICE and DTLS. ``complete``: no more candidates follow."""

    ufrag: str
    pwd: str
    fingerprint: str  # "sha-256 AB:CD:…"
    setup: str  # of DTLS: "actpass", "active", "passive"
    candidates: tuple[Candidate, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Media:
    """One m-section. It is not live when it was rejected: its port is 0, and its transport None."""

    kind: str  # "audio", "video", "application"
    mid: str  # empty: not said
    protocol: str
    format: str  # the first of the m-line
    live: bool
    direction: str
    codecs: tuple[Codec, ...]  # in order of preference
    extensions: tuple[tuple[int, str], ...]  # of RTP headers: id and URI
    ssrcs: tuple[int, ...]  # the stream's, and that of its retransmissions
    rids: tuple[str, ...]  # of simulcast
    transport: Transport | None

    @property
    def sends(self) -> bool:
        return self.live and self.direction in ("sendonly", "sendrecv")

    @property
    def receives(self) -> bool:
        return self.live and self.direction in ("recvonly", "sendrecv")

    def codec(self, name: str) -> Codec | None:
        """The one of that name that they like best and that we take."""
        return next((codec for codec in self.codecs if codec.name == name and codec.ours), None)


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer; an answer is read the same way. ``bundle``: the mids that share a transport, in order."""

    media: tuple[Media, ...]
    bundle: tuple[str, ...]
    lite: bool  # ICE-lite

    def tag(self, mids: Collection[str]) -> Media:
        """The m-section whose transport all of those with these mids go by; raises :class:`BadSdp`."""
        order = [mid for mid in self.bundle if mid in mids]
        for media in self.media:
            if order and media.live and media.mid == order[0] and media.transport:
                return media
        raise BadSdp("The SDP has no ice-ufrag, ice-pwd, fingerprint or setup for its first m-section.")

    @property
    def transport(self) -> Transport:
        """That of all, before anything is rejected."""
        transport = self.tag(self.bundle).transport
        assert transport
        return transport

    @property
    def ice(self) -> tuple[str, str]:
        """The names of the ICE session, ufrag and pwd: others mean an ICE restart (RFC 9725 §4.3)."""
        return self.transport.ufrag, self.transport.pwd


class _Section(NamedTuple):
    m: str  # the value of its m-line; empty for the session's
    attributes: list[tuple[str, str]]

    def once(self, name: str) -> str | None:
        """The value of an attribute that may stand there once; None: it does not."""
        found = {value for key, value in self.attributes if key == name}
        if len(found) > 1:
            raise BadSdp(f"The SDP says two things as {name}.")
        return found.pop() if found else None

    def all(self, name: str) -> Iterator[str]:
        return (value for key, value in self.attributes if key == name)


def parse_offer(body: bytes) -> Offer:
    """Raises :class:`BadSdp`, and nothing else."""
    session, *sections = _sections(body)
    if not 1 <= len(sections) <= _MAX_MEDIA:
        raise BadSdp(f"The SDP has no m-line, or more than {_MAX_MEDIA}.")
    media = tuple(_media(section, session) for section in sections)
    mids = [one.mid for one in media if one.mid]
    if len(set(mids)) < len(mids):
        raise BadSdp("Two m-sections of the SDP have the same mid.")
    offer = Offer(media, _bundle(session, media), session.once("ice-lite") is not None)
    offer.tag(offer.bundle)  # raises when there is no transport at all
    return offer


def _sections(body: bytes) -> list[_Section]:
    sections = [_Section("", [])]
    for position, (kind, value) in enumerate(lines_of(body)):
        if (position == 0) != (kind == "v") or (kind == "v" and value != "0"):
            raise BadSdp("The SDP does not begin with one line “v=0”.")
        if kind == "m":
            sections.append(_Section(value, []))
        elif kind == "a":
            sections[-1].attributes.append(attribute(value))
    return sections


def _bundle(session: _Section, media: Iterable[Media]) -> tuple[str, ...]:
    """The mids of the BUNDLE group; a single m-section needs none."""
    live = [one.mid for one in media if one.live]
    if "" in live:
        raise BadSdp("An m-section of the SDP has no mid.")
    groups = [value.split(" ")[1:] for value in session.all("group") if value.split(" ")[0] == "BUNDLE"]
    if not groups and len(live) == 1:
        return tuple(live)
    if len(groups) != 1 or not set(live) <= set(groups[0]):
        raise BadSdp("The m-sections of the SDP are not all in one BUNDLE group.")
    return tuple(mid for mid in dict.fromkeys(groups[0]) if mid in live)


def _media(section: _Section, session: _Section) -> Media:
    kind, port, protocol, formats = _m_line(section.m)
    rtp = kind != "application"
    live = port > 0 or section.once("bundle-only") is not None
    if live and rtp and section.once("rtcp-mux") is None:
        raise BadSdp("An m-section of the SDP has no rtcp-mux.")
    mid = section.once("mid")
    payloads = payload_types(formats) if rtp else ()
    used = section if live and rtp else _Section("", [])  # of the rest nothing counts
    return Media(
        kind=kind,
        mid=token(mid, "mid", _MAX_MID) if mid is not None else "",
        protocol=protocol,
        format=str(payloads[0]) if rtp else token(formats, "format"),
        live=live,
        direction=_direction(used, session),
        codecs=_codecs(used, payloads),
        extensions=_extensions(used),
        ssrcs=_ssrcs(used),
        rids=_rids(used),
        transport=_transport(section, session) if live else None,
    )


def _m_line(value: str) -> tuple[str, int, str, str]:
    """Kind, port, protocol and formats."""
    parts = value.split(" ", 3)
    if len(parts) < 4:
        raise BadSdp("An m-line of the SDP is incomplete.")
    kind, port, protocol, formats = parts
    if protocol not in (_RTP if kind in ("audio", "video") else _DATA if kind == "application" else ()):
        raise BadSdp("An m-line of the SDP is neither audio nor video with DTLS-SRTP, nor a data channel.")
    return kind, number(port, 65535, "port"), protocol, formats


def _direction(section: _Section, session: _Section) -> str:
    for level in (section, session):
        found = {name for name, _ in level.attributes if name in _DIRECTIONS}
        if len(found) > 1:
            raise BadSdp("An m-section of the SDP has two directions.")
        if found:
            return found.pop()
    return "sendrecv"  # RFC 8866 §6.7


def _codecs(section: _Section, formats: Iterable[int]) -> tuple[Codec, ...]:
    table = CodecTable()
    readers = {"rtpmap": table.rtpmap, "fmtp": table.fmtp, "rtcp-fb": table.feedback}
    for name, value in section.attributes:
        if name in readers:
            readers[name](value)
    return table.codecs(formats)


def _extensions(section: _Section) -> tuple[tuple[int, str], ...]:
    found: dict[int, str] = {}
    for value in section.all("extmap"):
        where, _, uri = value.partition(" ")
        text, _, direction = where.partition("/")
        identity = number(text, 1 << 16, "header extension's number")
        wanted = direction in ("", "sendrecv", "sendonly") and 1 <= identity <= _MAX_EXTENSION
        if wanted and uri in _EXTENSIONS and found.setdefault(identity, uri) != uri:
            raise BadSdp("The SDP has two header extensions with the same number.")
    return tuple(found.items())


def _ssrcs(section: _Section) -> tuple[int, ...]:
    """Those of one stream: its own, and that of its retransmissions if there is one (RFC 5576)."""
    for group in section.all("ssrc-group"):
        kind, *members = group.split(" ")
        if kind == "FID" and len(members) == 2:
            return tuple(number(member, MAX_U32, "SSRC") for member in members)
    found = [number(value.partition(" ")[0], MAX_U32, "SSRC") for value in section.all("ssrc")]
    return tuple(dict.fromkeys(found))[:1]


def _rids(section: _Section) -> tuple[str, ...]:
    """The layers that are sent, when it is simulcast (RFC 8853)."""
    simulcast = section.once("simulcast")
    found = [value.split(" ") for value in section.all("rid")]
    sent = dict.fromkeys(rid for rid, *rest in found if rest and rest[0] == "send")
    if not all(_RID.fullmatch(rid) for rid in sent) or len(sent) > _MAX_RIDS:
        raise BadSdp("A rid of the SDP is malformed, or there are too many.")
    return tuple(sent) if simulcast is not None and simulcast.startswith("send ") else ()


def _transport(section: _Section, session: _Section) -> Transport | None:
    def said(name: str) -> str | None:
        value = section.once(name)
        return session.once(name) if value is None else value

    ufrag, pwd, setup = said("ice-ufrag"), said("ice-pwd"), said("setup")
    fingerprint = _fingerprint(section) or _fingerprint(session)
    if ufrag is None or pwd is None or setup is None or not fingerprint:
        return None
    if setup not in ("actpass", "active", "passive"):
        raise BadSdp("The setup of DTLS in the SDP is not actpass, active or passive.")
    return Transport(
        ufrag=ice_chars(ufrag, 4, "ice-ufrag"),
        pwd=ice_chars(pwd, 22, "ice-pwd"),
        fingerprint=fingerprint,
        setup=setup,
        candidates=bounded([parse_candidate(value) for value in section.all("candidate")]),
        complete=said("end-of-candidates") is not None,
    )


def _fingerprint(section: _Section) -> str:
    """The one whose hash we like best; empty: none. RFC 8122."""
    found: dict[str, str] = {}
    for value in section.all("fingerprint"):
        name, _, text = value.partition(" ")
        name, text = name.lower(), text.strip(" ").upper()
        if name in _HASHES:
            if not _HEX.fullmatch(text) or len(text) != _HASHES[name] * 3 - 1:
                raise BadSdp("The fingerprint in the SDP is malformed.")
            found.setdefault(name, f"{name} {text}")
    return next((found[name] for name in _HASHES if name in found), "")
