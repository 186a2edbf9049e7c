"""Lines, URIs and attribute lists: RFC 8216 §4.1 and §4.2."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

Text = str | bytes

LARGEST_INTEGER = 2**64 - 1  # §4.2: "in the range from 0 to 2^64-1 (18446744073709551615)"

_BOM = "\ufeff"
_CONTROL = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_QUOTED = re.compile(r'"[^"]*"')
_URI = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_PAIR = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",\s]+)(?:,|\Z)')


@dataclass(frozen=True, order=True)
class Violation:
    """One broken rule; line 0 stands for the playlist as a whole."""

    clause: str
    line: int
    message: str


@dataclass(frozen=True)
class Line:
    """One line without its end; numbers start at 1."""

    number: int
    text: str

    @property
    def name(self) -> str:
        """The tag's name; empty for anything else. §4.1: "Tags begin with #EXT"."""
        return self.text[1:].partition(":")[0] if self.text.startswith("#EXT") else ""

    @property
    def value(self) -> str | None:
        """What follows the colon; None without a colon."""
        return self.text.partition(":")[2] if ":" in self.text else None

    @property
    def is_uri(self) -> bool:
        """§4.1: "Each line is a URI, is blank, or starts with the character '#'"."""
        return bool(self.text.strip()) and not self.text.startswith("#")


def decode(text: Text) -> str:
    """The playlist as characters, whatever it takes."""
    characters = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return characters.removeprefix(_BOM)


def split(text: Text) -> list[Line]:
    """§4.1: lines end with "a single line feed" or "a carriage return followed by a line feed"."""
    rows = decode(text).split("\n")
    if not rows[-1]:
        rows.pop()
    return [Line(number, row.removesuffix("\r")) for number, row in enumerate(rows, 1)]


def attributes(value: str | None) -> dict[str, str]:
    """The well-formed head of an attribute list, with quotes left on; the first of a name wins."""
    found: dict[str, str] = {}
    for match in _pairs(value or ""):
        found.setdefault(match[1], match[2])
    return found


def unquote(value: str | None) -> str | None:
    """A quoted-string without its quotes."""
    return value.strip('"') if value is not None else None


def is_uri(text: str) -> bool:
    """§4.1: a URI is one of RFC 3986: printable ASCII, no white space, escapes of two digits."""
    return _URI.fullmatch(text) is not None


def check_text(text: Text) -> list[Violation]:
    """All of §4.1 that needs no knowledge of any tag."""
    return [*_check_encoding(text), *_check_ends(decode(text)), *_check_lines(split(text))]


def check_attribute_list(value: str) -> list[str]:
    """§4.2: "a comma-separated list of attribute/value pairs with no whitespace"; names once."""
    matches = list(_pairs(value))
    names = [match[1] for match in matches]
    problems = [f"{name} appears more than once" for name in sorted(set(names)) if names.count(name) > 1]
    end = matches[-1].end() if matches else 0
    if end < len(value) or value.endswith(",") or not value:
        problems.append(f"not an attribute list from character {end + 1} on: {value[end : end + 30]!r}")
    return problems


def _pairs(value: str) -> Iterator[re.Match[str]]:
    position = 0
    while match := _PAIR.match(value, position):
        yield match
        position = match.end()


def _check_encoding(text: Text) -> Iterator[Violation]:
    """§4.1: "MUST be encoded in UTF-8", "MUST NOT contain any Byte Order Mark", NFC, no controls."""
    characters = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if not _is_utf8(text):
        yield Violation("§4.1", 0, "not UTF-8")
    if _BOM in characters:
        yield Violation("§4.1", 1, "contains a Byte Order Mark")
    if not unicodedata.is_normalized("NFC", characters):
        yield Violation("§4.1", 0, "not in Unicode normalization form NFC")


def _is_utf8(text: Text) -> bool:
    try:
        text.decode("utf-8") if isinstance(text, bytes) else text.encode("utf-8")
    except UnicodeError:
        return False
    return True


def _check_ends(text: str) -> Iterator[Violation]:
    """§4.1: lines "are terminated by" LF or CR LF; a last line without one was cut off."""
    if text and not text.endswith("\n"):
        yield Violation("§4.1", text.count("\n") + 1, "the last line is not terminated")


def _check_lines(lines: list[Line]) -> Iterator[Violation]:
    if not lines or lines[0].text != "#EXTM3U":
        yield Violation("§4.3.1.1", 1, "EXTM3U MUST be the first line")
    for line in lines:
        for problem in _line_problems(line):
            yield Violation("§4.1", line.number, problem)


def _line_problems(line: Line) -> Iterator[str]:
    """§4.1: no control characters; "Whitespace MUST NOT be present, except ... explicitly specified"."""
    if "\r" in line.text:
        yield "a carriage return without a line feed"
    if _CONTROL.search(line.text):
        yield "a control character"
    if line.is_uri and not is_uri(line.text):
        yield f"not a URI of RFC 3986: {line.text!r}"
    if re.search(r"\s", _without_free_text(line)):
        yield "white space"


def _without_free_text(line: Line) -> str:
    """The part in which white space is not allowed: no comment, title or quoted-string."""
    if line.text.startswith("#") and not line.name:
        return ""
    if line.name == "EXTINF":
        return line.text.partition(",")[0]
    return _QUOTED.sub("", line.text)
