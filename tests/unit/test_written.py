"""SDP written anew."""

from __future__ import annotations

from dataclasses import replace

from ingestd.webrtc.sdp import parse_offer
from ingestd.webrtc.written import Section, answering, description, extensions, ssrcs
from tests.webrtc.goldens import OFFERS

OFFER = parse_offer(OFFERS["libdatachannel-publish"])
AUDIO, VIDEO = OFFER.media


def test_what_is_written_reads_the_same() -> None:
    sections = [
        Section(media, media.direction, media.codecs, ssrcs(media.ssrcs) + extensions(media.extensions))
        for media in OFFER.media
    ]
    again = parse_offer(description(OFFER.transport, sections).encode())
    silent = replace(OFFER.transport, candidates=(), complete=False)  # the second has no candidates
    assert again.media == (AUDIO, replace(VIDEO, transport=silent))
    assert again.transport == OFFER.transport
    assert not again.lite
    assert parse_offer(description(OFFER.transport, sections, lite=True).encode()).lite


def test_candidates_stand_in_the_first_live_m_section() -> None:
    text = description(OFFER.transport, [Section(AUDIO), Section(VIDEO, "sendonly", VIDEO.codecs)])
    head, rejected, live = text.split("m=")
    assert "a=group:BUNDLE 1\r\n" in head
    assert rejected == "audio 0 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=inactive\r\n"
    assert live.count("a=candidate:") == 2 and live.endswith("a=end-of-candidates\r\n")


def test_the_role_of_dtls_that_answers_another() -> None:
    transport = OFFER.transport
    assert [answering(transport, offered).setup for offered in ("actpass", "active", "passive")] == [
        "passive",
        "passive",
        "active",
    ]


def test_ssrcs_and_extensions_are_attributes() -> None:
    assert ssrcs([]) == []
    assert ssrcs([1]) == ["a=ssrc:1 cname:ingestd"]
    assert ssrcs([1, 2]) == ["a=ssrc-group:FID 1 2", "a=ssrc:1 cname:ingestd", "a=ssrc:2 cname:ingestd"]
    assert extensions([(3, "urn:x")]) == ["a=extmap:3 urn:x"]
