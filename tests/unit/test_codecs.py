"""The codecs of an m-section."""

from __future__ import annotations

import pytest

from ingestd.webrtc.codecs import Codec, CodecTable, payload_types
from ingestd.webrtc.lines import BadSdp


def codec(rtpmap: str, fmtp: str = "", *feedback: str) -> Codec:
    table = CodecTable()
    table.rtpmap(f"96 {rtpmap}")
    if fmtp:
        table.fmtp(f"96 {fmtp}")
    for one in feedback:
        table.feedback(one)
    (found,) = table.codecs([96])
    return found


def test_a_codec_is_written_anew() -> None:
    found = codec("h264/90000", "x=1; Packetization-Mode=1;profile-level-id=42e01f;", "96 nack", "* ccm fir")
    assert list(found.lines()) == [
        "a=rtpmap:96 H264/90000",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 ccm fir",
        "a=fmtp:96 packetization-mode=1;profile-level-id=42e01f",
    ]
    assert list(codec("OPUS/48000/2").lines()) == ["a=rtpmap:96 opus/48000/2"]
    assert list(codec("RTX/90000", "apt=97").lines()) == ["a=rtpmap:96 rtx/90000", "a=fmtp:96 apt=97"]


@pytest.mark.parametrize(
    ("rtpmap", "fmtp"),
    [
        ("VP8/90000", ""),
        ("opus/48000/2", "minptime=10"),
        ("H264/90000", "packetization-mode=1"),
        ("H264/90000", "packetization-mode=1;profile-level-id=42E01F"),
        ("H264/90000", "packetization-mode=1;profile-level-id=4d0032"),
        ("H264/90000", "packetization-mode=1;profile-level-id=640c1f"),
    ],
)
def test_our_codecs(rtpmap: str, fmtp: str) -> None:
    assert codec(rtpmap, fmtp).ours


@pytest.mark.parametrize(
    ("rtpmap", "fmtp"),
    [
        ("VP9/90000", ""),
        ("VP8/8000", ""),
        ("opus/48000", ""),
        ("rtx/90000", "apt=1"),
        ("H264/90000", ""),
        ("H264/90000", "packetization-mode=0"),
        ("H264/90000", "packetization-mode=2"),
        ("H264/90000", "packetization-mode=1;profile-level-id=f4001f"),
    ],
)
def test_others(rtpmap: str, fmtp: str) -> None:
    assert not codec(rtpmap, fmtp).ours


@pytest.mark.parametrize(
    "fmtp",
    [
        "profile-level-id=42e01f1",
        "profile-level-id=42e0 1f",
        "apt=1",
        "sprop-parameter-sets=Z0LA,aMuD",
        "0-15",
    ],
)
def test_unknown_and_malformed_parameters_are_left_out(fmtp: str) -> None:
    assert codec("H264/90000", fmtp).fmtp == ""


def test_rtx_says_whose_packets_it_repeats() -> None:
    assert codec("rtx/90000", "apt=102").repairs == 102
    assert codec("rtx/90000").repairs is None
    assert codec("VP8/90000", "apt=102").repairs is None


def test_unknown_feedback_is_left_out() -> None:
    assert codec("VP8/90000", "", "96 nack", "96 nack rpsi", "96 nack", "96 x y", "97 nack pli").feedback == (
        "nack",
    )


def test_codecs_come_in_the_order_of_the_m_line_but_for_those_of_which_nothing_is_said() -> None:
    table = CodecTable()
    for payload, name in ((96, "VP8"), (97, "H264")):
        table.rtpmap(f"{payload} {name}/90000")
    assert [one.name for one in table.codecs([97, 0, 96])] == ["H264", "VP8"]


@pytest.mark.parametrize("text", ["", "96 x", "128", "96 96", "96  97", " ".join(map(str, range(101)))])
def test_malformed_payload_types_are_refused(text: str) -> None:
    assert payload_types("96 0 127") == (96, 0, 127)
    with pytest.raises(BadSdp, match="payload type"):
        payload_types(text)


def test_two_things_of_one_payload_type_are_refused() -> None:
    table = CodecTable()
    table.rtpmap("96 VP8/90000")
    table.rtpmap("96 VP8/90000")
    with pytest.raises(BadSdp, match="96 to two codecs"):
        table.rtpmap("96 VP9/90000")
    table.fmtp("96 max-fr=30")
    with pytest.raises(BadSdp, match="two lines of parameters"):
        table.fmtp("96 max-fr=60")


@pytest.mark.parametrize("value", ["VP8/90000", "96 /90000", "96 VP8", "96 VP8/fast", "96 VP8/90000/x"])
def test_a_malformed_mapping_is_refused(value: str) -> None:
    with pytest.raises(BadSdp):
        CodecTable().rtpmap(value)
