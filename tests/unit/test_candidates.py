"""ICE candidates, and those that follow the offer."""

from __future__ import annotations

import pytest

from ingestd.webrtc.candidates import Fragment, janus_candidates, parse_candidate, parse_fragment
from ingestd.webrtc.lines import BadSdp
from ingestd.webrtc.sdp import parse_offer
from tests.webrtc.goldens import FOLDER, OFFERS

HOST = "4013401221 1 udp 2122194687 192.0.2.2 39379 typ host"
PATCH = (
    "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=group:BUNDLE 0 1\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw\r\n"
    "a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ srflx raddr 10.0.0.1 rport 9\r\n"
    "a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active\r\n"
    "a=end-of-candidates\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\n"
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61999 typ host\r\n"
)


def test_a_candidate_is_written_anew_without_what_is_not_needed() -> None:
    candidate = parse_candidate(f"{HOST} generation 0 network-id 1 x \x7f")
    assert str(candidate) == f"candidate:{HOST}"
    assert candidate.usable


def test_the_private_address_behind_a_candidate_stays_private() -> None:
    text = "1 1 UDP 1 {} 5 typ srflx raddr 10.0.0.1 rport 9"
    assert str(parse_candidate(text.format("192.0.2.1"))).endswith(" typ srflx raddr 0.0.0.0 rport 0")
    assert str(parse_candidate(text.format("2001:DB8::0:1"))) == (
        "candidate:1 1 udp 1 2001:db8::1 5 typ srflx raddr :: rport 0"
    )


@pytest.mark.parametrize(
    "text",
    [
        HOST.replace("192.0.2.2", "0b1c.local"),
        HOST.replace("192.0.2.2", "example.com"),
        HOST.replace("192.0.2.2", "127.0.0.1"),
        HOST.replace("192.0.2.2", "::1"),
        HOST.replace("192.0.2.2", "::ffff:127.0.0.1"),
        HOST.replace("192.0.2.2", "0.0.0.0"),
        HOST.replace("192.0.2.2", "224.0.0.1"),
        HOST.replace("192.0.2.2", "255.255.255.255"),
        HOST.replace("192.0.2.2", "ff02::1"),
        HOST.replace(" udp ", " tcp "),
        HOST.replace(" 1 udp ", " 2 udp "),
        HOST.replace(" 39379 ", " 0 "),
    ],
)
def test_what_leads_nowhere_is_read_but_not_used(text: str) -> None:
    assert not parse_candidate(text).usable


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 1 udp 1 192.0.2.2 5",
        HOST.replace("typ", "type"),
        HOST.replace("host", "hosts"),
        HOST.replace("4013401221", "a_b"),
        HOST.replace("4013401221", "a" * 33),
        HOST.replace(" 1 udp", " 257 udp"),
        HOST.replace("udp", "u/dp"),
        HOST.replace("2122194687", "4294967296"),
        HOST.replace("39379", "65536"),
        HOST.replace("192.0.2.2", "192.0.2.2,"),
        HOST.replace("192.0.2.2", "fe80::1%eth0"),
    ],
)
def test_what_is_no_candidate_is_refused(text: str) -> None:
    with pytest.raises(BadSdp, match="ICE candidate"):
        parse_candidate(text)


def test_a_fragment_says_which_candidates_came_later() -> None:
    fragment = parse_fragment(PATCH.encode())
    assert (fragment.ufrag, fragment.pwd) == ("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
    assert [(one.mid, one.candidate.port) for one in fragment.candidates] == [
        ("0", 61764),
        ("0", 61765),
        ("1", 61999),
    ]
    assert fragment.ended


def test_janus_gets_those_of_the_one_transport_that_is_used() -> None:
    fragment = parse_fragment(PATCH.encode())
    assert janus_candidates(fragment, "1") == [
        {"candidate": "candidate:1387637174 1 udp 2122260223 192.0.2.1 61999 typ host", "sdpMLineIndex": 0}
    ]
    assert len(janus_candidates(fragment, "0")) == 2
    nameless = parse_fragment(f"a=candidate:{HOST}\n".encode())
    assert janus_candidates(nameless, "0") == [{"candidate": f"candidate:{HOST}", "sdpMLineIndex": 0}]


def test_a_client_that_counts_components_from_0_is_understood() -> None:
    fragment = parse_fragment((FOLDER / "eyevinn.fragment").read_bytes())
    assert [one.mid for one in fragment.candidates] == ["0", "1"]
    assert janus_candidates(fragment, "0") == [
        {"candidate": "candidate:4020710165 1 udp 2122194687 192.0.2.2 59016 typ host", "sdpMLineIndex": 0}
    ]
    assert not fragment.restarts(*parse_offer(OFFERS["eyevinn-publish"]).ice)


def test_other_names_mean_an_ice_restart() -> None:
    ufrag, pwd = parse_offer(OFFERS["chromium-publish"]).ice
    assert not Fragment(ufrag, pwd, (), ended=False).restarts(ufrag, pwd)
    assert not Fragment("", "", (), ended=True).restarts(ufrag, pwd)
    assert parse_fragment(PATCH.encode()).restarts(ufrag, pwd)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"v=0\r\n",
        b"a=ice-ufrag:x\r\n",
        b"a=ice-pwd:short\r\n",
        b"a=mid:a b\r\n",
        b"a=candidate:1\r\n",
        f"a=candidate:{HOST}\r\n".encode() * 65,
    ],
)
def test_a_malformed_fragment_is_refused(body: bytes) -> None:
    with pytest.raises(BadSdp):
        parse_fragment(body)
