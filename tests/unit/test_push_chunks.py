"""RTMP's chunks: messages come out as they went in, however the bytes arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.push.amf import Malformed
from ingestd.push.chunks import CHUNK, Message, Reader, write

_MESSAGES = st.builds(
    Message,
    st.integers(1, 22),
    st.integers(0, 3 * CHUNK).map(lambda size: bytes(index % 251 for index in range(size))),
    st.one_of(st.integers(0, 5000), st.integers(0xFFFFF0, 0xFFFFFFFF)),
    st.integers(0, 3),
)


def read(data: bytes, step: int) -> list[Message]:
    reader = Reader()
    reader.chunk = CHUNK
    found = []
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
        while message := reader.next():
            found.append(message)
    return found


@given(st.lists(st.tuples(_MESSAGES, st.integers(2, 63)), max_size=4), st.integers(100, 9000))
def test_messages_are_put_together_again(sent: list[tuple[Message, int]], step: int) -> None:
    data = b"".join(write(message, channel) for message, channel in sent)
    assert read(data, step) == [message for message, _ in sent]


def test_headers_that_leave_out_what_has_not_changed() -> None:
    whole = write(Message(20, b"abc", 7, 1), 3)
    same_size = b"\x83\x00\x00\x05" + b"def"
    nothing_new = b"\xc3" + b"ghi"
    assert [one.data for one in read(whole + same_size + nothing_new, 1)] == [b"abc", b"def", b"ghi"]


def test_the_other_side_cannot_make_us_keep_much() -> None:
    with pytest.raises(Malformed):
        read(b"\x03\x00\x00\x00\xff\xff\xff\x14" + bytes(4), 100)
