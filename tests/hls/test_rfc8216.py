"""For each rule of the checker: a playlist that keeps it, and the same with one change that breaks it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hls.rfc8216 import (
    Violation,
    check_aligned,
    check_media,
    check_multivariant,
    check_update,
    parse_media,
    parse_multivariant,
)

LIVE = """#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-DISCONTINUITY-SEQUENCE:1
#EXT-X-INDEPENDENT-SEGMENTS
# a comment, with  white space
#EXT-X-PROGRAM-DATE-TIME:2024-05-01T12:00:00.000Z
#EXTINF:2.000,
g1/7.ts
#EXT-X-PROGRAM-DATE-TIME:2024-05-01T14:00:02.000+02:00
#EXTINF:1.967,a title, with a comma
g1/8.ts

#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2024-05-01T12:00:04.500Z
#EXTINF:2.033,
g2/9.ts
#EXTINF:2.000,
g2/10.ts
"""

RICH = """#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:4
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-START:TIME-OFFSET=-1.5,PRECISE=YES
#EXT-X-KEY:METHOD=AES-128,URI="k.bin",IV=0x00FF
#EXT-X-MAP:URI="init.mp4",BYTERANGE="100@0"
#EXT-X-DATERANGE:ID="ad",CLASS="c",START-DATE="2024-05-01T12:00:00.000Z",END-ON-NEXT=YES,X-NOTE="a b"
#EXT-X-DATERANGE:ID="b",START-DATE="2024-05-01T12:00:00.000Z",END-DATE="2024-05-01T12:00:04.000Z",DURATION=4
#EXT-X-DATERANGE:ID="b",START-DATE="2024-05-01T12:00:00.000Z",SCTE35-OUT=0xFC00
#EXT-X-PROGRAM-DATE-TIME:2024-05-01T12:00:00.000Z
#EXT-X-BYTERANGE:1000@100
#EXTINF:4,
all.mp4
#EXT-X-BYTERANGE:1000
#EXTINF:4,
all.mp4
#EXT-X-KEY:METHOD=NONE
#EXTINF:4,
last%20one.mp4
#EXT-X-ENDLIST
"""

MULTI = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="lo",NAME="English",LANGUAGE="en-GB",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="lo",NAME="Other",DEFAULT=NO,URI="o/lo.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="hi",NAME="English",LANGUAGE="en-GB",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="6"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="hi",NAME="Other",DEFAULT=NO,URI="o/hi.m3u8"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",NAME="s",FORCED=NO,URI="s.m3u8"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="c",INSTREAM-ID="SERVICE3"
#EXT-X-STREAM-INF:BANDWIDTH=900000,AVERAGE-BANDWIDTH=800000,CODECS="avc1.42c01f,mp4a.40.2",\
RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="hi",SUBTITLES="subs",CLOSED-CAPTIONS="cc"
720/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=500000,CODECS="hvc1.1.6.L93.B0,Opus",RESOLUTION=640x360,FRAME-RATE=30,AUDIO="lo"
360/index.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100000,CODECS="av01.0.04M.08",URI="i.m3u8"
#EXT-X-SESSION-DATA:DATA-ID="com.example.title",VALUE="a title",LANGUAGE="en"
#EXT-X-SESSION-DATA:DATA-ID="com.example.title",VALUE="ein Titel",LANGUAGE="de"
#EXT-X-SESSION-KEY:METHOD=AES-128,URI="k.bin"
"""

NO_CAPTIONS = """#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=2,CLOSED-CAPTIONS=NONE
a.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=1,CLOSED-CAPTIONS=NONE
b.m3u8
"""

# The playlist, what is changed, into what, the clause that this breaks, and a word of the message.
Row = tuple[str, str, str, str, str]

