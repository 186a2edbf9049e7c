"""What a line of ours may be: a grammar of its own, that knows nothing of how they are written."""

from __future__ import annotations

import re

_URI = r"(?:urn:[0-9a-z:-]+|http://[0-9A-Za-z./-]+)"
_MID = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,16}"
_FMTP = r"[a-z-]+=[0-9A-Fa-f]{1,9}"
_TYPED = r"(?:host|(?:srflx|prflx|relay) raddr (?:0\.0\.0\.0|::) rport 0)"
_LINES = (
    r"v=0",
    r"o=- 1 1 IN IP4 127\.0\.0\.1",
    r"s=-",
    r"t=0 0",
    rf"a=group:BUNDLE(?: {_MID}){{1,8}}",
    r"a=ice-lite",
    r"a=msid-semantic: WMS \*",
    r"m=(?:audio|video) [09] [A-Z/]{8,17}(?: [0-9]{1,3}){1,100}",
    r"m=application 0 [A-Z/]{9,13} [A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,64}",
    r"c=IN IP4 0\.0\.0\.0",
    rf"a=mid:{_MID}",
    r"a=(?:sendonly|recvonly|inactive|rtcp-mux|end-of-candidates)",
    r"a=ice-ufrag:[A-Za-z0-9+/]{4,256}",
    r"a=ice-pwd:[A-Za-z0-9+/]{22,256}",
    r"a=ice-options:trickle",
    r"a=fingerprint:sha-(?:256|384|512) (?:[0-9A-F]{2}:){31,63}[0-9A-F]{2}",
    r"a=setup:(?:active|passive|actpass)",
    r"a=rtpmap:[0-9]{1,3} (?:H264/90000|VP8/90000|rtx/90000|opus/48000/2)",
    r"a=rtcp-fb:[0-9]{1,3} (?:nack|nack pli|ccm fir|goog-remb|transport-cc)",
    rf"a=fmtp:[0-9]{{1,3}} {_FMTP}(?:;{_FMTP})*",
    rf"a=extmap:[0-9]{{1,2}} {_URI}",
    r"a=msid:ingestd (?:audio|video)",
    r"a=ssrc:[0-9]{1,10} cname:ingestd",
    r"a=ssrc-group:FID [0-9]{1,10} [0-9]{1,10}",
    r"a=rid:[0-9A-Za-z_-]{1,16} (?:send|recv)",
    r"a=simulcast:(?:send|recv) [0-9A-Za-z_;-]+",
    rf"a=candidate:[A-Za-z0-9+/]{{1,32}} 1 udp [0-9]{{1,10}} [0-9a-f.:]+ [0-9]{{1,5}} typ {_TYPED}",
)
_LINE = re.compile("|".join(_LINES), re.ASCII)


def strange_lines(sdp: str) -> list[str]:
    """Those that we never write; a line that does not end with CRLF is one of them."""
    *lines, rest = sdp.split("\r\n")
    return [line for line in lines if not _LINE.fullmatch(line)] + ([rest] if rest else [])
