"""The publishing side of RTMP, byte for byte."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.push.amf import Malformed, decode, encode
from ingestd.push.chunks import CHUNK, Message, Reader, write
from ingestd.push.rtmp import AUDIO, DATA, VIDEO, Publisher, Rejected
from tests.unit.rtmp_server import RtmpServer, said

KEY = "the-key"


def publisher() -> Publisher:
    return Publisher("live", "rtmp://example.org/live", KEY, bytes(1528))


def ping(number: int) -> bytes:
    return write(Message(4, struct.pack(">HI", 6, number)), 2)


def converse(ours: Publisher, server: RtmpServer, step: int = 1 << 20) -> None:
    """Both talk until nobody has anything to say; what the server says comes in pieces of ``step``."""
    waiting = ours.begin()
    while waiting:
        answer = server.receive(waiting)
        pieces = [answer[start : start + step] for start in range(0, len(answer), step)]
        waiting = b"".join(ours.receive(piece, 0.0) for piece in pieces)


@pytest.mark.parametrize("step", [1, 100, 1537, 1 << 20])
def test_publishing_from_the_handshake_on(step: int) -> None:
    ours, server = publisher(), RtmpServer()
    converse(ours, server, step)
    assert ours.accepted
    assert server.commands == ["connect", "releaseStream", "FCPublish", "createStream", "publish"]
    assert server.key == KEY
    assert isinstance(server.connected, dict)
    assert (server.connected["app"], server.connected["tcUrl"]) == ("live", "rtmp://example.org/live")


def test_media_in_many_chunks_late_in_time() -> None:
    ours, server = publisher(), RtmpServer()
    converse(ours, server)
    tags = [
        (VIDEO, 0, bytes(3 * CHUNK + 7)),
        (AUDIO, 0xFFFFFF, b"x" * CHUNK),
        (VIDEO, 0x1234567, b"y" * 9000),
    ]
    for kind, time, data in tags:
        server.receive(ours.media(kind, time, data))
    assert [(one.kind, one.time, one.data) for one in server.media] == tags
    assert {one.stream for one in server.media} == {7}


def test_metadata_is_to_be_kept_by_the_other_side() -> None:
    ours, server = publisher(), RtmpServer()
    converse(ours, server)
    server.receive(ours.media(DATA, 0, encode("onMetaData")))
    assert decode(server.media[0].data) == ["@setDataFrame", "onMetaData"]


def test_the_end_is_said() -> None:
    ours, server = publisher(), RtmpServer()
    converse(ours, server)
    server.receive(ours.end())
    assert server.commands[-2:] == ["FCUnpublish", "deleteStream"]


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("NetStream.Publish.BadName", "key"),
        ("NetStream.Publish.Denied", "key"),
        (f"NetStream.{KEY}", "refuses the stream"),
    ],
)
def test_a_refusal_quotes_nothing(verdict: str, words: str) -> None:
    ours = publisher()
    with pytest.raises(Rejected, match=words) as rejected:
        converse(ours, RtmpServer(verdict, f"the stream {KEY} is taken"))
    assert KEY not in str(rejected.value)


def test_a_refused_connection() -> None:
    ours, server = publisher(), RtmpServer()
    ours.receive(server.receive(ours.begin()), 0.0)
    with pytest.raises(Rejected, match="does not know this address"):
        ours.receive(said("_error", 1.0, None, {"code": "NetConnection.Connect.InvalidApp"}), 0.0)


def test_pings_are_answered_and_bytes_acknowledged() -> None:
    ours, server = publisher(), RtmpServer()
    converse(ours, server)
    server.receive(ours.receive(ping(99), 0.0))
    assert server.controls[-1].data == struct.pack(">HI", 7, 99)
    server.receive(ours.receive(write(Message(5, struct.pack(">I", 100)), 2), 0.0))
    assert server.controls[-1].kind == 3


@pytest.mark.parametrize(
    ("size", "taken"), [(0, False), (1, False), (127, False), (128, True), (65536, True)]
)
def test_chunks_that_would_cost_more_than_they_say_are_not_taken(size: int, taken: bool) -> None:
    ours, server = publisher(), RtmpServer()
    converse(ours, server)
    with contextlib.nullcontext() if taken else pytest.raises(Malformed):
        ours.receive(write(Message(1, struct.pack(">I", size)), 2), 0.0)


def test_who_says_what_a_server_says_is_heard_for_good() -> None:
    ours, server = publisher(), RtmpServer()
    converse(ours, server)
    for tenth in range(3600):
        assert ours.receive(ping(tenth), tenth / 10)


@pytest.mark.parametrize(
    "said",
    [b"\x42" + bytes(3) + b"\0\0\6\4" + b"\0\6\0\0\0\1", b"\xc9", bytes(20)],
    ids=["questions", "messages of a byte", "much"],
)
def test_who_never_stops_talking_is_not_heard_to_the_end(said: bytes) -> None:
    """Little work is ours, whatever the other side does."""
    ours, server = publisher(), RtmpServer()
    converse(ours, server)
    ours.receive(b"\x09" + bytes(11), 0.0)  # an empty message, which the second one repeats
    answered = 0
    with pytest.raises(Malformed, match="says more"):
        for tenth in range(1000):
            answered += len(ours.receive(said * 200, tenth / 10))
    assert answered < 64 * 1024


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n", b"SSH-2.0-OpenSSH\r\n", b"\x06"])
def test_what_is_no_rtmp_server(greeting: bytes) -> None:
    ours = publisher()
    ours.begin()
    with pytest.raises(Malformed):
        ours.receive(greeting, 0.0)


@given(st.binary(max_size=4000))
def test_junk_raises_nothing_but_what_is_said(junk: bytes) -> None:
    ours = publisher()
    converse(ours, RtmpServer())
    try:
        ours.receive(junk, 0.0)
    except (Malformed, Rejected):
        pass


def test_nobody_makes_us_keep_much() -> None:
    reader = Reader()
    reader.feed(b"\x03" + bytes(3) + (1 << 20).to_bytes(3, "big") + bytes([20]) + bytes(4))
    with pytest.raises(Malformed, match="too large"):
        reader.next()
    reader = Reader()
    head = bytes(3) + (1000).to_bytes(3, "big") + bytes([20]) + bytes(4) + bytes(128)
    reader.feed(b"".join(bytes([0, name]) + head for name in range(200)))
    with pytest.raises(Malformed, match="chunk streams"):
        reader.next()


@pytest.mark.parametrize(
    "data", [b"\x02\x00\x09abc", b"\x00abc", b"\x42", b"\x03\x00\x01a", b"\x0a\xff\xff\xff\xff"]
)
def test_damaged_amf(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(data)


def test_objects_within_objects_have_a_bound() -> None:
    with pytest.raises(Malformed, match="deeply"):
        decode(b"\x03\x00\x01a" * 50)