LINES: list[Row] = [
    (LIVE, "#EXTM3U", "\ufeff#EXTM3U", "§4.1", "Byte Order Mark"),
    (LIVE, "#EXTM3U\n", "", "§4.3.1.1", "first line"),
    (LIVE, "#EXTM3U\n", "\n#EXTM3U\n", "§4.3.1.1", "first line"),
    (LIVE, "#EXTM3U\n", "#EXTM3U:1\n", "§4.3.1.1", "takes no value"),
    (LIVE, "#EXTM3U\n", "#EXTM3U\n#EXTM3U\n", "§4.3.1.1", "more than once"),
    (LIVE, "a title", "a\ttitle", "§4.1", "control character"),
    (LIVE, "a title", "a\x85title", "§4.1", "control character"),
    (LIVE, "a title", "e\u0301", "§4.1", "NFC"),
    (LIVE, "a title", "\ud800", "§4.1", "UTF-8"),
    (LIVE, "a title", "a\rtitle", "§4.1", "carriage return"),
    (LIVE, "g2/10.ts\n", "g2/10.ts", "§4.1", "not terminated"),
    (LIVE, "g1/7.ts", "g1/7.ts ", "§4.1", "white space"),
    (LIVE, "g1/7.ts", "g1/7 a.ts", "§4.1", "not a URI"),
    (LIVE, "g1/7.ts", "g1/7%2.ts", "§4.1", "not a URI"),
    (LIVE, "g1/7.ts", "g1\\7.ts", "§4.1", "not a URI"),
    (LIVE, "g1/7.ts", "g1/é.ts", "§4.1", "not a URI"),
    (LIVE, "\n\n", "\n \n", "§4.1", "white space"),
    (LIVE, "TARGETDURATION:2", "TARGETDURATION: 2", "§4.1", "white space"),
    (LIVE, "#EXTINF:2.033,", "#EXTINF: 2.033,", "§4.1", "white space"),
    (RICH, "PRECISE=YES", "PRECISE=YES,", "§4.3.5.2", "not an attribute list"),
    (RICH, "PRECISE=YES", "PRECISE=YES,PRECISE=YES", "§4.3.5.2", "more than once"),
    (RICH, "PRECISE=YES", "precise=YES", "§4.3.5.2", "not an attribute list"),
    (RICH, 'X-NOTE="a b"', 'X-NOTE="a b', "§4.3.2.7", "not an attribute list"),
    (RICH, 'CLASS="c",', 'CLASS="c", ', "§4.3.2.7", "not an attribute list"),
]

