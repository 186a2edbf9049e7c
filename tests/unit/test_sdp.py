"""Reading offers: what is refused, and what is made of what is not."""

from __future__ import annotations

import pytest

from ingestd.webrtc.sdp import BadSdp, parse_offer
from tests.webrtc.goldens import OFFERS

CHROMIUM = OFFERS["chromium-publish"]
OBS = OFFERS["obs-30-publish"]
AIORTC = OFFERS["aiortc-publish"]


def without(offer: bytes, line: bytes) -> bytes:
    """All lines but those that begin so."""
    return b"".join(one for one in offer.splitlines(keepends=True) if not one.startswith(line))


def test_an_offer_says_what_is_needed_of_it() -> None:
    offer = parse_offer(CHROMIUM)
    assert [(media.kind, media.mid, media.direction) for media in offer.media] == [
        ("audio", "0", "sendonly"),
        ("video", "1", "sendonly"),
    ]
    assert offer.bundle == ("0", "1")
    assert offer.ice == ("o18w", "TpPRpz0auQ44ESfZnaJwtWTk")
    assert offer.transport.setup == "actpass"
    assert offer.transport.fingerprint.startswith("sha-256 C1:A8:8F")
    assert [candidate.address for candidate in offer.transport.candidates] == ["192.0.2.2", "fd00::2"]
    assert offer.media[1].ssrcs == (728610148, 1137373417)
    assert not offer.lite


def test_lines_may_end_with_a_line_feed_alone() -> None:
    assert parse_offer(CHROMIUM.replace(b"\r\n", b"\n")) == parse_offer(CHROMIUM)


def test_ice_and_dtls_may_be_said_once_for_the_whole_session() -> None:
    offer = parse_offer(OBS)
    assert offer.ice == ("nxcM", "ezjAjgSSLLvbRhUA1zc6Se")
    assert {media.transport.setup for media in offer.media if media.transport} == {"actpass"}


def test_of_several_fingerprints_the_one_that_janus_knows_is_taken() -> None:
    assert AIORTC.count(b"a=fingerprint:sha-512") == 2
    assert parse_offer(AIORTC).transport.fingerprint.startswith("sha-256 6C:FB")


def test_a_rejected_m_section_has_no_transport() -> None:
    rejected, video = parse_offer(OFFERS["firefox-play-rejected"]).media
    assert (rejected.live, rejected.mid, rejected.format, rejected.transport) == (False, "", "0", None)
    assert video.receives and not video.sends


def test_a_bundle_only_m_section_is_live_though_its_port_is_0() -> None:
    offer = CHROMIUM.replace(b"m=video 57917", b"m=video 0").replace(b"a=mid:1", b"a=mid:1\r\na=bundle-only")
    assert parse_offer(offer).media[1].sends


def test_a_single_m_section_needs_no_bundle() -> None:
    offer = without(OFFERS["chromium-publish-video-only"], b"a=group")
    assert parse_offer(offer).bundle == ("0",)


def test_the_layers_of_simulcast_are_kept() -> None:
    assert parse_offer(OFFERS["chromium-publish-simulcast"]).media[1].rids == ("h", "m", "l")
    alone = without(OFFERS["chromium-publish-simulcast"], b"a=simulcast")
    assert parse_offer(alone).media[1].rids == ()


def test_the_transport_of_all_is_that_of_the_first_that_is_used() -> None:
    offer = parse_offer(CHROMIUM)
    assert offer.tag({"0", "1"}).mid == "0"
    assert offer.tag({"1"}).mid == "1"
    with pytest.raises(BadSdp):
        offer.tag(())


@pytest.mark.parametrize(
    ("offer", "sentence"),
    [
        (b"", "Line 1"),
        (b"v=1\r\n", "v=0"),
        (b"s=-\r\nv=0\r\n", "v=0"),
        (b"v=0\r\nv=0\r\n", "v=0"),
        (b"v=0\r\n", "no m-line"),
        (b"v=0\r\nm=audio 9\r\n", "incomplete"),
        (b"v=0\r\nm=text 9 RTP/SAVPF 1\r\n", "neither audio nor video"),
        (b"v=0\r\nm=audio 9 RTP/AVP 1\r\n", "neither audio nor video"),
        (b"v=0\r\n" + b"m=audio 9 RTP/SAVPF 1\r\n" * 9, "more than 8"),
        (b"v=0\r\nm=audio 9 RTP/SAVPF 1\r\n", "rtcp-mux"),
        (CHROMIUM.replace(b"m=audio 39379", b"m=audio 65536"), "port"),
        (CHROMIUM.replace(b"SAVPF 111 63", b"SAVPF 111 128"), "payload type"),
        (CHROMIUM.replace(b"SAVPF 111 63", b"SAVPF 111 111"), "twice"),
        (CHROMIUM.replace(b"a=mid:1", b"a=mid:0"), "same mid"),
        (CHROMIUM.replace(b"a=mid:1", b"a=mid:one two"), "mid"),
        (CHROMIUM.replace(b"a=mid:1", b"a=mid:" + b"1" * 17), "mid"),
        (without(without(OFFERS["chromium-publish-video-only"], b"a=mid"), b"a=group"), "no mid"),
        (CHROMIUM.replace(b"BUNDLE 0 1", b"BUNDLE 0"), "BUNDLE"),
        (without(CHROMIUM, b"a=group"), "BUNDLE"),
        (without(CHROMIUM, b"a=rtcp-mux"), "rtcp-mux"),
        (without(CHROMIUM, b"a=ice-ufrag"), "ice-ufrag"),
        (without(CHROMIUM, b"a=setup"), "setup"),
        (without(CHROMIUM, b"a=fingerprint"), "fingerprint"),
        (CHROMIUM.replace(b"a=setup:actpass", b"a=setup:holdconn"), "setup"),
        (CHROMIUM.replace(b"a=setup:actpass", b"a=setup:active\r\na=setup:passive"), "two things as setup"),
        (CHROMIUM.replace(b"a=ice-ufrag:o18w", b"a=ice-ufrag:o18"), "ice-ufrag"),
        (CHROMIUM.replace(b"a=ice-ufrag:o18w", b"a=ice-ufrag:o18w a=x"), "ice-ufrag"),
        (CHROMIUM.replace(b"a=ice-pwd:TpPR", b"a=ice-pwd:"), "ice-pwd"),
        (CHROMIUM.replace(b"sha-256 C1:", b"sha-256 "), "fingerprint"),
        (CHROMIUM.replace(b"a=sendonly", b"a=sendonly\r\na=recvonly"), "two directions"),
        (CHROMIUM.replace(b"a=extmap:5 ", b"a=extmap:2 urn:3gpp:video-orientation\r\na=extmap:5 "), "extens"),
        (CHROMIUM.replace(b"a=ssrc-group:FID 728610148", b"a=ssrc-group:FID 4294967296"), "SSRC"),
        (CHROMIUM.replace(b"a=rtpmap:97 ", b"a=rtpmap:96 "), "two codecs"),
        (
            OFFERS["chromium-publish-simulcast"].replace(b"a=rid:h send", b"a=rid:h; send"),
            "rid",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(offer: bytes, sentence: str) -> None:
    with pytest.raises(BadSdp, match=sentence) as refused:
        parse_offer(offer)
    assert str(refused.value).endswith(".")
