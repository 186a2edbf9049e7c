"""RFC 8216 §6.2.1 and §6.2.2: may a media playlist change from this into that?"""

from __future__ import annotations

from collections.abc import Iterator

from tests.hls.media import check_same_ids
from tests.hls.model import MediaPlaylist, Segment, parse_media
from tests.hls.syntax import Text, Violation, split

_MAY_APPEAR = ("EXT-X-ENDLIST",)
_MAY_GROW = ("EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE")


def check_update(old: Text, new: Text) -> list[Violation]:
    """Two fetches of one playlist, the older first; lines are those of the new one.

    Versions in between may have been missed, as by a client.
    """
    before, after = parse_media(old), parse_media(new)
    found = [*_check_header(before, after), *_check_date_ranges(old, new)]
    removed = after.media_sequence - before.media_sequence
    if removed < 0:
        found.append(_at(after, "EXT-X-MEDIA-SEQUENCE", "§6.2.2", "the value MUST NOT decrease"))
        return found
    found += [
        *_check_common(before, after, removed),
        *_check_removal(after, removed),
        *_check_breaks(before, after, removed),
        *_check_end(before, after),
        *_check_type(old, new, before, removed),
    ]
    return sorted(found, key=lambda violation: (violation.line, violation.clause))


def _at(playlist: MediaPlaylist, tag: str, clause: str, message: str) -> Violation:
    line = playlist.header.get(tag)
    return Violation(clause, line.number if line else 0, f"{tag}: {message}")


def _check_header(before: MediaPlaylist, after: MediaPlaylist) -> Iterator[Violation]:
    """§6.2.1: "the value of the EXT-X-TARGETDURATION tag MUST NOT change", nor any other of its kind."""
    for name in sorted(before.header.keys() | after.header.keys()):
        old, new = before.header.get(name), after.header.get(name)
        if new is None:
            yield _at(after, name, "§6.2.1", "was there before and MUST NOT go")
        elif old is None and name not in _MAY_APPEAR:
            yield _at(after, name, "§6.2.1", "was not there before and MUST NOT come")
        elif old is not None and name not in _MAY_GROW and old.text != new.text:
            yield _at(after, name, "§6.2.1", f"MUST NOT change from {old.value!r} to {new.value!r}")


def _check_common(before: MediaPlaylist, after: MediaPlaylist, removed: int) -> Iterator[Violation]:
    """§6.2.1: only "append lines" and "remove Media Segment URIs ... in the order that they appear"."""
    stayed = before.segments[removed:]
    if stayed and (not after.segments or stayed[0].uri != after.segments[0].uri):
        yield _misplaced(before, after, removed)
        return
    if len(after.segments) < len(stayed):
        yield Violation("§6.2.2", 0, "segments MUST be removed from the front, not from the end")
    for old, new in zip(stayed, after.segments, strict=False):
        if problem := _difference(old, new):
            yield Violation("§6.2.1", new.line, f"segment {new.sequence}: {problem}")


def _misplaced(before: MediaPlaylist, after: MediaPlaylist, removed: int) -> Violation:
    uris = [segment.uri for segment in before.segments]
    first = after.segments[0].uri if after.segments else None
    if first in uris:
        message = f"grew by {removed}, but {uris.index(first)} segments were removed"
    else:
        message = f"grew by {removed}, but the first segment {first!r} was not in the playlist"
    return _at(after, "EXT-X-MEDIA-SEQUENCE", "§6.2.2", message)


def _difference(old: Segment, new: Segment) -> str | None:
    if old.uri != new.uri:
        return f"the URI changed from {old.uri!r} to {new.uri!r}"
    if old.tags != new.tags:
        return f"its tags changed from {list(old.tags)} to {list(new.tags)}"
    if old.shared != new.shared:
        return f"its key or map changed from {list(old.shared)} to {list(new.shared)}"
    return None


def _check_removal(after: MediaPlaylist, removed: int) -> Iterator[Violation]:
    """§6.2.2: "MUST NOT remove" below "three times the target duration" without an EXT-X-ENDLIST."""
    least = 3 * (after.target_duration or 0)
    if removed and not after.endlist and after.duration < least - 1e-6:
        message = f"segments were removed, and {after.duration:.3f} s are left, less than {least} s"
        yield Violation("§6.2.2", 0, message)


def _check_breaks(before: MediaPlaylist, after: MediaPlaylist, removed: int) -> Iterator[Violation]:
    """§6.2.2: for each EXT-X-DISCONTINUITY removed, the server "MUST increment the value by 1"."""
    name = "EXT-X-DISCONTINUITY-SEQUENCE"
    gone = sum(segment.discontinuities for segment in before.segments[:removed])
    growth = after.discontinuity_sequence - before.discontinuity_sequence
    if growth < 0:
        yield _at(after, name, "§6.2.2", "the value MUST NOT decrease")
    # With more removed than was seen, the unseen ones may have had discontinuities too.
    elif growth < gone or (growth > gone and removed <= len(before.segments)):
        yield _at(after, name, "§6.2.2", f"grew by {growth}, but {gone} discontinuities were removed")
    if removed and name not in after.header and any(segment.discontinuity for segment in before.segments):
        yield _at(after, name, "§6.2.2", "MUST be there to remove segments when there are discontinuities")


def _check_end(before: MediaPlaylist, after: MediaPlaylist) -> Iterator[Violation]:
    """§4.3.3.4: EXT-X-ENDLIST says that "no more Media Segments will be added"."""
    last = before.media_sequence + len(before.segments)
    added = [segment for segment in after.segments if segment.sequence >= last]
    if before.endlist and added:
        yield Violation("§4.3.3.4", added[0].line, "a segment was added after EXT-X-ENDLIST")


def _check_type(old: Text, new: Text, before: MediaPlaylist, removed: int) -> Iterator[Violation]:
    """§6.2.1: VOD "MUST NOT change"; of EVENT the server "MUST NOT change or delete any part"."""
    if before.playlist_type == "VOD" and split(old) != split(new):
        yield Violation("§6.2.1", 0, "a VOD playlist MUST NOT change")
    if before.playlist_type == "EVENT" and removed:
        yield Violation("§6.2.1", 0, "an EVENT playlist MUST NOT lose segments")


def _check_date_ranges(old: Text, new: Text) -> Iterator[Violation]:
    """§4.3.2.7: the same ID keeps its attributes, from one version to the next too."""
    lines = [line for line in (*split(old), *split(new)) if line.name == "EXT-X-DATERANGE"]
    yield from check_same_ids(lines)