MEDIA: list[Row] = [
    (LIVE, "VERSION:3", "VERSION:2", "§7", "floating-point"),
    (LIVE, "#EXT-X-VERSION:3\n", "", "§7", "floating-point"),
    (LIVE, "VERSION:3", "VERSION:three", "§4.3.1.2", "malformed"),
    (LIVE, "VERSION:3\n", "VERSION:3\n#EXT-X-VERSION:3\n", "§4.3.1.2", "more than once"),
    (RICH, "VERSION:6", "VERSION:5", "§7", "EXT-X-MAP"),
    (RICH, "VERSION:6", "VERSION:3", "§7", "BYTERANGE"),
    (RICH, "VERSION:6", "VERSION:1", "§7", "IV"),
    (RICH, "VERSION:6\n", "VERSION:4\n#EXT-X-I-FRAMES-ONLY\n", "§7", "needs version 5"),
    (LIVE, "VERSION:3\n", "VERSION:3\n#EXT-X-I-FRAMES-ONLY\n", "§7", "I-FRAMES-ONLY"),
    (LIVE, "VERSION:3\n", 'VERSION:3\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k"\n', "§7", "SAMPLE-AES"),
    (LIVE, "#EXT-X-TARGETDURATION:2\n", "", "§4.3.3.1", "REQUIRED"),
    (LIVE, "TARGETDURATION:2\n", "TARGETDURATION:2\n#EXT-X-TARGETDURATION:2\n", "§4.3.3", "once"),
    (LIVE, "TARGETDURATION:2", "TARGETDURATION:2.5", "§4.3.3.1", "malformed"),
    (LIVE, "TARGETDURATION:2", "TARGETDURATION:18446744073709551616", "§4.3.3.1", "malformed"),
    (LIVE, "#EXTINF:2.000,\ng2/10", "#EXTINF:2.500,\ng2/10", "§4.3.3.1", "over the target"),
    (LIVE, "SEQUENCE:7", "SEQUENCE:-7", "§4.3.3.2", "malformed"),
    (LIVE, "\n\n", "\n#EXT-X-MEDIA-SEQUENCE:7\n", "§4.3.3.2", "before the first segment"),
    (LIVE, "\n\n", "\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n", "§4.3.3.3", "before the first segment"),
    (
        LIVE,
        "#EXT-X-DISCONTINUITY-SEQUENCE:1\n",
        "#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n",
        "§4.3.3.3",
        "before any discontinuity",
    ),
    (LIVE, "#EXTINF:2.033,\n", "", "§4.3.2.1", "REQUIRED"),
    (LIVE, "#EXTINF:2.033,\n", "#EXTINF:2.033\n", "§4.3.2.1", "malformed"),
    (LIVE, "#EXTINF:2.033,\n", "#EXTINF:-1,\n", "§4.3.2.1", "malformed"),
    (LIVE, "#EXTINF:2.033,\n", "#EXTINF\n", "§4.3.2.1", "has no value"),
    (LIVE, "#EXTINF:2.033,\n", "#EXTINF:2.033,\n#EXTINF:2.033,\n", "§4.3.2", "2 times"),
    (LIVE, "g2/10.ts\n", "", "§4.3.2", "followed by no segment"),
    (LIVE, "DISCONTINUITY\n", "DISCONTINUITY:1\n", "§4.3.2.3", "takes no value"),
    (LIVE, "04.500Z", "04.500", "§4.3.2.6", "malformed"),
    (LIVE, "04.500Z", "04Z", "§4.3.2.6", "malformed"),
    (LIVE, "05-01T12:00:04.500Z", "13-01T12:00:04.500Z", "§4.3.2.6", "malformed"),
    (LIVE, "14:00:02.000", "14:00:02.002", "§4.3.2.6", "into its run"),
    (LIVE, "#EXT-X-PROGRAM-DATE-TIME:2024-05-01T12:00:04.500Z\n", "", "§6.2.1", "SHOULD"),
    (LIVE, "#EXT-X-INDEPENDENT-SEGMENTS\n", "#EXT-X-INDEPENDENT-SEGMENTS\n" * 2, "§4.3.5", "once"),
    (LIVE, "#EXT-X-INDEPENDENT", "#EXT-X-PLAYLIST-TYPE:LIVE\n#EXT-X-INDEPENDENT", "§4.3.3.5", "malformed"),
    (LIVE, "# a comment", "#EXT-X-STREAM-INF:BANDWIDTH=1\n# ", "§4.3.4", "MUST NOT appear"),
    (RICH, "#EXT-X-ENDLIST\n", "", "§6.2.1", "VOD"),
    (RICH, "#EXT-X-ENDLIST\n", "#EXT-X-ENDLIST\n#EXT-X-ENDLIST\n", "§4.3.3", "once"),
    (RICH, "#EXT-X-BYTERANGE:1000\n", "#EXT-X-BYTERANGE:1k\n", "§4.3.2.2", "malformed"),
    (RICH, "1000@100\n", "1000\n", "§4.3.2.2", "sub-range"),
    (RICH, "#EXT-X-BYTERANGE:1000@100\n", "", "§4.3.2.2", "sub-range"),
    (RICH, "METHOD=NONE", 'METHOD=NONE,URI="k"', "§4.3.2.4", "MUST NOT be present"),
    (RICH, "METHOD=NONE", "METHOD=AES-128", "§4.3.2.4", "without URI"),
    (RICH, "METHOD=NONE", "METHOD=ROT-13", "§4.3.2.4", "malformed METHOD"),
    (RICH, ",IV=0x00FF", "", "§4.3.2.5", "IV"),
    (RICH, 'URI="init.mp4",', "", "§4.3.2.5", "URI is REQUIRED"),
    (RICH, "#EXT-X-PROGRAM-DATE-TIME:2024-05-01T12:00:00.000Z\n", "", "§4.3.2.7", "at least one"),
    (RICH, 'ID="ad",', "", "§4.3.2.7", "ID is REQUIRED"),
    (RICH, 'CLASS="c",', "", "§4.3.2.7", "MUST have a CLASS"),
    (RICH, "END-ON-NEXT=YES", "END-ON-NEXT=YES,DURATION=1", "§4.3.2.7", "MUST NOT have DURATION"),
    (RICH, "DURATION=4", "DURATION=5", "§4.3.2.7", "plus DURATION"),
    (RICH, "T12:00:04.000Z", "T11:00:04.000Z", "§4.3.2.7", "before START-DATE"),
    (RICH, "SCTE35-OUT=0xFC00", "SCTE35-OUT=FC00", "§4.3.2.7", "malformed SCTE35-OUT"),
    (RICH, '00.000Z",SCTE35', '01.000Z",SCTE35', "§4.3.2.7", "same ID"),
    (RICH, "TIME-OFFSET=-1.5,", "", "§4.3.5.2", "TIME-OFFSET is REQUIRED"),
]

