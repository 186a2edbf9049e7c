"""Updates of one playlist and pairs of variants: what keeps the rules, and single changes that do not."""

from __future__ import annotations

import pytest

from tests.hls.rfc8216 import Violation, check_aligned, check_dates, check_media, check_update

HEAD = """#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:{sequence}
#EXT-X-DISCONTINUITY-SEQUENCE:{breaks}
"""


def _segment(number: int, *, broken: bool = False) -> str:
    discontinuity = "#EXT-X-DISCONTINUITY\n" if broken else ""
    date = f"#EXT-X-PROGRAM-DATE-TIME:2024-05-01T12:00:{2 * number:02}.000Z\n"
    return f"{discontinuity}{date}#EXTINF:2.000,\n{number}.ts\n"


def _playlist(first: int, last: int, *, breaks_at: tuple[int, ...] = (2, 4)) -> str:
    """Segments first to last of one presentation with two discontinuities."""
    gone = sum(at < first for at in breaks_at)
    body = "".join(_segment(number, broken=number in breaks_at) for number in range(first, last + 1))
    return HEAD.format(sequence=first, breaks=gone) + body


OLD = _playlist(1, 5)
END = "#EXT-X-ENDLIST\n"
KEY = '#EXT-X-KEY:METHOD=AES-128,URI="k"\n'


def _typed(text: str, kind: str) -> str:
    return text.replace("#EXT-X-MEDIA", f"#EXT-X-PLAYLIST-TYPE:{kind}\n#EXT-X-MEDIA")


VALID_UPDATES = {
    "nothing": (OLD, OLD),
    "one added": (OLD, _playlist(1, 6)),
    "one removed": (OLD, _playlist(2, 5)),
    "a discontinuity removed": (OLD, _playlist(3, 6)),
    "down to three target durations": (OLD, _playlist(3, 5)),
    "two discontinuities removed": (OLD, _playlist(5, 8)),
    "all removed": (OLD, _playlist(6, 9)),
    "versions missed": (OLD, _playlist(20, 24)),
    "a discontinuity missed": (OLD, _playlist(20, 24, breaks_at=(2, 4, 10))),
    "ended": (OLD, OLD + END),
    "ended, and shortened after": (OLD, _playlist(5, 5) + END),
    "of type EVENT": (_typed(OLD, "EVENT"), _typed(_playlist(1, 7), "EVENT")),
    "of type VOD": (_typed(OLD + END, "VOD"), _typed(OLD + END, "VOD")),
    "short, but nothing removed": (_playlist(1, 1), _playlist(1, 2)),
    "a key that still holds": (
        _playlist(1, 5).replace("#EXT-X-PROGRAM", KEY + "#EXT-X-PROGRAM", 1),
        _playlist(2, 5).replace("#EXT-X-DISCONTINUITY\n", KEY + "#EXT-X-DISCONTINUITY\n", 1),
    ),
}

Update = tuple[str, str, str, str]

