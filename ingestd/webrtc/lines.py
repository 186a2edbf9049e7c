"""The lines of an SDP (RFC 8866) and the tokens in them: what may stand there, and what is refused. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_BYTES = 64 << 10
_MAX_LINES = 2000
_MAX_LINE = 4096  # characters

_LINE = re.compile(r"([a-z])=([^\x00-\x1f\x7f-\x9f\u2028\u2029]*)")
_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,64}", re.ASCII)  # RFC 8866 §9, bounded
_ICE = re.compile(r"[A-Za-z0-9+/]{1,256}", re.ASCII)  # RFC 8839 §5.4: ice-char

MAX_U32 = (1 << 32) - 1


class BadSdp(ValueError):
    """Refused; the text is a plain sentence for the client, which says what is wrong."""


def lines_of(body: bytes) -> Iterator[tuple[str, str]]:
    """Type and value of each line, which ends with CRLF or LF; raises :class:`BadSdp`."""
    if len(body) > MAX_BYTES:
        raise BadSdp(f"The SDP is larger than {MAX_BYTES >> 10} KiB.")
    try:
        lines = body.decode().replace("\r\n", "\n").rstrip("\n").split("\n")
    except UnicodeDecodeError:
        raise BadSdp("The SDP is not UTF-8 text.") from None
    if len(lines) > _MAX_LINES:
        raise BadSdp(f"The SDP has more than {_MAX_LINES} lines.")
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if not match or len(line) > _MAX_LINE:
            raise BadSdp(f"Line {number} of the SDP is not of the form “letter=value”, or is too long.")
        yield match[1], match[2]


def attribute(value: str) -> tuple[str, str]:
    """Name and value of what stands after ``a=``; the value is empty for a flag."""
    name, _, rest = value.partition(":")
    return name, rest.strip(" ")


def number(text: str, most: int, what: str) -> int:
    """A decimal number in 0…``most``."""
    if not _NUMBER.fullmatch(text) or int(text) > most:
        raise BadSdp(f"A {what} in the SDP is not a number up to {most}.")
    return int(text)


def token(text: str, what: str, most: int = 64) -> str:
    if not _TOKEN.fullmatch(text) or len(text) > most:
        raise BadSdp(f"A {what} in the SDP is empty, too long, or has characters that may not stand in it.")
    return text


def ice_chars(text: str, least: int, what: str, most: int = 256) -> str:
    """Letters, digits, + and /: ``least`` to ``most`` of them."""
    if not _ICE.fullmatch(text) or not least <= len(text) <= most:
        raise BadSdp(f"The {what} in the SDP is not {least} to {most} letters, digits, + or /.")
    return text