MULTIVARIANT: list[Row] = [
    (MULTI, "#EXT-X-INDEPENDENT", "#EXT-X-TARGETDURATION:2\n#EXT-X-INDEPENDENT", "§4.3.3", "MUST NOT"),
    (MULTI, "360/index", "#EXTINF:2.0,\n360/index", "§4.3.2", "MUST NOT appear"),
    (MULTI, "360/index.m3u8\n", "", "§4.3.4.2", "followed by a URI"),
    (NO_CAPTIONS, "b.m3u8\n", "", "§4.3.4.2", "followed by a URI"),
    (MULTI, "360/index.m3u8\n", "360/index.m3u8\n240/index.m3u8\n", "§4.3.4.2", "without an"),
    (MULTI, "BANDWIDTH=500000,", "", "§4.3.4.2", "BANDWIDTH is REQUIRED"),
    (MULTI, "BANDWIDTH=500000", "BANDWIDTH=5e5", "§4.3.4.2", "malformed BANDWIDTH"),
    (MULTI, "AVERAGE-BANDWIDTH=800000", "AVERAGE-BANDWIDTH=900001", "§4.3.4.2", "900001 > "),
    (MULTI, '"avc1.42c01f,', '"avc1.42c0,', "§4.3.4.2", "malformed CODECS"),
    (MULTI, '"avc1.42c01f,mp4a', '"avc1.42c01f, mp4a', "§4.3.4.2", "malformed CODECS"),
    (MULTI, '"hvc1.1.6.L93.B0,Opus"', "Opus", "§4.3.4.2", "malformed CODECS"),
    (MULTI, '"av01.0.04M.08"', '"av01"', "§4.3.4.3", "malformed CODECS"),
    (MULTI, "1280x720", "1280X720", "§4.3.4.2", "malformed RESOLUTION"),
    (MULTI, "29.970", "29.9700", "§4.3.4.2", "malformed FRAME-RATE"),
    (MULTI, 'AUDIO="hi"', 'AUDIO="none"', "§4.3.4.2", "no EXT-X-MEDIA"),
    (MULTI, 'SUBTITLES="subs"', 'SUBTITLES="lo"', "§4.3.4.2", "no EXT-X-MEDIA"),
    (MULTI, 'CLOSED-CAPTIONS="cc"', "CLOSED-CAPTIONS=cc", "§4.3.4.2", "malformed CLOSED-CAPTIONS"),
    (NO_CAPTIONS, "=1,CLOSED-CAPTIONS=NONE", "=1", "§4.3.4.2", "NONE elsewhere"),
    (MULTI, "TYPE=SUBTITLES,", "", "§4.3.4.1", "TYPE is REQUIRED"),
    (MULTI, 'GROUP-ID="cc",', "", "§4.3.4.1", "GROUP-ID is REQUIRED"),
    (MULTI, 'NAME="c",', "", "§4.3.4.1", "NAME is REQUIRED"),
    (MULTI, 'NAME="c",', 'NAME="c",URI="c.m3u8",', "§4.3.4.1", "URI MUST NOT"),
    (MULTI, ',INSTREAM-ID="SERVICE3"', "", "§4.3.4.1", "INSTREAM-ID is REQUIRED"),
    (MULTI, "SERVICE3", "SERVICE64", "§4.3.4.1", "malformed INSTREAM-ID"),
    (MULTI, "VERSION:7", "VERSION:6", "§7", "SERVICE"),
    (MULTI, ',FORCED=NO,URI="s.m3u8"', ",FORCED=NO", "§4.3.4.1", "URI is REQUIRED"),
    (MULTI, 'URI="o/lo.m3u8"', "FORCED=YES", "§4.3.4.1", "FORCED"),
    (MULTI, "AUTOSELECT=YES", "AUTOSELECT=NO", "§4.3.4.1", "DEFAULT=YES"),
    (MULTI, 'LANGUAGE="en-GB"', 'LANGUAGE="en_GB"', "§4.3.4.1", "malformed LANGUAGE"),
    (MULTI, 'NAME="Other"', 'NAME="English"', "§4.3.4.1.1", "different NAMEs"),
    (MULTI, "DEFAULT=NO", "DEFAULT=YES", "§4.3.4.1.1", "more than one"),
    (MULTI, 'GROUP-ID="hi",NAME="Other"', 'GROUP-ID="hi",NAME="Else"', "§4.3.4.1.1", "same members"),
    (MULTI, ',URI="i.m3u8"', "", "§4.3.4.3", "URI is REQUIRED"),
    (MULTI, 'URI="i.m3u8"', 'URI="i i.m3u8"', "§4.3.4.3", "malformed URI"),
    (MULTI, 'VALUE="a title"', 'VALUE="a title",URI="t.json"', "§4.3.4.4", "not both"),
    (MULTI, 'LANGUAGE="de"', 'LANGUAGE="en"', "§4.3.4.4", "appear again"),
    (MULTI, 'METHOD=AES-128,URI="k.bin"', "METHOD=NONE", "§4.3.4.5", "malformed METHOD"),
    (MULTI, ',URI="k.bin"', "", "§4.3.4.5", "URI is REQUIRED"),
    (
        MULTI,
        "#EXT-X-SESSION-KEY",
        '#EXT-X-SESSION-KEY:METHOD=AES-128,URI="k.bin"\n#EXT-X-SESSION-KEY',
        "§4.3.4.5",
        "appears again",
    ),
]