BROKEN_UPDATES: dict[str, Update] = {
    "target duration": (OLD, OLD.replace("DURATION:2", "DURATION:3"), "§6.2.1", "TARGETDURATION: MUST NOT"),
    "version": (OLD, OLD.replace("VERSION:3", "VERSION:4"), "§6.2.1", "VERSION: MUST NOT change"),
    "type changes": (_typed(OLD, "EVENT"), _typed(OLD, "VOD"), "§6.2.1", "TYPE: MUST NOT change"),
    "type comes": (OLD, _typed(OLD, "EVENT"), "§6.2.1", "MUST NOT come"),
    "type goes": (_typed(OLD, "EVENT"), OLD, "§6.2.1", "MUST NOT go"),
    "sequence falls": (_playlist(2, 5), OLD, "§6.2.2", "MUST NOT decrease"),
    "sequence stays": (OLD, _playlist(2, 5).replace("E:2\n", "E:1\n"), "§6.2.2", "by 0, but 1"),
    "sequence too high": (OLD, _playlist(2, 5).replace("E:2\n", "E:3\n"), "§6.2.2", "by 2, but 1"),
    "another first": (OLD, OLD.replace("\n1.ts", "\n9.ts"), "§6.2.2", "was not in the playlist"),
    "emptied": (OLD, HEAD.format(sequence=1, breaks=0), "§6.2.2", "was not in the playlist"),
    "URI": (OLD, OLD.replace("\n3.ts", "\n9.ts"), "§6.2.1", "URI changed"),
    "one taken from the middle": (OLD, OLD.replace(_segment(3), ""), "§6.2.1", "URI changed"),
    "one put in the middle": (
        OLD,
        OLD.replace(_segment(3), _segment(9) + _segment(3)),
        "§6.2.1",
        "URI changed",
    ),
    "one taken from the end": (OLD, _playlist(1, 4), "§6.2.2", "not from the end"),
    "EXTINF": (OLD, OLD.replace("2.000,\n3.ts", "1.999,\n3.ts"), "§6.2.1", "tags changed"),
    "title": (OLD, OLD.replace("2.000,\n3.ts", "2.000,a\n3.ts"), "§6.2.1", "tags changed"),
    "date": (OLD, OLD.replace("06.000Z", "06.001Z"), "§6.2.1", "tags changed"),
    "discontinuity gone": (
        OLD,
        _playlist(2, 5).replace("#EXT-X-DISCONTINUITY\n", "", 1),
        "§6.2.1",
        "tags changed",
    ),
    "discontinuity come": (OLD, _playlist(1, 5, breaks_at=(2, 3, 4)), "§6.2.1", "tags changed"),
    "key": (OLD, OLD.replace("#EXT-X-PROGRAM", KEY + "#EXT-X-PROGRAM", 1), "§6.2.1", "key or map"),
    "discontinuity not counted": (
        OLD,
        _playlist(3, 6).replace("Y-SEQUENCE:1", "Y-SEQUENCE:0"),
        "§6.2.2",
        "grew by 0, but 1",
    ),
    "discontinuity counted too soon": (
        OLD,
        _playlist(2, 5).replace("Y-SEQUENCE:0", "Y-SEQUENCE:1"),
        "§6.2.2",
        "grew by 1, but 0",
    ),
    "discontinuity sequence falls": (
        _playlist(3, 6),
        _playlist(4, 7).replace("Y-SEQUENCE:1", "Y-SEQUENCE:0"),
        "§6.2.2",
        "MUST NOT decrease",
    ),
    "no discontinuity sequence": (
        OLD.replace("#EXT-X-DISCONTINUITY-SEQUENCE:0\n", ""),
        _playlist(2, 5).replace("#EXT-X-DISCONTINUITY-SEQUENCE:0\n", ""),
        "§6.2.2",
        "MUST be there",
    ),
    "too short": (OLD, _playlist(4, 5), "§6.2.2", "less than 6 s"),
    "added after the end": (OLD + END, _playlist(1, 6) + END, "§4.3.3.4", "added after"),
    "end taken back": (OLD + END, OLD, "§6.2.1", "ENDLIST: was there before"),
    "EVENT shortened": (_typed(OLD, "EVENT"), _typed(_playlist(2, 5), "EVENT"), "§6.2.1", "EVENT"),
    "VOD changed": (
        _typed(OLD + END, "VOD"),
        _typed(OLD.replace("#EXTINF", "#\n#EXTINF", 1) + END, "VOD"),
        "§6.2.1",
        "VOD",
    ),
    "date range": (
        OLD + '#EXT-X-DATERANGE:ID="a",START-DATE="2024-05-01T12:00:00.000Z"\n',
        OLD + '#EXT-X-DATERANGE:ID="a",START-DATE="2024-05-01T12:00:01.000Z"\n',
        "§4.3.2.7",
        "same ID",
    ),
}


def _assert_broken(found: list[Violation], clause: str, message: str) -> None:
    assert any(one.clause == clause and message in one.message for one in found), found


@pytest.mark.parametrize(("old", "new"), VALID_UPDATES.values(), ids=VALID_UPDATES.keys())
def test_valid_update(old: str, new: str) -> None:
    assert check_media(old) == check_media(new) == []
    assert check_update(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "clause", "message"), BROKEN_UPDATES.values(), ids=BROKEN_UPDATES.keys()
)
def test_broken_update(old: str, new: str, clause: str, message: str) -> None:
    _assert_broken(check_update(old, new), clause, message)


