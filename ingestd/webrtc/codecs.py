"""The codecs of an m-section: rtpmap, fmtp and rtcp-fb, as much of them as we pass on. Pure.

RFC 8866 §6.6 and §6.15, RFC 4585 §4.2, RFC 6184 §8 (H.264), RFC 7587 §6 (Opus), RFC 7741 §6 (VP8),
RFC 4588 §8 (retransmission).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ingestd.webrtc.lines import BadSdp, number, token

MAX_PAYLOAD = 127

FEEDBACK = frozenset({"nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"})  # what is passed on

_MAX_CODECS = 100  # in one m-section
_CLOCKS = {"H264": 90000, "VP8": 90000, "OPUS": 48000, "RTX": 90000}
_SPELLING = {"OPUS": "opus/48000/2", "RTX": "rtx/90000"}
_FLAG, _COUNT = re.compile("[01]", re.ASCII), re.compile("[0-9]{1,9}", re.ASCII)
_PARAMETERS = {  # of fmtp; all others are left out
    "H264": {
        "level-asymmetry-allowed": _FLAG,
        "packetization-mode": _FLAG,
        "profile-level-id": re.compile("[0-9A-Fa-f]{6}", re.ASCII),
    },
    "VP8": {"max-fr": _COUNT, "max-fs": _COUNT},
    "OPUS": {
        **dict.fromkeys(("cbr", "stereo", "sprop-stereo", "usedtx", "useinbandfec"), _FLAG),
        **dict.fromkeys(("maxaveragebitrate", "maxplaybackrate", "minptime"), _COUNT),
    },
    "RTX": {"apt": _COUNT},
}
_PROFILES = ("42", "4d", "64")  # of H.264: (constrained) baseline, main, high


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload type. ``name`` is in capitals; ``fmtp`` is written anew from known parameters."""

    payload: int
    name: str
    clock: int
    channels: int  # of sound; else 1
    fmtp: str
    feedback: tuple[str, ...] = ()

    @property
    def ours(self) -> bool:
        """Whether we take it: Opus, VP8, H.264 with packetization-mode=1."""
        known = self.name in ("OPUS", "VP8") or (self.name == "H264" and self._h264())
        channels = 2 if self.name == "OPUS" else 1  # Opus is always called stereo (RFC 7587 §7)
        return known and self.clock == _CLOCKS[self.name] and self.channels == channels

    def _h264(self) -> bool:
        profile = self.parameter("profile-level-id")[:2].lower()
        return self.parameter("packetization-mode") == "1" and profile in ("", *_PROFILES)

    @property
    def repairs(self) -> int | None:
        """The payload type whose lost packets come again by this one (RTX)."""
        apt = self.parameter("apt") if self.name == "RTX" and self.clock == _CLOCKS["RTX"] else ""
        return int(apt) if apt else None

    def parameter(self, name: str) -> str:
        """One parameter of fmtp; empty: not said."""
        return dict(_pairs(self.fmtp)).get(name, "")

    def lines(self) -> Iterator[str]:
        """Its attributes, written anew, for a codec that is ours, or RTX."""
        yield f"a=rtpmap:{self.payload} {_SPELLING.get(self.name, f'{self.name}/{self.clock}')}"
        for one in self.feedback:
            yield f"a=rtcp-fb:{self.payload} {one}"
        if self.fmtp:
            yield f"a=fmtp:{self.payload} {self.fmtp}"


class CodecTable:
    """Gathers what the attributes of one m-section say of its payload types."""

    def __init__(self) -> None:
        self._maps: dict[int, tuple[str, int, int]] = {}
        self._fmtp: dict[int, str] = {}
        self._feedback: dict[int, dict[str, None]] = {}
        self._common: dict[str, None] = {}  # feedback of all: a=rtcp-fb:*

    def rtpmap(self, value: str) -> None:
        payload, encoding = _of_payload(value)
        name, _, rest = encoding.partition("/")
        clock, _, channels = rest.partition("/")
        found = (
            token(name, "codec's name").upper(),
            number(clock, 10_000_000, "codec's clock rate"),
            number(channels or "1", 255, "codec's number of channels"),
        )
        if self._maps.setdefault(payload, found) != found:
            raise BadSdp(f"The SDP maps payload type {payload} to two codecs.")

    def fmtp(self, value: str) -> None:
        payload, parameters = _of_payload(value)
        if self._fmtp.setdefault(payload, parameters) != parameters:
            raise BadSdp(f"The SDP has two lines of parameters (fmtp) for payload type {payload}.")

    def feedback(self, value: str) -> None:
        if value.startswith("* "):
            kinds = self._common
            said = value[2:]
        else:
            payload, said = _of_payload(value)
            kinds = self._feedback.setdefault(payload, {})
        if said in FEEDBACK:
            kinds[said] = None

    def codecs(self, formats: Iterable[int]) -> tuple[Codec, ...]:
        """Those of the m-line, in its order, but for those that are not mapped (static ones, RFC 3551)."""
        return tuple(
            self._codec(payload, *self._maps[payload]) for payload in formats if payload in self._maps
        )

    def _codec(self, payload: int, name: str, clock: int, channels: int) -> Codec:
        feedback = tuple({**self._feedback.get(payload, {}), **self._common})
        return Codec(payload, name, clock, channels, _known(name, self._fmtp.get(payload, "")), feedback)


def payload_types(text: str) -> tuple[int, ...]:
    """The formats of an m-line."""
    found = tuple(number(part, MAX_PAYLOAD, "payload type") for part in text.split(" "))
    if len(found) > _MAX_CODECS or len(set(found)) < len(found):
        raise BadSdp("An m-line of the SDP has too many payload types, or one of them twice.")
    return found


def _of_payload(value: str) -> tuple[int, str]:
    payload, _, rest = value.partition(" ")
    return number(payload, MAX_PAYLOAD, "payload type"), rest.strip(" ")


def _pairs(fmtp: str) -> Iterator[tuple[str, str]]:
    for part in fmtp.split(";"):
        name, _, value = part.strip(" ").partition("=")
        yield name.lower(), value


def _known(codec: str, fmtp: str) -> str:
    """The known parameters whose values have the right form."""
    forms = _PARAMETERS.get(codec, {})
    kept = {name: value for name, value in _pairs(fmtp) if name in forms and forms[name].fullmatch(value)}
    return ";".join(f"{name}={value}" for name, value in kept.items())
