"""nginx-rtmp's statistics, as 1.2.2 writes them, and as nobody should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.monitor.nginx_stat import LARGEST, Flow, RtmpClient, Unreadable, flows, parse

STREAM = """<stream>
<name>{name}</name>
<time>3431</time><bw_in>{bandwidth}</bw_in>
<bytes_in>102994</bytes_in>
<bw_out>16</bw_out>
<bytes_out>7</bytes_out>
<bw_audio>0</bw_audio>
<bw_video>0</bw_video>
<client><id>25</id><address>192.0.2.9</address><time>3608</time><flashver>FMLE/3.0 (compatible; \
Lavf59.27</flashver><dropped>2</dropped><avsync>-22</avsync><timestamp>3156</timestamp><publishing/><active/>\
</client>
<meta><video><width>320</width><height>240</height><codec>H264</codec><profile></profile></video></meta>
<nclients>1</nclients>
<publishing/>
<active/>
</stream>
"""
NAMES = {
    "live": ("demo-0123456789abcdef",),
    "renditions": ("66112233aabbccdd-0-720p", "66112233aabbccdd-1-720p"),
}


def xml(names: dict[str, tuple[str, ...]] = NAMES) -> bytes:
    applications = "".join(
        f"<application>\n<name>{application}</name>\n<live>\n"
        + "".join(STREAM.format(name=name, bandwidth=800) for name in named)
        + f"<nclients>{len(named)}</nclients>\n</live>\n</application>\n"
        for application, named in names.items()
    )
    return (
        '<?xml version="1.0" encoding="utf-8" ?>\n<rtmp>\n<nginx_version>1.22.1</nginx_version>\n'
        "<nginx_rtmp_version>1.1.4</nginx_rtmp_version>\n<pid>15184</pid>\n<uptime>8</uptime>\n"
        "<naccepted>2</naccepted>\n<bw_in>1600</bw_in>\n<bytes_in>181500</bytes_in>\n<bw_out>0</bw_out>\n"
        f"<bytes_out>818</bytes_out>\n<server>\n{applications}</server>\n</rtmp>\n"
    ).encode()


def test_all_of_it_is_read() -> None:
    stat = parse(xml())
    assert (stat.nginx_version, stat.uptime, stat.accepted) == ("1.22.1", 8, 2)
    assert (stat.bytes_in, stat.bytes_out, stat.bandwidth_in, stat.bandwidth_out) == (181500, 818, 1600, 0)
    assert [(one.application, one.name) for one in stat.streams] == [
        (application, name) for application, names in NAMES.items() for name in names
    ]
    first = stat.streams[0]
    assert (first.time, first.bytes_in, first.bandwidth_in, first.publishing) == (3431, 102994, 800, True)
    assert first.clients == (RtmpClient(25, "192.0.2.9", 3608, 2, True),)
    assert stat.clients == 3


def test_one_without_streams() -> None:
    assert parse(xml({"live": ()})).streams == ()


def test_generations_of_a_rendition_are_one_flow() -> None:
    found = flows(parse(xml()), {"66112233aabbccdd": "demo"}.get)  # type: ignore[arg-type]
    assert found == [Flow("demo", "", 1, 800, 16), Flow("demo", "720p", 2, 1600, 32)]


def test_separate_sound_is_a_flow_of_its_own() -> None:
    names: dict[str, tuple[str, ...]] = {
        "renditions": ("66112233aabbccdd-0-720p",),
        "sound": ("66112233aabbccdd-0-audio",),
    }
    found = flows(parse(xml(names)), lambda _: "demo")
    assert found == [Flow("demo", "720p", 1, 800, 16), Flow("demo", "audio", 1, 800, 16)]


def test_streams_that_are_not_ours_are_no_flows() -> None:
    strange = {"live": ("x", "demo-0123", "-0123456789abcdef"), "renditions": ("ffff-0-720p",)}
    assert flows(parse(xml(strange)), lambda _: "") == []


@pytest.mark.parametrize("channel", ["cafe-1", "2025-11"])
def test_a_channel_whose_stream_looks_like_an_encoder_s_is_known_by_its_application(channel: str) -> None:
    stat = parse(xml({"live": (f"{channel}-0123456789abcdef",), "renditions": ()}))
    assert flows(stat, lambda _: "another") == [Flow(channel, "", 1, 800, 16)]


def test_what_a_client_calls_itself_does_not_break_it() -> None:
    for bad in (b"\x01\x0b", b"\xff\xfe", "\ufffe\uffff".encode(), b"&lt;!DOCTYPE"):
        assert parse(xml().replace(b"Lavf59.27", bad)).clients == 3


def test_numbers_that_are_none_are_nothing() -> None:
    for bad in (b"", b"-5", b"1e9", b"9" * 5000, "٣".encode()):
        assert parse(xml().replace(b"181500", bad)).bytes_in == 0


_BOMB = b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><rtmp>&b;</rtmp>'


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not XML"),
        (b"garbage", "not XML"),
        (xml()[:700], "not XML"),
        (b"<html></html>", "not that of nginx-rtmp"),
        (_BOMB, "document type"),
        (_BOMB.decode().encode("utf-16"), "document type"),
        (b"<rtmp>&b;</rtmp>", "not XML"),
        (b"x" * (LARGEST + 1), "larger than 4 MiB"),
    ],
    ids=["empty", "garbage", "truncated", "page", "bomb", "disguised", "entity", "huge"],
)
def test_what_it_is_not_is_told(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        parse(data)


def test_depth_does_no_harm() -> None:
    deep = 100_000
    assert parse(b"<rtmp>" + b"<a>" * deep + b"</a>" * deep + b"</rtmp>").streams == ()


@given(st.binary(max_size=300))
def test_garbage_raises_nothing_else(data: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(data)


@given(st.integers(0, len(xml())), st.binary(max_size=8), st.integers(0, 20))
def test_damage_raises_nothing_else(at: int, put: bytes, taken: int) -> None:
    whole = xml()
    try:
        parse(whole[:at] + put + whole[at + taken :])
    except Unreadable:
        pass
