"""AMF0: what we write can be read again, and nothing else is taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.push.amf import Malformed, decode, encode

_TEXTS = st.text(max_size=300)
_VALUES = st.one_of(
    st.none(), st.floats(allow_nan=False), _TEXTS, st.dictionaries(_TEXTS.filter(bool), _TEXTS, max_size=5)
)


@given(st.lists(_VALUES, max_size=6))
def test_what_is_written_is_read(values: list[float | str | None | dict[str, str]]) -> None:
    assert list(decode(encode(*values))) == values


def test_the_bytes_are_those_of_the_format() -> None:
    assert encode("connect", 1.0, None, {"app": "live"}) == (
        b"\x02\x00\x07connect" + b"\x00\x3f\xf0" + bytes(6) + b"\x05"
        b"\x03\x00\x03app\x02\x00\x04live\x00\x00\x09"
    )


def test_what_servers_send_beside_that_is_read() -> None:
    assert decode(b"\x01\x01") == [True]
    assert decode(b"\x08\x00\x00\x00\x01\x00\x01a\x05\x00\x00\x09") == [{"a": None}]
    assert decode(b"\x0a\x00\x00\x00\x02\x05\x06") == [[None, None]]
    assert decode(b"\x0c\x00\x00\x00\x02ab") == ["ab"]


@pytest.mark.parametrize("data", [b"\x02\x00\x05abc", b"\x07", b"\x03\x00\x01a", b"\x02\x00\x01\xff"])
def test_what_is_cut_off_or_unknown_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(data)