def _assert_broken(found: list[Violation], clause: str, message: str) -> None:
    assert any(one.clause == clause and message in one.message for one in found), found


@pytest.mark.parametrize("text", [LIVE, RICH, LIVE.replace("\n", "\r\n"), LIVE.encode()])
def test_valid_media(text: str | bytes) -> None:
    assert check_media(text) == []


@pytest.mark.parametrize("text", [MULTI, NO_CAPTIONS])
def test_valid_multivariant(text: str) -> None:
    assert check_multivariant(text) == []


@pytest.mark.parametrize(("text", "old", "new", "clause", "message"), LINES + MEDIA)
def test_broken_media(text: str, old: str, new: str, clause: str, message: str) -> None:
    assert old in text
    _assert_broken(check_media(text.replace(old, new)), clause, message)


@pytest.mark.parametrize(("text", "old", "new", "clause", "message"), MULTIVARIANT)
def test_broken_multivariant(text: str, old: str, new: str, clause: str, message: str) -> None:
    assert old in text
    _assert_broken(check_multivariant(text.replace(old, new)), clause, message)


def test_violation_tells_the_line() -> None:
    (found,) = check_media(LIVE.replace("DISCONTINUITY\n", "DISCONTINUITY:1\n"))
    assert found == Violation("§4.3.2.3", 15, "EXT-X-DISCONTINUITY: takes no value")


