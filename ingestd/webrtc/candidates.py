"""ICE candidates (RFC 8839 §5.1), and those that follow one by one (RFC 8840, RFC 9725 §4.3). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from ingestd.webrtc.lines import MAX_U32, BadSdp, attribute, ice_chars, lines_of, number, token

MAX_CANDIDATES = 64  # in one m-section, or in one fragment

_KINDS = frozenset({"host", "srflx", "prflx", "relay"})
_ADDRESS = re.compile(r"[0-9A-Za-z:.-]{1,253}", re.ASCII)
_LEAST_FIELDS = 8
_RTP = 1  # the component; RTCP goes with it (rtcp-mux)
_CALLED_RTP = (0, _RTP)  # @eyevinn/whip-web-client counts from 0 when it sends them later


@dataclass(frozen=True, slots=True)
class Candidate:
    """Where a peer may be reached.

    ``address`` is an IP address in its usual form, or empty when it is a name: browsers hide theirs
    behind ``….local`` (mDNS), which nobody else can resolve.
    """

    foundation: str
    component: int
    transport: str  # "udp", "tcp"
    priority: int
    address: str
    port: int
    kind: str  # "host", "srflx", "prflx", "relay"

    @property
    def usable(self) -> bool:
        """Whether it is of use to Janus: RTP by UDP to the address of one machine that is not our own."""
        by_udp = self.transport == "udp" and self.component in _CALLED_RTP and self.port > 0
        return by_udp and bool(self.address) and _elsewhere(ip_address(self.address))

    def __str__(self) -> str:
        """Written anew, without ``a=``. The private address behind it (raddr) stays private."""
        behind = ":: rport 0" if ":" in self.address else "0.0.0.0 rport 0"
        related = "" if self.kind == "host" else f" raddr {behind}"
        place = f"{self.address} {self.port}"
        return f"candidate:{self.foundation} {_RTP} udp {self.priority} {place} typ {self.kind}{related}"


def _elsewhere(ip: IPv4Address | IPv6Address) -> bool:
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    everybody = ip.is_multicast or ip.is_unspecified or ip == IPv4Address("255.255.255.255")
    return not (everybody or ip.is_loopback)


def parse_candidate(text: str) -> Candidate:
    """What stands after ``candidate:``; raises :class:`BadSdp`. Extensions are passed over."""
    fields = text.split(" ")
    if len(fields) < _LEAST_FIELDS or fields[6] != "typ" or fields[7] not in _KINDS:
        raise BadSdp("An ICE candidate in the SDP is incomplete, or of an unknown type.")
    return Candidate(
        foundation=ice_chars(fields[0], 1, "foundation of an ICE candidate", 32),
        component=number(fields[1], 256, "component of an ICE candidate"),
        transport=token(fields[2], "transport of an ICE candidate").lower(),
        priority=number(fields[3], MAX_U32, "priority of an ICE candidate"),
        address=_address(fields[4]),
        port=number(fields[5], 65535, "port of an ICE candidate"),
        kind=fields[7],
    )


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise BadSdp("The address of an ICE candidate in the SDP is neither an IP address nor a name.")
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def bounded(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The usable ones; raises :class:`BadSdp` when there are too many."""
    usable = tuple(candidate for candidate in candidates if candidate.usable)
    if len(usable) > MAX_CANDIDATES:
        raise BadSdp(f"There are more than {MAX_CANDIDATES} ICE candidates.")
    return usable


@dataclass(frozen=True, slots=True)
class Trickled:
    """A candidate that came later. ``mid`` names its m-section; empty: not said."""

    mid: str
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Fragment:
    """The body of a PATCH, ``application/trickle-ice-sdpfrag``.

    ``ufrag`` and ``pwd`` are empty when they are not said. ``ended``: no more candidates follow.
    """

    ufrag: str
    pwd: str
    candidates: tuple[Trickled, ...]
    ended: bool

    def restarts(self, ufrag: str, pwd: str) -> bool:
        """Whether it asks for an ICE restart: its names are others than those of the session."""
        said = bool(self.ufrag or self.pwd)
        return said and (self.ufrag, self.pwd) != (ufrag, pwd)


def parse_fragment(body: bytes) -> Fragment:
    """Raises :class:`BadSdp`. What a client may add (groups, options) is passed over."""
    ufrag = pwd = mid = ""
    ended = False
    found: list[Trickled] = []
    for kind, value in lines_of(body):
        if kind not in "am":
            raise BadSdp("A line of the SDP fragment is neither an attribute (a=) nor an m-line.")
        if kind == "m":
            mid = ""
            continue
        match attribute(value):
            case "ice-ufrag", text:
                ufrag = ice_chars(text, 4, "ice-ufrag")
            case "ice-pwd", text:
                pwd = ice_chars(text, 22, "ice-pwd")
            case "mid", text:
                mid = token(text, "mid", 16)
            case "candidate", text:
                found.append(Trickled(mid, parse_candidate(text)))
            case "end-of-candidates", _:
                ended = True
    usable = tuple(one for one in found if one.candidate.usable)
    bounded([one.candidate for one in usable])
    return Fragment(ufrag, pwd, usable, ended)


def janus_candidates(fragment: Fragment, tag: str) -> list[dict[str, Any]]:
    """The candidates in the form that Janus' trickle wants.

    All media go by one transport, that of the m-section ``tag`` of the client (RFC 8843); those of the
    others lead nowhere. Janus calls it index 0, whatever its name is there.
    """
    used = [one.candidate for one in fragment.candidates if one.mid in ("", tag)]
    return [{"candidate": str(candidate), "sdpMLineIndex": 0} for candidate in used]