def _undated(text: str) -> str:
    return "".join(row for row in text.splitlines(keepends=True) if "DATE-TIME" not in row)


def _late(text: str, milliseconds: int) -> str:
    """The same with every date-time somewhat later."""
    return text.replace(".000Z", f".{milliseconds:03}Z")


VALID_PAIRS = {
    "equal": (OLD, OLD),
    "within the tolerance": (OLD, _late(OLD, 40)),
    "one ahead": (OLD, _playlist(2, 6)),
    "other media sequence numbers": (OLD, OLD.replace("A-SEQUENCE:1", "A-SEQUENCE:101")),
    "no date-times": (_undated(OLD), _undated(_playlist(2, 6))),
    "one still empty": (OLD, HEAD.format(sequence=0, breaks=0)),
    "two segments for one": (
        OLD,
        OLD.replace("#EXTINF:2.000,\n3.ts", "#EXTINF:1.000,\n3a.ts\n#EXTINF:1.000,\n3b.ts"),
    ),
}

BROKEN_PAIRS: dict[str, tuple[str, str, str]] = {
    "target duration": (OLD, OLD.replace("DURATION:2", "DURATION:3"), "target durations differ"),
    "type": (OLD, _typed(OLD, "EVENT"), "types differ"),
    "dates in one only": (OLD, _undated(OLD), "only one of the two"),
    "discontinuity sequence": (OLD, OLD.replace("Y-SEQUENCE:0", "Y-SEQUENCE:1"), "discontinuity sequence"),
    "discontinuity elsewhere": (OLD, _playlist(1, 5, breaks_at=(2, 5)), "discontinuity sequence"),
    "discontinuity at another time": (OLD, _late(OLD, 60), "after the same discontinuity"),
    "too far ahead": (OLD, _playlist(3, 7), "beginnings are 4.000 s apart"),
    "too long": (OLD, _playlist(1, 7), "ends are 4.000 s apart"),
    "a hole": (OLD, OLD.replace(_segment(3), ""), "nothing in the other variant matches 3.ts"),
    "undated discontinuity": (
        _undated(OLD),
        _undated(_playlist(1, 5, breaks_at=(2, 5))),
        "discontinuity sequence",
    ),
    "undated duration": (
        _undated(OLD),
        _undated(OLD).replace("2.000,\n3.ts", "1.900,\n3.ts"),
        "differ in duration",
    ),
}


@pytest.mark.parametrize(("a", "b"), VALID_PAIRS.values(), ids=VALID_PAIRS.keys())
def test_aligned(a: str, b: str) -> None:
    assert check_aligned(a, b) == check_aligned(b, a) == []


@pytest.mark.parametrize(("a", "b", "message"), BROKEN_PAIRS.values(), ids=BROKEN_PAIRS.keys())
def test_not_aligned(a: str, b: str, message: str) -> None:
    _assert_broken(check_aligned(a, b), "§6.2.4", message)
    assert check_aligned(b, a)


def test_aligned_by_sequence() -> None:
    assert check_aligned(OLD, _playlist(2, 6), by_sequence=True) == []
    shifted = OLD.replace("A-SEQUENCE:1", "A-SEQUENCE:2")
    _assert_broken(check_aligned(OLD, shifted, by_sequence=True), "§6.2.4", "differ in date-time")


def test_aligned_in_no_time() -> None:
    """A playlist of many hours is compared in a moment."""
    many = HEAD.format(sequence=0, breaks=0) + "#EXT-X-PROGRAM-DATE-TIME:2024-05-01T12:00:00.000Z\n"
    many += "".join(f"#EXTINF:2.000,\n{number}.ts\n" for number in range(20_000))
    assert check_aligned(many, many) == []


def test_dates_that_follow_each_other() -> None:
    assert check_dates(OLD) == []


def test_dates_that_go_back() -> None:
    twice = OLD.replace("12:00:08", "12:00:07")
    assert [fault.message for fault in check_dates(twice)] == ["4.ts begins 1.000 s before 3.ts ends"]
