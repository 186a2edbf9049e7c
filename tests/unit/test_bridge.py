"""A viewer's offer and an offer of Janus, made to meet. The whole of both answers: test_sdp_goldens.py."""

from __future__ import annotations

import pytest

from ingestd.webrtc.bridge import Wanted, bridge, wanted
from ingestd.webrtc.sdp import BadSdp, Offer, Unfit, parse_offer
from tests.webrtc.goldens import OFFERS, PLAY, janus

CHROMIUM = OFFERS["chromium-play"]  # video first, then sound
JANUS = janus("chromium-play")  # sound first, then video


def read(text: str) -> Offer:
    return parse_offer(text.encode())


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("chromium-play", Wanted(h264=102, vp8=96, opus=111)),
        ("firefox-play", Wanted(h264=126, vp8=120, opus=109)),
        ("safari-play", Wanted(h264=96, vp8=106, opus=111)),
        ("aiortc-play", Wanted(h264=99, vp8=97, opus=96)),
        ("firefox-play-rejected", Wanted(h264=126, vp8=120, opus=None)),
    ],
)
def test_a_viewers_payload_types(name: str, types: Wanted) -> None:
    assert wanted(parse_offer(OFFERS[name])) == types


def test_a_viewer_that_can_play_nothing_of_ours_is_refused() -> None:
    for wrong in (OFFERS["chromium-publish"], CHROMIUM.replace(b"a=recvonly", b"a=inactive")):
        with pytest.raises(BadSdp, match="nothing that is sent here"):
            wanted(parse_offer(wrong))


def test_a_hash_that_janus_does_not_know_is_refused() -> None:
    other = CHROMIUM.replace(b"sha-256 ", b"sha-384 " + b"AB:" * 16)
    with pytest.raises(BadSdp, match="sha-256"):
        wanted(parse_offer(other))


@pytest.mark.parametrize("name", PLAY)
def test_each_side_gets_the_others_transport_and_its_own_mids(name: str) -> None:
    viewer, theirs = parse_offer(OFFERS[name]), read(janus(name))
    bridged = bridge(viewer, janus(name))
    for_viewer, for_janus = read(bridged.for_viewer), read(bridged.for_janus)
    assert (for_viewer.ice, for_janus.ice) == (theirs.ice, viewer.ice)
    assert (for_viewer.transport.setup, for_janus.transport.setup) == ("passive", "active")
    assert for_viewer.transport.fingerprint == theirs.transport.fingerprint
    assert for_janus.transport.fingerprint == viewer.transport.fingerprint
    assert [media.mid for media in for_viewer.media] == [media.mid for media in viewer.media]
    assert [media.kind for media in for_viewer.media] == [media.kind for media in viewer.media]
    assert [media.mid for media in for_janus.media] == [media.mid for media in theirs.media]
    assert for_viewer.transport.candidates == theirs.transport.candidates
    ssrcs = {media.kind: media.ssrcs[0] for media in theirs.media}
    for media in for_viewer.media:
        assert not media.live or media.ssrcs == (ssrcs[media.kind],)


@pytest.mark.parametrize("name", PLAY)
def test_neither_header_extensions_nor_rtx_are_agreed_on(name: str) -> None:
    bridged = bridge(parse_offer(OFFERS[name]), janus(name))
    for text in (bridged.for_viewer, bridged.for_janus):
        assert "extmap" not in text and "rtx" not in text and "apt=" not in text
    assert "transport-cc" not in bridged.for_viewer  # it needs an extension


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_a_viewer_may_want_one_of_both_only(kind: str) -> None:
    sections = {part.split(" ")[0]: part for part in CHROMIUM.decode().split("m=")}
    mid = {"video": "0", "audio": "1"}[kind]
    alone = sections["v=0\r\no=-"].replace("BUNDLE 0 1", f"BUNDLE {mid}") + f"m={sections[kind]}"
    bridged = bridge(read(alone), JANUS)
    assert [media.kind for media in read(bridged.for_viewer).media] == [kind]
    assert {media.kind: media.direction for media in read(bridged.for_janus).media} == {
        **dict.fromkeys(("audio", "video"), "inactive"),
        kind: "recvonly",
    }
    assert bridged.tag == mid


def test_a_stream_without_sound_leaves_the_viewers_sound_rejected() -> None:
    silent = (
        JANUS[: JANUS.index("m=audio")].replace("BUNDLE a v", "BUNDLE v") + JANUS[JANUS.index("m=video") :]
    )
    answer = bridge(parse_offer(CHROMIUM), silent).for_viewer
    assert answer.endswith("m=audio 0 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=inactive\r\n")


def test_more_m_sections_than_there_are_media_are_rejected() -> None:
    answer = read(bridge(parse_offer(OFFERS["chromium-play-many"]), janus("chromium-play-many")).for_viewer)
    assert [media.live for media in answer.media] == [True, True, False, False]


def test_the_viewers_candidates_are_those_of_the_transport_that_is_left() -> None:
    offer = parse_offer(OFFERS["chromium-play"])
    ports = {media.mid: media.transport.candidates[0].port for media in offer.media if media.transport}
    silent = JANUS[: JANUS.index("m=video")].replace("BUNDLE a v", "BUNDLE a")
    bridged = bridge(offer, silent)
    assert bridged.tag == "1"
    assert read(bridged.for_janus).transport.candidates[0].port == ports["1"] != ports["0"]


def test_a_viewer_that_waits_for_dtls_is_called() -> None:
    bridged = bridge(parse_offer(CHROMIUM.replace(b"a=setup:actpass", b"a=setup:passive")), JANUS)
    assert "a=setup:active" in bridged.for_viewer and "a=setup:passive" not in bridged.for_viewer
    assert "a=setup:passive" in bridged.for_janus and "a=setup:active" not in bridged.for_janus


def test_janus_is_never_told_that_no_more_candidates_follow() -> None:
    complete = CHROMIUM.replace(b"a=mid:", b"a=end-of-candidates\r\na=mid:")
    assert "end-of-candidates" not in bridge(parse_offer(complete), JANUS).for_janus


def test_a_viewer_that_cannot_play_the_streams_codecs_is_refused() -> None:
    only_video = (
        JANUS[: JANUS.index("m=audio")].replace("BUNDLE a v", "BUNDLE v") + JANUS[JANUS.index("m=video") :]
    )
    with pytest.raises(BadSdp, match="codecs"):
        bridge(parse_offer(CHROMIUM.replace(b"H264/90000", b"H265/90000")), only_video)


@pytest.mark.parametrize(
    "offer",
    [
        "",
        JANUS.replace("a=setup:actpass", "a=setup:active"),
        JANUS.replace(" 102", " 126").replace(":102", ":126"),
        "".join(line for line in JANUS.splitlines(keepends=True) if not line.startswith("a=ssrc")),
    ],
)
def test_an_offer_of_janus_that_does_not_fit_is_its_fault(offer: str) -> None:
    with pytest.raises(Unfit):
        bridge(parse_offer(CHROMIUM), offer)
