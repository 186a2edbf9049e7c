"""The lines of an SDP, and the tokens in them."""

from __future__ import annotations

import pytest

from ingestd.webrtc.lines import MAX_BYTES, BadSdp, attribute, ice_chars, lines_of, number, token


def test_each_line_has_a_type_and_a_value() -> None:
    assert list(lines_of(b"v=0\r\ns=a b\na=x:y=z\r\n\r\n")) == [("v", "0"), ("s", "a b"), ("a", "x:y=z")]


@pytest.mark.parametrize(
    "body",
    [
        b"v=0\r\nnothing\r\n",
        b"v=0\r\n\r\na=x\r\n",  # an empty line
        b"V=0\r\n",
        b"v =0\r\n",
        b"v=0\ra=x\r\n",  # a carriage return alone ends no line
        b"v=0\r\na=x\x00y\r\n",
        b"v=0\r\na=x\ty\r\n",
        b"v=0\r\na=x\x0by\r\n",
        "v=0\r\na=x\u2028a=y\r\n".encode(),
        "v=0\r\na=x\u0085a=y\r\n".encode(),
        b"v=0\r\na=\xff\r\n",
        b"a=" + b"x" * 5000 + b"\r\n",
        b"a=x\r\n" * 2001,
        b"a=x\r\n" * MAX_BYTES,
    ],
)
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(BadSdp):
        list(lines_of(body))


def test_an_attribute_has_a_name_and_may_have_a_value() -> None:
    assert attribute("rtcp-mux") == ("rtcp-mux", "")
    assert attribute("candidate: 1:2") == ("candidate", "1:2")


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "128", "٣", "1 ", "00000000001"])
def test_a_number_is_of_digits_and_bounded(text: str) -> None:
    assert number("127", 127, "payload type") == 127
    with pytest.raises(BadSdp, match="payload type"):
        number(text, 127, "payload type")


@pytest.mark.parametrize("text", ["", "a b", "a:b", "a/b", "a;b", "ä", "a\r\n", "x" * 65])
def test_a_token_has_no_separators(text: str) -> None:
    assert token("a-b_c.d", "mid") == "a-b_c.d"
    with pytest.raises(BadSdp, match="mid"):
        token(text, "mid")


@pytest.mark.parametrize("text", ["", "abc", "abc d", "abc=", "abcd\n", "x" * 257])
def test_the_names_of_ice_are_letters_digits_plus_and_slash(text: str) -> None:
    assert ice_chars("aB3+/", 4, "ice-ufrag") == "aB3+/"
    with pytest.raises(BadSdp, match="ice-ufrag"):
        ice_chars(text, 4, "ice-ufrag")
