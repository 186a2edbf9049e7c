"""SDP written anew, of parsed fields alone (RFC 8866, RFC 8829 §5). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ingestd.webrtc.codecs import Codec
from ingestd.webrtc.sdp import Media, Transport

PROTOCOL = "UDP/TLS/RTP/SAVPF"
CNAME = "ingestd"
_REJECTED = "0"
_LATER = "9"  # the port of who gives candidates (RFC 8840 §4.1.1)


@dataclass(frozen=True, slots=True)
class Section:
    """What is said of an m-section; ``media`` gives its kind, mid and protocol. No codecs: it is rejected."""

    media: Media
    direction: str = "inactive"
    codecs: Sequence[Codec] = ()
    attributes: Sequence[str] = ()  # whole lines


def description(transport: Transport, sections: Sequence[Section], *, lite: bool = False) -> str:
    """An SDP; all of its live m-sections share the transport, whose candidates stand in the first one."""
    live = [section for section in sections if section.codecs]
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    lines.append(" ".join(["a=group:BUNDLE", *(section.media.mid for section in live)]))
    lines += ["a=ice-lite"] if lite else []
    lines.append("a=msid-semantic: WMS *")
    for section in sections:
        lines += (
            _live(section, transport, first=section is live[0])
            if section.codecs
            else _rejected(section.media)
        )
    return "".join(f"{line}\r\n" for line in lines)


def extensions(found: Iterable[tuple[int, str]]) -> list[str]:
    return [f"a=extmap:{number} {uri}" for number, uri in found]


def ssrcs(found: Sequence[int]) -> list[str]:
    """Those of a stream and of its retransmissions, as attributes (RFC 5576)."""
    group = [f"a=ssrc-group:FID {found[0]} {found[1]}"] if len(found) > 1 else []
    return group + [f"a=ssrc:{ssrc} cname:{CNAME}" for ssrc in found]


def answering(transport: Transport, offered: str) -> Transport:
    """This transport, to answer who offered that setup of DTLS: who may choose becomes the client."""
    return replace(transport, setup="active" if offered == "passive" else "passive")


def _live(section: Section, transport: Transport, *, first: bool) -> list[str]:
    payloads = " ".join(str(codec.payload) for codec in section.codecs)
    lines = [
        f"m={section.media.kind} {_LATER} {section.media.protocol} {payloads}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{section.media.mid}",
        f"a={section.direction}",
        "a=rtcp-mux",
        f"a=ice-ufrag:{transport.ufrag}",
        f"a=ice-pwd:{transport.pwd}",
        "a=ice-options:trickle",
        f"a=fingerprint:{transport.fingerprint}",
        f"a=setup:{transport.setup}",
    ]
    for codec in section.codecs:
        lines += codec.lines()
    lines += section.attributes
    if first:
        lines += [f"a={candidate}" for candidate in transport.candidates]
        lines += ["a=end-of-candidates"] if transport.complete else []
    return lines


def _rejected(media: Media) -> list[str]:
    """RFC 8829 §5.3.1."""
    lines = [f"m={media.kind} {_REJECTED} {media.protocol} {media.format}", "c=IN IP4 0.0.0.0"]
    return [*lines, *([f"a=mid:{media.mid}"] if media.mid else []), "a=inactive"]
