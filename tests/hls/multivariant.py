"""RFC 8216 §4.3.4: is this a valid multivariant ("Master") playlist?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.hls.model import Multivariant, Rendition, decimal, parse_multivariant
from tests.hls.syntax import Line, Text, Violation, attributes, check_text, split
from tests.hls.tags import Scope, check_tags, check_version

_GROUPS = ("AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS")
_STREAMS = ("EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF")

Groups = dict[str, dict[str, list[Rendition]]]


def check_multivariant(text: Text) -> list[Violation]:
    """Everything that one multivariant playlist alone can break."""
    lines = split(text)
    playlist = parse_multivariant(text)
    groups = _groups(playlist)
    found = [
        *check_text(text),
        *check_tags(lines, {Scope.SEGMENT, Scope.MEDIA}),
        *check_version(lines),
        *_check_uris(lines),
        *_check_bandwidths(lines),
        *_check_references(lines, groups),
        *_check_captions(lines),
        *_check_renditions(playlist),
        *_check_groups(groups),
        *_check_session_data(lines),
        *_check_session_keys(lines),
    ]
    return sorted(found, key=lambda violation: (violation.line, violation.clause))


def _check_uris(lines: list[Line]) -> Iterator[Violation]:
    """§4.3.4.2: the URI line that follows an EXT-X-STREAM-INF "is REQUIRED"; no URI stands alone."""
    stream = False
    for line in lines:
        if line.is_uri and not stream:
            yield Violation("§4.3.4.2", line.number, "a URI without an EXT-X-STREAM-INF right before it")
        if stream and not line.is_uri:
            yield Violation("§4.3.4.2", line.number - 1, "EXT-X-STREAM-INF MUST be followed by a URI line")
        stream = line.name == "EXT-X-STREAM-INF"
    if stream:
        yield Violation("§4.3.4.2", lines[-1].number, "EXT-X-STREAM-INF MUST be followed by a URI line")


def _check_bandwidths(lines: list[Line]) -> Iterator[Violation]:
    """§4.3.4.2: BANDWIDTH is the peak, so that no average can be above it."""
    for line in lines:
        if line.name in _STREAMS:
            found = attributes(line.value)
            peak, average = decimal(found.get("BANDWIDTH")), decimal(found.get("AVERAGE-BANDWIDTH"))
            if peak is not None and average is not None and average > peak:
                yield Violation("§4.3.4.2", line.number, f"AVERAGE-BANDWIDTH {average} > BANDWIDTH {peak}")


def _groups(playlist: Multivariant) -> Groups:
    """§4.3.4.1.1: a Group is the EXT-X-MEDIA tags of the same TYPE and the same GROUP-ID."""
    groups: Groups = defaultdict(lambda: defaultdict(list))
    for rendition in playlist.renditions:
        groups[rendition.type or ""][rendition.group_id or ""].append(rendition)
    return groups


def _check_references(lines: list[Line], groups: Groups) -> Iterator[Violation]:
    """§4.3.4.2: AUDIO and the like "MUST match the value of the GROUP-ID" of a tag of that TYPE."""
    for line in lines:
        if line.name in _STREAMS:
            found = attributes(line.value)
            for name in _GROUPS:
                value = found.get(name, "NONE")
                if value.startswith('"') and value.strip('"') not in groups.get(name, {}):
                    yield Violation("§4.3.4.2", line.number, f"{name}={value}: no EXT-X-MEDIA of that group")


def _check_captions(lines: list[Line]) -> Iterator[Violation]:
    """§4.3.4.2: with CLOSED-CAPTIONS=NONE, all "EXT-X-STREAM-INF tags MUST have this attribute"."""
    streams = [line for line in lines if line.name == "EXT-X-STREAM-INF"]
    values = [attributes(line.value).get("CLOSED-CAPTIONS") for line in streams]
    for line, value in zip(streams, values, strict=True):
        if "NONE" in values and value != "NONE":
            yield Violation("§4.3.4.2", line.number, "CLOSED-CAPTIONS is NONE elsewhere but not here")


def _check_renditions(playlist: Multivariant) -> Iterator[Violation]:
    for rendition in playlist.renditions:
        for problem in _rendition_problems(rendition):
            yield Violation("§4.3.4.1", rendition.line, problem)


def _rendition_problems(rendition: Rendition) -> Iterator[str]:
    """§4.3.4.1: what depends on TYPE, and that what is the default is also selected."""
    found = rendition.attributes
    captions = rendition.type == "CLOSED-CAPTIONS"
    if captions and "URI" in found:
        yield "CLOSED-CAPTIONS: URI MUST NOT be present"
    if rendition.type == "SUBTITLES" and "URI" not in found:
        yield "SUBTITLES: URI is REQUIRED"  # said in §4.3.4.2.1
    if captions != ("INSTREAM-ID" in found):
        yield "INSTREAM-ID is REQUIRED for CLOSED-CAPTIONS and MUST NOT be there for any other TYPE"
    if "FORCED" in found and rendition.type != "SUBTITLES":
        yield "FORCED MUST NOT be present unless TYPE is SUBTITLES"
    if found.get("DEFAULT") == "YES" and found.get("AUTOSELECT") == "NO":
        yield "with DEFAULT=YES, AUTOSELECT MUST be YES if present"


def _check_groups(groups: Groups) -> Iterator[Violation]:
    """§4.3.4.1.1: the members of a group, and the groups of one TYPE against each other."""
    for of_type in groups.values():
        first = next(iter(of_type.values()))
        for members in of_type.values():
            yield from _check_members(members)
            if _essence(members) != _essence(first):
                message = "groups of one TYPE MUST have the same members with identical attributes"
                yield Violation("§4.3.4.1.1", members[0].line, message)


def _check_members(members: list[Rendition]) -> Iterator[Violation]:
    """§4.3.4.1.1: members "MUST have different NAME attributes"; not more than one DEFAULT=YES."""
    names = [member.name for member in members]
    if len(set(names)) < len(names):
        yield Violation("§4.3.4.1.1", members[-1].line, "members of a group MUST have different NAMEs")
    if sum(member.attributes.get("DEFAULT") == "YES" for member in members) > 1:
        yield Violation("§4.3.4.1.1", members[-1].line, "a group MUST NOT have more than one DEFAULT=YES")


def _essence(members: list[Rendition]) -> list[list[tuple[str, str]]]:
    """What corresponding members share: all attributes "with the exception of URI and CHANNELS"."""
    own = ("URI", "CHANNELS", "GROUP-ID")
    return sorted(sorted(pair for pair in m.attributes.items() if pair[0] not in own) for m in members)


def _check_session_data(lines: list[Line]) -> Iterator[Violation]:
    """§4.3.4.4: "either a VALUE or URI attribute, but not both"; DATA-ID with LANGUAGE only once."""
    seen: set[tuple[str | None, str | None]] = set()
    for line in lines:
        if line.name == "EXT-X-SESSION-DATA":
            found = attributes(line.value)
            if ("VALUE" in found) == ("URI" in found):
                yield Violation("§4.3.4.4", line.number, "MUST contain either VALUE or URI, not both")
            key = (found.get("DATA-ID"), found.get("LANGUAGE"))
            if key in seen:
                yield Violation("§4.3.4.4", line.number, "the same DATA-ID and LANGUAGE appear again")
            seen.add(key)


def _check_session_keys(lines: list[Line]) -> Iterator[Violation]:
    """§4.3.4.5: a URI, and not "more than one EXT-X-SESSION-KEY tag with the same" attributes."""
    seen: list[dict[str, str]] = []
    for line in lines:
        if line.name == "EXT-X-SESSION-KEY":
            found = attributes(line.value)
            if "URI" not in found:
                yield Violation("§4.3.4.5", line.number, "URI is REQUIRED")
            if found in seen:
                yield Violation("§4.3.4.5", line.number, "the same EXT-X-SESSION-KEY appears again")
            seen.append(found)
