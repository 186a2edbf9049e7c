"""The tags, each with its place and form (RFC 8216 §4.3), and the versions they need (§7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from tests.hls.syntax import LARGEST_INTEGER, Line, Violation, attributes, check_attribute_list, is_uri

Check = Callable[[str], bool]

# "YYYY-MM-DDThh:mm:ss.SSSZ". The RFC says SHOULD of the zone and of the milliseconds; without a
# zone the mapping means nothing to a viewer elsewhere, so here they are demanded.
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3,6}(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_FLOAT = r"[0-9]+(?:\.[0-9]+)?"


class Scope(Enum):
    """§4.3.1 to §4.3.5: where a tag may stand; the value is the clause that says so."""

    BASIC = "§4.3.1"
    SEGMENT = "§4.3.2"
    MEDIA = "§4.3.3"
    MULTIVARIANT = "§4.3.4"
    EITHER = "§4.3.5"


class Attribute(NamedTuple):
    """One attribute: the form of its value, and whether the tag is nothing without it."""

    check: Check
    required: bool = False


@dataclass(frozen=True)
class Rule:
    """One tag: its clause, its place, and the form of what follows the colon (None: nothing)."""

    clause: str
    scope: Scope
    form: Check | Mapping[str, Attribute] | None = None


def matches(pattern: str) -> Check:
    """A check that the whole value has this form."""
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def is_integer(value: str) -> bool:
    """§4.2 decimal-integer: "from 1 to 20 characters", "from 0 to 2^64-1"."""
    return re.fullmatch("[0-9]{1,20}", value) is not None and int(value) <= LARGEST_INTEGER


def date_time(value: str) -> datetime | None:
    """§4.3.2.6: ISO 8601 with zone and milliseconds; None for anything else."""
    if not _DATE_TIME.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _is_version(value: str) -> bool:
    return is_integer(value) and int(value) > 0


def _is_date_time(value: str) -> bool:
    return date_time(value.strip('"')) is not None


def _is_quoted_date(value: str) -> bool:
    return _quoted(value) and _is_date_time(value)


def _is_quoted_uri(value: str) -> bool:
    return _quoted(value) and is_uri(value[1:-1])


def _is_resolution(value: str) -> bool:
    """§4.2 decimal-resolution: "two decimal-integers separated by the 'x' character"."""
    width, _, height = value.partition("x")
    return is_integer(width) and is_integer(height)


# RFC 6381 §3.3: four characters of a sample entry, then what its own specification wants.
_CODEC = (
    r"(?:avc[1-4]\.[0-9A-Fa-f]{6}|mp4[av]\.[0-9A-Fa-f]{2}(?:\.[0-9]{1,2})?"
    r"|(?:hvc1|hev1)\.[ABC]?[0-9]{1,2}\.[0-9A-Fa-f]{1,8}\.[LH][0-9]{1,3}(?:\.[0-9A-Fa-f]{1,2}){0,6}"
    r"|vp0[89](?:\.[0-9]{2}){3,8}|av01\.[0-2]\.[0-9]{2}[MH]\.[0-9]{2}(?:\.[0-9.]+)?"
    r"|(?!avc|mp4|hvc|hev|vp0|av0)[A-Za-z0-9-]{4}(?:\.[A-Za-z0-9]+)*)"
)

_quoted = matches('"[^"]*"')
_name = matches('"[^"]+"')
_flag = matches("YES|NO")
_float = matches(_FLOAT)
_hexadecimal = matches("0[xX][0-9A-F]+")
_codecs = matches(f'"{_CODEC}(?:,{_CODEC})*"')
_language = matches('"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*"')  # RFC 5646
_byte_range = r"[0-9]{1,20}(?:@[0-9]{1,20})?"

_KEY = {
    "METHOD": Attribute(matches("NONE|AES-128|SAMPLE-AES"), True),
    "URI": Attribute(_is_quoted_uri),
    "IV": Attribute(matches("0[xX][0-9A-F]{1,32}")),  # "a 128-bit unsigned integer"
    "KEYFORMAT": Attribute(_quoted),
    "KEYFORMATVERSIONS": Attribute(matches('"[1-9][0-9]*(?:/[1-9][0-9]*)*"')),
}
_MAP = {"URI": Attribute(_is_quoted_uri, True), "BYTERANGE": Attribute(matches(f'"{_byte_range}"'))}
_DATERANGE = {
    "ID": Attribute(_name, True),
    "CLASS": Attribute(_quoted),
    "START-DATE": Attribute(_is_quoted_date, True),
    "END-DATE": Attribute(_is_quoted_date),
    "DURATION": Attribute(_float),
    "PLANNED-DURATION": Attribute(_float),
    "SCTE35-CMD": Attribute(_hexadecimal),
    "SCTE35-OUT": Attribute(_hexadecimal),
    "SCTE35-IN": Attribute(_hexadecimal),
    "END-ON-NEXT": Attribute(matches("YES")),
}
_MEDIA = {
    "TYPE": Attribute(matches("AUDIO|VIDEO|SUBTITLES|CLOSED-CAPTIONS"), True),
    "URI": Attribute(_is_quoted_uri),
    "GROUP-ID": Attribute(_name, True),
    "LANGUAGE": Attribute(_language),
    "ASSOC-LANGUAGE": Attribute(_language),
    "NAME": Attribute(_name, True),
    "DEFAULT": Attribute(_flag),
    "AUTOSELECT": Attribute(_flag),
    "FORCED": Attribute(_flag),
    "INSTREAM-ID": Attribute(matches('"(?:CC[1-4]|SERVICE(?:[1-9]|[1-5][0-9]|6[0-3]))"')),
    "CHARACTERISTICS": Attribute(_name),
    "CHANNELS": Attribute(matches('"[0-9]{1,20}(?:/[^"]*)?"')),
}
_I_FRAME_STREAM = {
    "BANDWIDTH": Attribute(is_integer, True),
    "AVERAGE-BANDWIDTH": Attribute(is_integer),
    "CODECS": Attribute(_codecs),
    "RESOLUTION": Attribute(_is_resolution),
    "HDCP-LEVEL": Attribute(matches("TYPE-0|NONE")),
    "VIDEO": Attribute(_name),
}
_STREAM = _I_FRAME_STREAM | {
    "FRAME-RATE": Attribute(matches(r"[0-9]+(?:\.[0-9]{1,3})?")),  # "rounded to three decimal places"
    "AUDIO": Attribute(_name),
    "SUBTITLES": Attribute(_name),
    "CLOSED-CAPTIONS": Attribute(matches('"[^"]+"|NONE')),
}
_SESSION_DATA = {
    "DATA-ID": Attribute(_name, True),
    "VALUE": Attribute(_quoted),
    "URI": Attribute(_is_quoted_uri),
    "LANGUAGE": Attribute(_language),
}
_SESSION_KEY = _KEY | {"METHOD": Attribute(matches("AES-128|SAMPLE-AES"), True)}  # "MUST NOT be NONE"
_START = {"TIME-OFFSET": Attribute(matches("-?" + _FLOAT), True), "PRECISE": Attribute(_flag)}

RULES: Mapping[str, Rule] = {
    "EXTM3U": Rule("§4.3.1.1", Scope.BASIC),
    "EXT-X-VERSION": Rule("§4.3.1.2", Scope.BASIC, _is_version),
    "EXTINF": Rule("§4.3.2.1", Scope.SEGMENT, matches(f"{_FLOAT},.*")),
    "EXT-X-BYTERANGE": Rule("§4.3.2.2", Scope.SEGMENT, matches(_byte_range)),
    "EXT-X-DISCONTINUITY": Rule("§4.3.2.3", Scope.SEGMENT),
    "EXT-X-KEY": Rule("§4.3.2.4", Scope.SEGMENT, _KEY),
    "EXT-X-MAP": Rule("§4.3.2.5", Scope.SEGMENT, _MAP),
    "EXT-X-PROGRAM-DATE-TIME": Rule("§4.3.2.6", Scope.SEGMENT, lambda value: date_time(value) is not None),
    "EXT-X-DATERANGE": Rule("§4.3.2.7", Scope.SEGMENT, _DATERANGE),
    "EXT-X-TARGETDURATION": Rule("§4.3.3.1", Scope.MEDIA, is_integer),
    "EXT-X-MEDIA-SEQUENCE": Rule("§4.3.3.2", Scope.MEDIA, is_integer),
    "EXT-X-DISCONTINUITY-SEQUENCE": Rule("§4.3.3.3", Scope.MEDIA, is_integer),
    "EXT-X-ENDLIST": Rule("§4.3.3.4", Scope.MEDIA),
    "EXT-X-PLAYLIST-TYPE": Rule("§4.3.3.5", Scope.MEDIA, matches("EVENT|VOD")),
    "EXT-X-I-FRAMES-ONLY": Rule("§4.3.3.6", Scope.MEDIA),
    "EXT-X-MEDIA": Rule("§4.3.4.1", Scope.MULTIVARIANT, _MEDIA),
    "EXT-X-STREAM-INF": Rule("§4.3.4.2", Scope.MULTIVARIANT, _STREAM),
    "EXT-X-I-FRAME-STREAM-INF": Rule(
        "§4.3.4.3", Scope.MULTIVARIANT, _I_FRAME_STREAM | {"URI": Attribute(_is_quoted_uri, True)}
    ),
    "EXT-X-SESSION-DATA": Rule("§4.3.4.4", Scope.MULTIVARIANT, _SESSION_DATA),
    "EXT-X-SESSION-KEY": Rule("§4.3.4.5", Scope.MULTIVARIANT, _SESSION_KEY),
    "EXT-X-INDEPENDENT-SEGMENTS": Rule("§4.3.5.1", Scope.EITHER),
    "EXT-X-START": Rule("§4.3.5.2", Scope.EITHER, _START),
}


def check_tags(lines: Iterable[Line], foreign: set[Scope]) -> Iterator[Violation]:
    """Every known tag by itself; §6.3.1 has clients ignore the unknown ones."""
    seen: set[str] = set()
    for line in lines:
        if rule := RULES.get(line.name):
            for problem in _form_problems(line, rule):
                yield Violation(rule.clause, line.number, f"{line.name}: {problem}")
            yield from _check_place(line, rule, foreign, seen)
            seen.add(line.name)


def _check_place(line: Line, rule: Rule, foreign: set[Scope], seen: set[str]) -> Iterator[Violation]:
    """§4.3.2 to §4.3.4: media and multivariant tags do not mix; §4.3.1, 3 and 5: not more than one."""
    if rule.scope in foreign:
        yield Violation(rule.scope.value, line.number, f"{line.name} MUST NOT appear in such a playlist")
    if rule.scope in (Scope.BASIC, Scope.MEDIA, Scope.EITHER) and line.name in seen:
        clause = rule.clause if rule.scope is Scope.BASIC else rule.scope.value
        yield Violation(clause, line.number, f"{line.name} appears more than once")


def _form_problems(line: Line, rule: Rule) -> Iterator[str]:
    if rule.form is None:
        if line.value is not None:
            yield "takes no value"
    elif line.value is None:
        yield "has no value"
    elif isinstance(rule.form, Mapping):
        yield from _attribute_problems(line.value, rule.form)
    elif not rule.form(line.value):
        yield f"malformed value {line.value!r}"


def _attribute_problems(value: str, known: Mapping[str, Attribute]) -> Iterator[str]:
    yield from check_attribute_list(value)
    found = attributes(value)
    for name, attribute in known.items():
        if name in found and not attribute.check(found[name]):
            yield f"malformed {name}={found[name]}"
        if name not in found and attribute.required:
            yield f"{name} is REQUIRED"


def check_version(lines: list[Line]) -> Iterator[Violation]:
    """§7: a playlist "MUST" have a version high enough for what it contains; without one it is 1."""
    names = {line.name for line in lines}
    declared = [line.value or "" for line in lines if line.name == "EXT-X-VERSION"]
    version = int(declared[0]) if declared and is_integer(declared[0]) else 1
    for line in lines:
        needed, reason = _needed_version(line, names)
        if version < needed:
            yield Violation("§7", line.number, f"{reason} needs version {needed}, not {version}")


def _needed_version(line: Line, names: set[str]) -> tuple[int, str]:
    if line.name == "EXT-X-MAP":
        return (5 if "EXT-X-I-FRAMES-ONLY" in names else 6), "EXT-X-MAP"
    if line.name in ("EXT-X-BYTERANGE", "EXT-X-I-FRAMES-ONLY"):
        return 4, line.name
    if line.name == "EXTINF" and "." in (line.value or "").partition(",")[0]:
        return 3, "a floating-point EXTINF"
    if line.name == "EXT-X-KEY":
        return _needed_by_key(attributes(line.value))
    if line.name == "EXT-X-MEDIA" and "SERVICE" in attributes(line.value).get("INSTREAM-ID", ""):
        return 7, "INSTREAM-ID of SERVICE"
    return 1, ""


def _needed_by_key(key: Mapping[str, str]) -> tuple[int, str]:
    if key.get("METHOD") == "SAMPLE-AES" or "KEYFORMAT" in key or "KEYFORMATVERSIONS" in key:
        return 5, "SAMPLE-AES or KEYFORMAT"
    return (2, "IV") if "IV" in key else (1, "")
