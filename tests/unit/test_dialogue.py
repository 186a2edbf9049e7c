"""The words of ``ingestd.v1``: what is said, whatever is heard, and what the end of a connection means."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.container.model import InitSegment, Track, TrackKind
from ingestd.errors import Code
from ingestd.publish.backlog import Begin, Resume, Violation
from ingestd.publish.dialogue import (
    STOP,
    Ack,
    Circumstances,
    Clock,
    Ended,
    Error,
    Heard,
    Ready,
    Status,
    Then,
    begin,
    clock,
    ended,
    heard,
    judge,
    mime,
    resume,
    start,
)
from ingestd.publish.errors import Closed, Exit

HUGE = 10**400  # an integer that no float can hold


def recording(container: str, **codecs: str) -> InitSegment:
    """One with these tracks, in this order: ``video="vp8"``."""
    tracks = enumerate(codecs.items(), 1)
    return InitSegment(
        b"", container, tuple(Track(number, TrackKind(kind), codec) for number, (kind, codec) in tracks)
    )


WEBM = recording("matroska", video="vp8", audio="opus")


# What is said


@pytest.mark.parametrize(
    ("init", "expected"),
    [
        (None, "video/webm"),
        (WEBM, "video/webm;codecs=vp8,opus"),
        (recording("matroska", audio="vorbis", video="vp9"), "video/webm;codecs=vp9,vorbis"),
        (recording("matroska", video="av1"), "video/webm;codecs=av01"),
        (recording("matroska", audio="opus"), "audio/webm;codecs=opus"),
        (recording("matroska", video="h264", audio="opus"), "video/x-matroska;codecs=avc1,opus"),
        (recording("matroska", video="vp8", audio="A_UNKNOWN"), "video/x-matroska;codecs=vp8,A_UNKNOWN"),
        (recording("mp4", video="h264", audio="aac"), "video/mp4;codecs=avc1,mp4a.40.2"),
        (recording("mp4", video="vp9", audio="opus"), "video/mp4;codecs=vp9,opus"),
        (recording("mp4", audio="aac"), "audio/mp4;codecs=mp4a.40.2"),
    ],
)
def test_the_type_that_a_browser_would_give(init: InitSegment | None, expected: str) -> None:
    assert mime(init) == expected


def test_a_start_says_the_type_the_title_and_whether_to_take_over() -> None:
    assert json.loads(start(WEBM, "Évening \U0001f319", takeover=True)) == {
        "type": "start",
        "mime": "video/webm;codecs=vp8,opus",
        "title": "Évening \U0001f319",
        "takeover": True,
    }


def test_without_a_title_none_is_said_so_that_the_server_gives_its_own() -> None:
    assert json.loads(start(None, "", takeover=False)) == {
        "type": "start",
        "mime": "video/webm",
        "takeover": False,
    }


def test_a_resume_an_epoch_and_a_stop() -> None:
    asked = {"type": "resume", "broadcast": "66aa", "epoch": 2, "offset": 4096}
    assert json.loads(resume(Resume("66aa", 2, 4096))) == asked
    begun = {"type": "epoch", "epoch": 3, "mime": "video/webm;codecs=vp8,opus"}
    assert json.loads(begin(Begin(3, WEBM))) == begun
    assert json.loads(STOP) == {"type": "stop"}


# What is heard


READY = {"type": "ready", "broadcast": "66aa", "epoch": 1, "offset": 70, "resume_window": 30}
ACK = {"type": "ack", "epoch": 1, "offset": 70, "media_time": 2.5}
OF_NO_KIND: list[object] = ["of a later version", "", "ACK", 7, None, [], {}]
NO_COUNTS: list[object] = [-1, 1.0, True, "1", None, []]
NO_SECONDS: list[object] = [math.nan, math.inf, -math.inf, HUGE, -HUGE, "soon", None, [], {}]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (READY, Ready("66aa", 1, 70, 30.0)),
        ({"type": "ready", "broadcast": "66aa", "epoch": 0, "offset": 0}, Ready("66aa", 0, 0, 0.0)),
        (ACK, Ack(1, 70, 2.5)),
        ({"type": "ack", "epoch": 0, "offset": 0}, Ack(0, 0, 0.0)),
        (ACK | {"offset": HUGE}, Ack(1, HUGE, 2.5)),
        ({"type": "status", "state": "live", "message": "On air."}, Status("live", "On air.")),
        ({"type": "status"}, Status("", "")),
        (READY | {"clock": True}, Ready("66aa", 1, 70, 30.0, clock=True)),
        (READY | {"clock": "yes"}, Ready("66aa", 1, 70, 30.0)),
        ({"type": "clock", "sent": 1.5}, Clock(1.5)),
        ({"type": "clock"}, Clock()),
        ({"type": "ended"}, Ended()),
        ({"type": "error", "code": "already_live", "message": "No."}, Error("already_live", "No.")),
        ({"type": "error"}, Error("", "")),
        (ACK | {"of_a_later_version": [1]}, Ack(1, 70, 2.5)),
        *[({"type": kind}, None) for kind in OF_NO_KIND],
    ],
)
def test_what_the_server_says(said: dict[str, object], expected: Heard | None) -> None:
    assert heard(json.dumps(said)) == expected
    assert heard(json.dumps(said).encode()) == expected


@pytest.mark.parametrize(
    "said",
    [
        *("", "ready", "{", '{"type": "ended"} and more', b"\xff\xfe\x00", "[" * 100_000),
        *("null", "7", '"ended"', "[]", '["type"]', "{}"),
        *(json.dumps({"type": kind}) for kind in ("ready", "ack")),
        *(
            json.dumps({name: value for name, value in READY.items() if name != gone})
            for gone in ("broadcast", "epoch", "offset")
        ),
        *(
            json.dumps(message | {name: value})
            for message in (READY, ACK)
            for name in ("epoch", "offset")
            for value in NO_COUNTS
        ),
        *(json.dumps(ACK | {"media_time": value}) for value in NO_SECONDS),
        *(json.dumps(READY | {"resume_window": value}) for value in NO_SECONDS),
    ],
    ids=lambda said: repr(said[:80]),
)
def test_what_cannot_be_understood_is_a_violation(said: str | bytes) -> None:
    with pytest.raises(Violation, match="another version"):
        heard(said)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("type", "broadcast", "epoch", "offset", "resume_window", "media_time")
KINDS = ("ready", "ack", "status", "clock", "ended", "error")
odd = st.sampled_from([HUGE, -HUGE, math.nan, math.inf, -1, 1.5, True, *KINDS]) | values
messages = st.builds(
    lambda sound, fields: sound | fields,
    st.sampled_from([READY, ACK]),
    st.dictionaries(st.sampled_from(FIELDS), odd, max_size=2),
)
written = (values | messages).map(json.dumps)
encoded = st.tuples(written, st.sampled_from(["utf-8", "utf-16", "utf-32-le"])).map(
    lambda found: found[0].encode(found[1])
)


@given(st.text() | st.binary() | written | encoded)
@settings(max_examples=300)
def test_whatever_is_said_is_understood_or_passed_over_or_a_violation(said: str | bytes) -> None:
    try:
        message = heard(said)
    except Violation:
        return
    assert message is None or isinstance(message, Heard)
    if isinstance(message, Ready | Ack):
        assert type(message.epoch) is type(message.offset) is int
        assert min(message.epoch, message.offset) >= 0
        assert math.isfinite(message.resume_window if isinstance(message, Ready) else message.media_time)


# What the end of a connection means


FIRST = Circumstances()
READ = Circumstances(ready=True, live=True)
RESUMED = Circumstances(resumed=True, live=True)
BROKE = Error("internal_error", "It broke.")
FULL = Error("no_capacity", "It is full.")

SILENT = [(None, None, now, Then.RETRY, Exit.LOST, "says nothing any more") for now in (FIRST, READ, RESUMED)]
OVER = [
    (code, error, now, then, exit, words)
    for code, error in ((4404, None), (1006, Error("no_such_broadcast", "It is gone.")))
    for now, then, exit, words in [
        (READ, Then.AFRESH, Exit.LOST, "had ended the broadcast"),
        (RESUMED, Then.AFRESH, Exit.LOST, "had ended the broadcast"),
        (replace(RESUMED, delivered=True), Then.DONE, Exit.SENT, "stands in the playlist"),
        (replace(RESUMED, delivered=True, failed="Alas."), Then.DONE, Exit.SENT, "stands in the playlist"),
        (replace(READ, failed="Alas."), Then.FAIL, Exit.LOST, "has failed: Alas."),
        (FIRST, Then.FAIL, Exit.REFUSED, "(4404)"),
        (replace(FIRST, delivered=True), Then.FAIL, Exit.REFUSED, "(4404)"),
    ]
]
CONFLICT = [
    (code, error, now, then, Exit.BUSY, words)
    for code, error in ((4409, None), (1005, Error("already_live", "No.")))
    for now, then, words in [
        (FIRST, Then.FAIL, "--takeover takes it"),
        (READ, Then.FAIL, "took over"),
        (RESUMED, Then.FAIL, "took over"),
        *((replace(now, doubtful=True), Then.RETRY, "for alive") for now in (FIRST, READ, RESUMED)),
    ]
]
RESTARTING = [
    (code, error, now, Then.RETRY, Exit.LOST, "restarting; coming back")
    for code, error in ((1012, None), (1012, BROKE), (1006, Error("restarting", "")))
    for now in (FIRST, READ, RESUMED)
]
INTERNAL = [
    (1011, BROKE, FIRST, Then.FAIL, Exit.LOST, "It broke."),
    (1011, BROKE, RESUMED, Then.FAIL, Exit.LOST, "It broke."),
    (1006, BROKE, FIRST, Then.FAIL, Exit.LOST, "(1011)"),
    (1011, BROKE, READ, Then.RETRY, Exit.LOST, "It broke."),
    (1011, None, FIRST, Then.RETRY, Exit.LOST, "why"),
]
NO_ROOM = [
    (1013, FULL, FIRST, Then.FAIL, Exit.BUSY, "It is full."),
    (1013, FULL, RESUMED, Then.LATER, Exit.BUSY, "It is full."),
    (1005, FULL, READ, Then.LATER, Exit.BUSY, "(1013)"),
    (4429, None, FIRST, Then.FAIL, Exit.REFUSED, "why"),
    (4429, None, READ, Then.LATER, Exit.REFUSED, "why"),
]
REFUSED = [
    (code, None, now, Then.FAIL, exit, "why")
    for code, exit in [
        *((code, Exit.REFUSED) for code in (1009, 4400, 4413, 4415, 4499)),
        *((code, Exit.NOT_ALLOWED) for code in (4401, 4403)),
    ]
    for now in (FIRST, READ, RESUMED)
]
RETRIED = [
    *((code, None, FIRST, Then.RETRY, Exit.LOST, "why") for code in (1000, 1001, 1005, 3000, 4500)),
    (1006, None, FIRST, Then.RETRY, Exit.LOST, "was lost"),
    (4408, None, READ, Then.RETRY, Exit.REFUSED, "why"),
    (1006, Error("nothing_received", "Are you there?"), READ, Then.RETRY, Exit.REFUSED, "Are you there?"),
]
LOST_ON_ITS_WAY = [
    (1006, Error("not_allowed", "No."), READ, Then.FAIL, Exit.NOT_ALLOWED, "(4403): No."),
    (1006, Error("of a later version", "No."), READ, Then.RETRY, Exit.LOST, "was lost"),
    (1001, Error("not_allowed", "No."), READ, Then.RETRY, Exit.LOST, "(1001): No."),
    (4400, Error("malformed", ""), READ, Then.FAIL, Exit.REFUSED, "(4400): why"),
]
Row = tuple[int | None, Error | None, Circumstances, Then, Exit, str]
ROWS: list[Row] = [
    *(SILENT + OVER + CONFLICT + RESTARTING + INTERNAL),
    *(NO_ROOM + REFUSED + RETRIED + LOST_ON_ITS_WAY),
]


def test_how_long_a_full_server_wants_to_be_left_alone() -> None:
    full = Error("no_capacity", "It is full.", 15.0)
    assert judge(Closed(1013, ""), full, RESUMED).retry_after == 15.0
    assert judge(Closed(1013, ""), None, RESUMED).retry_after == 0.0


@pytest.mark.parametrize(
    ("said", "seconds"), [("", 0.0), (',"retry_after":15', 15.0), (',"retry_after":null', 0.0)]
)
def test_an_error_may_say_when_to_ask_again(said: str, seconds: float) -> None:
    found = heard('{"type":"error","code":"no_capacity","message":"It is full."' + said + "}")
    assert found == Error("no_capacity", "It is full.", seconds)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1] and row[1].code}-{row[3].name}")
def test_what_the_end_of_a_connection_means(row: Row) -> None:
    code, error, now, then, exit, words = row
    found = judge(None if code is None else Closed(code, "why"), error, now)
    assert (found.then, found.failure.exit) == (then, exit)
    assert words in str(found.failure)


errors = st.builds(Error, st.sampled_from([*Code]) | st.text(), st.text())
circumstances = st.builds(Circumstances, *[st.booleans()] * 5, st.sampled_from(["", "Alas."]))
ends = st.builds(Closed, st.none() | st.integers(1000, 4999), st.none() | st.text())


@given(st.none() | ends, st.none() | errors, circumstances)
def test_no_end_is_a_good_one_before_all_is_delivered(
    end: Closed | None, error: Error | None, now: Circumstances
) -> None:
    found = judge(end, error, now)
    assert str(found.failure)
    assert (found.then is Then.DONE) == (found.failure.exit is Exit.SENT)
    assert now.delivered or found.then is not Then.DONE
    assert now.live or found.then is not Then.LATER


@pytest.mark.parametrize(
    ("now", "stopped", "then", "exit"),
    [
        (READ, True, Then.DONE, Exit.SENT),
        (replace(READ, failed="Alas."), True, Then.DONE, Exit.SENT),
        (READ, False, Then.AFRESH, Exit.LOST),
        (replace(READ, delivered=True), False, Then.DONE, Exit.SENT),
        (replace(READ, failed="Alas."), False, Then.FAIL, Exit.LOST),
    ],
)
def test_an_end_that_the_server_announced(now: Circumstances, stopped: bool, then: Then, exit: Exit) -> None:
    found = ended(now, stopped=stopped)
    assert (found.then, found.failure.exit) == (then, exit)


def test_what_is_said_of_our_clock() -> None:
    assert json.loads(clock(7.5, 6.5, -1.0)) == {"type": "clock", "sent": 7.5, "heard": 6.5, "began": -1.0}
    assert json.loads(clock(7.5, None, None)) == {"type": "clock", "sent": 7.5}
