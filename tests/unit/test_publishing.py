"""A publisher's offer for Janus, and Janus' answer for it. The whole of both: test_sdp_goldens.py."""

from __future__ import annotations

import pytest

from ingestd.webrtc.publishing import check_publish, publish_answer, publish_offer, publish_tag
from ingestd.webrtc.sdp import BadSdp, Offer, Unfit, parse_offer
from tests.webrtc.goldens import OFFERS, PLAY, PUBLISH, janus

CHROMIUM = OFFERS["chromium-publish"]
SIMULCAST = OFFERS["chromium-publish-simulcast"]


def offer(name: str) -> Offer:
    return parse_offer(OFFERS[name])


@pytest.mark.parametrize("name", PUBLISH)
def test_janus_is_offered_only_what_we_take_to_be_sent(name: str) -> None:
    shown = parse_offer(publish_offer(offer(name)).encode())
    assert [media.direction for media in shown.media] == ["sendonly"] * len(shown.media)
    names = {codec.name for media in shown.media for codec in media.codecs}
    assert names <= {"H264", "VP8", "OPUS", "RTX"}
    assert all(codec.ours or codec.repairs for media in shown.media for codec in media.codecs)
    assert shown.ice == offer(name).ice


@pytest.mark.parametrize("name", PLAY)
def test_who_sends_nothing_is_no_publisher(name: str) -> None:
    if name != "chromium-play-many":  # has a sendrecv m-section
        with pytest.raises(BadSdp, match="neither video nor audio"):
            check_publish(offer(name))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (OFFERS["libdatachannel-publish"].replace(b"packetization-mode=1", b"packetization-mode=0"), "video"),
        (OFFERS["libdatachannel-publish"].replace(b"H264", b"AV1"), "VP8"),
        (CHROMIUM.replace(b"opus/48000/2", b"ISAC/16000"), "Opus"),
        (CHROMIUM.replace(b"a=sendonly", b"a=inactive"), "neither"),
    ],
)
def test_what_we_cannot_take_is_refused_as_a_whole(wrong: bytes, sentence: str) -> None:
    with pytest.raises(BadSdp, match=sentence):
        check_publish(parse_offer(wrong))


def test_a_hash_that_janus_does_not_know_is_refused() -> None:
    lines = OFFERS["aiortc-publish"].splitlines(keepends=True)
    strong = b"".join(line for line in lines if not line.startswith(b"a=fingerprint:sha-256"))
    with pytest.raises(BadSdp, match="sha-256"):
        check_publish(parse_offer(strong))


def test_janus_is_never_told_that_no_more_candidates_follow() -> None:
    assert b"end-of-candidates" in OFFERS["aiortc-publish"]
    assert "end-of-candidates" not in publish_offer(offer("aiortc-publish"))


def test_layers_are_offered_only_when_they_are_wanted() -> None:
    found = parse_offer(SIMULCAST)
    assert "simulcast" not in publish_offer(found) and "a=rid" not in publish_offer(found)
    assert "a=rid:m send\r\na=rid:l send\r\na=simulcast:send h;m;l\r\n" in publish_offer(
        found, simulcast=True
    )
    answer = publish_answer(found, janus("chromium-publish-simulcast"), simulcast=True)
    assert answer.endswith("a=rid:h recv\r\na=rid:m recv\r\na=rid:l recv\r\na=simulcast:recv h;m;l\r\n")


@pytest.mark.parametrize("name", PUBLISH)
def test_the_answer_has_the_m_sections_of_the_offer(name: str) -> None:
    asked, answer = offer(name), parse_offer(publish_answer(offer(name), janus(name)).encode())
    assert [media.mid for media in answer.media] == [media.mid for media in asked.media]
    assert answer.ice == parse_offer(janus(name).encode()).ice
    assert answer.lite  # the client must know that only it checks (RFC 8445 §6.1.1)
    for media, said in zip(asked.media, answer.media, strict=True):
        assert said.direction == "recvonly"
        assert {codec.payload for codec in said.codecs} <= {codec.payload for codec in media.codecs}
        assert set(said.extensions) <= set(media.extensions)


def test_a_second_video_is_not_shown_to_janus_and_rejected_in_the_answer() -> None:
    video = CHROMIUM[CHROMIUM.index(b"m=video") :].replace(b"a=mid:1", b"a=mid:2")
    found = parse_offer(CHROMIUM.replace(b"BUNDLE 0 1", b"BUNDLE 0 1 2") + video)
    assert publish_offer(found) == publish_offer(offer("chromium-publish"))
    answer = publish_answer(found, janus("chromium-publish"))
    assert "a=group:BUNDLE 0 1\r\n" in answer
    assert answer.endswith("m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=inactive\r\n")


def test_a_data_channel_before_all_others_does_not_give_the_transport() -> None:
    channel = b"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n"
    channel += b"a=ice-ufrag:other\r\na=ice-pwd:another+password+of+it\r\na=setup:active\r\n"
    channel += b"a=fingerprint:sha-256 " + b":".join([b"AB"] * 32) + b"\r\n"
    start = CHROMIUM.index(b"m=audio")
    whole = CHROMIUM[:start].replace(b"BUNDLE 0 1", b"BUNDLE 2 0 1") + channel + CHROMIUM[start:]
    found = parse_offer(whole)
    assert publish_tag(found) == "0"
    assert publish_offer(found) == publish_offer(offer("chromium-publish"))
    answer = publish_answer(found, janus("chromium-publish"))
    assert "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n" in answer


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "v=0\r\n",
        "\ud800",
        janus("chromium-publish-video-only"),
        janus("chromium-publish").replace("a=mid:1", "a=mid:7").replace("BUNDLE 0 1", "BUNDLE 0 7"),
        janus("chromium-publish").replace("a=setup:active", "a=setup:actpass"),
        janus("chromium-publish").replace("a=recvonly", "a=inactive"),
        janus("chromium-publish").replace(" 102", " 120").replace(":102", ":120"),
        janus("chromium-publish").replace("m=video 9", "m=video 0"),
    ],
)
def test_another_answer_of_janus_is_not_passed_on(answer: str) -> None:
    with pytest.raises(Unfit):
        publish_answer(offer("chromium-publish"), answer)


def test_the_publisher_may_say_who_begins_dtls() -> None:
    publish_answer(offer("ffmpeg-publish"), janus("ffmpeg-publish"))
    with pytest.raises(Unfit, match="role of DTLS"):
        publish_answer(offer("ffmpeg-publish-active"), janus("ffmpeg-publish"))