def test_bytes_that_are_not_utf8() -> None:
    _assert_broken(check_media(LIVE.encode().replace(b"title", b"\xff")), "§4.1", "UTF-8")


def test_final_playlist_has_endlist() -> None:
    _assert_broken(check_media(LIVE, final=True), "§6.2.1", "EXT-X-ENDLIST")
    assert check_media(LIVE + "#EXT-X-ENDLIST\n", final=True) == []


@pytest.mark.parametrize("shift", ["14:00:02.001", "14:00:01.999"])
def test_dates_may_be_rounded(shift: str) -> None:
    assert check_media(LIVE.replace("14:00:02.000", shift)) == []


def test_durations_are_rounded_to_nearest() -> None:
    assert check_media(LIVE.replace("2.000,\ng2", "2.499,\ng2")) == []


def test_unknown_tags_and_attributes_are_ignored() -> None:
    assert check_media(LIVE.replace("# a", "#EXT-X-FUTURE:a=b\n# a")) == []
    assert check_multivariant(MULTI.replace("RESOLUTION=640x360", 'SCORE=1.5,STABLE="x y"')) == []


def test_parse_media() -> None:
    playlist = parse_media(LIVE)
    assert (playlist.version, playlist.target_duration, playlist.media_sequence) == (3, 2, 7)
    assert (playlist.independent_segments, playlist.endlist, playlist.playlist_type) == (True, False, None)
    assert playlist.duration == pytest.approx(8.0)
    segments = playlist.segments
    assert [s.uri for s in segments] == ["g1/7.ts", "g1/8.ts", "g2/9.ts", "g2/10.ts"]
    assert [s.sequence for s in segments] == [7, 8, 9, 10]
    assert [s.discontinuity_sequence for s in segments] == [1, 1, 2, 2]
    assert [s.discontinuity for s in segments] == [False, False, True, False]
    start = datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert segments[0].program_date_time == start
    assert segments[3].program_date_time is None
    assert segments[3].starts_at == pytest.approx(start.timestamp() + 6.533)


def test_parse_multivariant() -> None:
    playlist = parse_multivariant(MULTI)
    first, second = playlist.variants
    assert (first.uri, first.bandwidth, first.average_bandwidth) == ("720/index.m3u8", 900000, 800000)
    assert (first.codecs, first.resolution) == (("avc1.42c01f", "mp4a.40.2"), (1280, 720))
    assert (first.frame_rate, second.average_bandwidth) == (29.97, None)
    assert [r.group_id for r in playlist.renditions] == ["lo", "lo", "hi", "hi", "subs", "cc"]


def _check_everything(one: str | bytes, other: str | bytes) -> None:
    for text in (one, other):
        check_media(text, final=True)
        check_multivariant(text)
        parse_multivariant(text)
    check_update(one, other)
    check_aligned(one, other, by_sequence=True)


@given(st.one_of(st.binary(), st.text()), st.sampled_from([LIVE, RICH, MULTI]))
def test_anything_can_be_checked(junk: str | bytes, text: str) -> None:
    _check_everything(junk, text)
    _check_everything(text, junk)


_SNIPPETS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(['"', ",", "=", ":", "\n", "\r", "9" * 400, "-", ".", "#EXT-X-KEY:", "#EXTINF:", "x"]),
    st.sampled_from([line for text in (LIVE, RICH, MULTI) for line in text.splitlines(keepends=True)]),
    st.sampled_from(["0001-01-01T00:00:00.000+14:00", "9999-12-31T23:59:59.999-14:00", "T24:00:60.000Z"]),
)


@given(st.sampled_from([LIVE, RICH, MULTI]), st.data())
def test_any_mutation_can_be_checked(text: str, data: st.DataObject) -> None:
    mutated = text
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(mutated)))
        end = data.draw(st.integers(begin, min(len(mutated), begin + 30)))
        mutated = mutated[:begin] + data.draw(_SNIPPETS) + mutated[end:]
    _check_everything(text, mutated)
    _check_everything(mutated.encode("utf-8", "surrogatepass"), text)
