"""The resumable protocol, as scripts of messages and times."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.broadcast.recording import Recording, Step
from ingestd.container.model import Fragment
from ingestd.errors import Code, Refusal
from ingestd.ingest.resumable import (
    Clock,
    Command,
    NextEpoch,
    ResumableSession,
    Resume,
    Start,
    Stop,
    ack_message,
    clock_message,
    ended_message,
    error_message,
    ready_message,
    status_message,
)
from ingestd.ingest.session import Patience
from tests.container.samples import CLEAN, cluster, init, pieces, read, sb
from tests.unit.test_recording import HELD_BACK, JPEG, RECORDING, units, whole

PATIENCE = Patience(max_message=1 << 20, idle=10.0)
START = '{"type":"start"}'
STOP = '{"type":"stop"}'


def epoch(number: int) -> str:
    return json.dumps({"type": "epoch", "epoch": number})


def session(now: float = 0.0) -> ResumableSession:
    return ResumableSession(PATIENCE, now)


def ready(recording: Recording | None = None, number: int = 0, now: float = 0.0) -> ResumableSession:
    """A session that may be sent bytes."""
    one = session(now)
    one.text(START, now)
    one.ready(recording or Recording(), number, now)
    return one


def only(steps: Iterable[Command | Step]) -> Refusal:
    (refusal,) = steps
    assert isinstance(refusal, Refusal)
    return refusal


def malformed(steps: Iterable[Command | Step]) -> str:
    """The sentence of a message that is refused as malformed."""
    refusal = only(steps)
    assert refusal.code is Code.MALFORMED
    return refusal.message


def names(steps: Iterable[Command | Step]) -> list[str]:
    return [step.code.value if isinstance(step, Refusal) else type(step).__name__ for step in steps]


# What the client says


def test_start() -> None:
    said = {"type": "start", "mime": "video/webm", "title": " A title ", "takeover": True}
    assert session().text(json.dumps(said), 0.0) == [Start("A title", "video/webm", True)]
    assert session().text(START, 0.0) == [Start("", "", False)]


def test_a_title_is_cut_and_what_utf8_cannot_carry_is_exchanged() -> None:
    (start,) = session().text(json.dumps({"type": "start", "title": "  " + "é" * 300}), 0.0)
    assert start == Start("é" * 200, "", False)
    (start,) = session().text('{"type":"start","title":"\\ud83d\\ude00 \\ud800"}', 0.0)
    assert start == Start("😀 ?", "", False)


def test_resume() -> None:
    said = {"type": "resume", "broadcast": "68d1f00c0a1b2c3d", "epoch": 2, "offset": 5}
    assert session().text(json.dumps(said), 0.0) == [Resume("68d1f00c0a1b2c3d", 2, 5)]
    del said["offset"]
    assert session().text(json.dumps(said), 0.0) == [Resume("68d1f00c0a1b2c3d", 2, None)]


def test_fields_that_are_not_known_are_passed_over() -> None:
    assert session().text('{"type":"start","colour":"red","offset":"x"}', 0.0) == [Start("", "", False)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "JSON"),
        ("hello", "JSON"),
        ("[" * 60_000, "JSON"),
        ('{"type":"start","takeover":' + "9" * 5000 + "}", "JSON"),
        ("[]", "JSON object"),
        ("null", "JSON object"),
        ("{}", "start, resume, epoch, clock or stop"),
        ('{"type":"begin"}', "start, resume, epoch, clock or stop"),
        ('{"type":["start"]}', "start, resume, epoch, clock or stop"),
        ('{"type":"start","title":5}', "title has to be a string"),
        ('{"type":"start","mime":{}}', "mime has to be a string"),
        (json.dumps({"type": "start", "mime": "m" * 201}), "at most 200 characters"),
        ('{"type":"start","takeover":"yes"}', "true or false"),
        ('{"type":"start","takeover":1}', "true or false"),
        ('{"type":"resume","epoch":0}', "broadcast has to be the id"),
        ('{"type":"resume","broadcast":7,"epoch":0}', "broadcast has to be the id"),
        ('{"type":"resume","broadcast":"","epoch":0}', "broadcast has to be the id"),
        ('{"type":"resume","broadcast":"../a","epoch":0}', "broadcast has to be the id"),
        ('{"type":"resume","broadcast":"a\\n","epoch":0}', "broadcast has to be the id"),
        (json.dumps({"type": "resume", "broadcast": "a" * 65, "epoch": 0}), "broadcast has to be the id"),
        ('{"type":"resume","broadcast":"a"}', "epoch has to be a whole number"),
        ('{"type":"resume","broadcast":"a","epoch":-1}', "epoch has to be a whole number"),
        ('{"type":"resume","broadcast":"a","epoch":true}', "epoch has to be a whole number"),
        ('{"type":"resume","broadcast":"a","epoch":0.5}', "epoch has to be a whole number"),
        ('{"type":"resume","broadcast":"a","epoch":0,"offset":"1"}', "offset has to be a whole number"),
        ('{"type":"resume","broadcast":"a","epoch":0,"offset":-1}', "offset has to be a whole number"),
        ('{"type":"resume","broadcast":"a","epoch":0,"offset":NaN}', "offset has to be a whole number"),
        (json.dumps({"type": "resume", "broadcast": "a", "epoch": 0, "offset": 1 << 53}), "whole number"),
    ],
)
def test_a_first_message_that_is_not_one(text: str, words: str) -> None:
    assert words in malformed(session().text(text, 0.0))


@pytest.mark.parametrize("number", ["", ',"epoch":null', ',"epoch":"1"', ',"epoch":-1', ',"epoch":1e999'])
def test_an_epoch_needs_its_number(number: str) -> None:
    assert "epoch has to be" in malformed(ready().text('{"type":"epoch"' + number + "}", 0.0))


def test_a_text_message_may_be_as_large_as_the_limit_and_no_larger() -> None:
    text = START + " " * ((64 << 10) - len(START))
    assert names(session().text(text, 0.0)) == ["Start"]
    refusal = only(session().text(text + " ", 0.0))
    assert (refusal.code, "64 KiB" in refusal.message) == (Code.TOO_LARGE, True)


# In turn and out of turn


@pytest.mark.parametrize("text", [epoch(1), STOP])
def test_the_first_message_is_start_or_resume(text: str) -> None:
    assert "start or resume" in malformed(session().text(text, 0.0))
    assert "start or resume" in malformed(session().binary(RECORDING, 0.0))


@pytest.mark.parametrize("text", [START, '{"type":"resume","broadcast":"a","epoch":0}', epoch(1), STOP])
def test_nothing_comes_between_the_first_message_and_ready(text: str) -> None:
    one = session()
    one.text(START, 0.0)
    assert "ready" in malformed(one.text(text, 0.0))
    assert "before ready" in malformed(one.binary(RECORDING, 0.0))


@pytest.mark.parametrize("text", [START, '{"type":"resume","broadcast":"a","epoch":0}'])
def test_start_and_resume_come_once(text: str) -> None:
    assert "once" in malformed(ready().text(text, 0.0))


@pytest.mark.parametrize("text", [START, epoch(1), STOP, '{"type":"resume","broadcast":"a","epoch":0}'])
def test_nothing_comes_after_stop(text: str) -> None:
    one = ready()
    assert one.text(STOP, 0.0) == [Stop()]
    assert "after stop" in malformed(one.text(text, 0.0))
    assert "after stop" in malformed(one.binary(RECORDING, 0.0))


@pytest.mark.parametrize("number", [0, 3, 5, 1000])
def test_epochs_are_counted_one_by_one(number: int) -> None:
    assert "Epoch 4 is expected" in malformed(ready(number=3).text(epoch(number), 0.0))


# Bytes


def test_a_recording_begins_and_then_its_fragments_come() -> None:
    one = ready()
    assert names(one.binary(RECORDING, 0.0)) == ["InitSegment", "Fragment"]
    assert one.recording and one.recording.received == len(RECORDING)


def test_an_empty_message_is_passed_over_at_any_time() -> None:
    one = session()
    assert one.binary(b"", 0.0) == []
    one.text(START, 0.0)
    assert one.binary(b"", 0.0) == []
    one.ready(Recording(), 0, 0.0)
    one.text(STOP, 0.0)
    assert one.binary(b"", 0.0) == []


def test_a_message_over_the_limit_is_refused_and_none_of_it_is_taken() -> None:
    one = ready()
    assert only(one.binary(bytes(PATIENCE.max_message + 1), 0.0)).code is Code.TOO_LARGE
    assert one.recording and one.recording.received == 0


def test_what_is_not_taken_is_refused_also_when_it_is_resumed() -> None:
    one = ready()
    refusal = only(one.binary(JPEG, 0.0))
    assert refusal.code is Code.UNSUPPORTED
    assert only(ready(one.recording).binary(RECORDING, 0.0)) == refusal


def test_a_recording_that_begins_inside_an_epoch_is_refused_also_when_it_is_resumed() -> None:
    words = "A new recording began inside epoch 3: announce it with an epoch message."
    one = ready(number=3)
    *steps, refusal = one.binary(RECORDING * 2, 0.0)
    assert names(steps) == ["InitSegment", "Fragment"]
    assert malformed([refusal]) == words
    assert one.recording and one.recording.received == len(RECORDING)
    assert malformed(ready(one.recording, 3).binary(RECORDING, 0.0)) == words


def test_it_may_be_announced_after_all() -> None:
    first = ready()
    first.binary(RECORDING * 2, 0.0)
    one = ready(first.recording)
    assert one.text(epoch(1), 0.0) == [NextEpoch(1, "")]
    assert names(one.binary(RECORDING, 0.0)) == ["InitSegment", "Fragment"]


def test_a_complete_recording_takes_no_bytes_but_stop_and_the_next_epoch() -> None:
    recording = Recording()
    recording.feed(RECORDING)
    recording.finish()
    assert "Epoch 0 is complete" in malformed(ready(recording).binary(b"x", 0.0))
    assert ready(recording).text(STOP, 0.0) == [Stop()]
    assert ready(recording).text(epoch(1), 0.0) == [NextEpoch(1, "")]


# Epochs and the end


def test_what_was_held_back_of_an_epoch_comes_before_the_next() -> None:
    one = ready()
    one.binary(RECORDING + HELD_BACK, 0.0)
    old = one.recording
    held, command = one.text('{"type":"epoch","epoch":1,"mime":"video/mp4"}', 0.0)
    assert isinstance(held, Fragment) and held.media_time == 0.1
    assert command == NextEpoch(1, "video/mp4")
    assert old and old.complete
    assert one.recording and one.recording is not old
    assert (one.epoch, one.recording.received) == (1, 0)
    assert names(one.binary(RECORDING, 0.0)) == ["InitSegment", "Fragment"]


def test_what_was_held_back_comes_before_the_stop() -> None:
    one = ready()
    one.binary(RECORDING + HELD_BACK, 0.0)
    assert names(one.text(STOP, 0.0)) == ["Fragment", "Stop"]
    assert one.recording and one.recording.complete


def test_an_epoch_may_be_empty() -> None:
    one = ready()
    assert one.text(epoch(1), 0.0) == [NextEpoch(1, "")]
    assert one.text(epoch(2), 0.0) == [NextEpoch(2, "")]
    assert one.text(STOP, 0.0) == [Stop()]


def test_each_epoch_has_a_clock_of_its_own() -> None:
    one = ready()
    one.binary(RECORDING, 0.0)
    one.text(epoch(1), 0.0)
    late = init() + cluster(7_200_000, sb(1, 0, key=True))
    assert names(one.binary(late, 0.0)) == ["InitSegment", "Fragment"]


# Times


def test_a_client_that_says_nothing_is_dropped_in_time() -> None:
    one = session(now=100.0)
    assert one.overdue(109.9) is None
    refusal = one.overdue(110.0)
    assert refusal == Refusal(Code.TIMEOUT, "No start or resume came within 10 s.")


def test_an_empty_message_is_no_sign_of_life() -> None:
    one = session()
    one.binary(b"", 9.0)
    assert one.overdue(10.0) is not None


def test_while_the_client_waits_for_ready_it_is_not_late() -> None:
    one = session()
    one.text(START, 9.0)
    assert one.overdue(100.0) is None
    one.ready(Recording(), 0, 100.0)
    assert one.overdue(109.9) is None
    refusal = one.overdue(110.0)
    assert refusal == Refusal(Code.TIMEOUT, "Nothing was received for 10 s.")


def test_every_byte_is_a_sign_of_life_and_so_is_an_epoch() -> None:
    one = ready()
    one.binary(RECORDING, 4.0)
    assert one.silent_for(6.5) == 2.5
    one.text(epoch(1), 8.0)
    assert one.silent_for(8.0) == 0.0
    assert one.overdue(13.9) is None


def test_bytes_without_media_are_not_enough() -> None:
    one = ready()
    for now in range(10):
        one.binary(init()[now : now + 1], float(now))
    refusal = one.overdue(10.0)
    assert refusal and refusal.message.startswith("10 bytes came, but no media for 10 s")


def test_epochs_without_media_are_not_enough() -> None:
    one = ready()
    for number in range(1, 10):
        one.text(epoch(number), float(number))
    assert one.overdue(9.9) is None
    assert one.overdue(10.0) is not None


def test_silence_while_the_server_did_not_read_is_not_the_clients() -> None:
    one = ready()
    one.resumed(60.0)
    assert one.silent_for(61.0) == 1.0
    assert one.overdue(69.9) is None
    assert one.overdue(70.0) is not None


def test_after_stop_it_is_never_late() -> None:
    one = ready()
    one.text(STOP, 0.0)
    assert one.overdue(1e6) is None


# What the server says


def test_ready() -> None:
    assert json.loads(ready_message("b", 1, 99, 60.0, 1.0)) == {
        **{"type": "ready", "broadcast": "b", "epoch": 1, "offset": 99},
        **{"resume_window": 60, "segment": 1, "clock": True},
    }


def test_ack_and_ended_in_milliseconds() -> None:
    assert ack_message(1, 99, 12.0004) == '{"type":"ack","epoch":1,"offset":99,"media_time":12.0}'
    assert ended_message(61.4004) == '{"type":"ended","media_time":61.4}'


def test_status() -> None:
    status = {"state": "live", "message": "Live.", "renditions": ["720p"], "viewers": None}
    assert json.loads(status_message(status)) == {"type": "status", **status}


def test_a_status_that_no_browser_could_read_is_not_sent() -> None:
    with pytest.raises(ValueError):
        status_message({"speed": float("nan")})


def test_error() -> None:
    said = json.loads(error_message(Refusal(Code.CONFLICT, "Another one is live.")))
    assert said == {"type": "error", "code": "already_live", "message": "Another one is live."}


# Over several connections


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(CLEAN), st.data())
def test_cut_anywhere_over_several_connections_it_is_the_same_recording(
    name: str, draw: st.DataObject
) -> None:
    data, recording, steps = read(name), Recording(), list[Command | Step]()
    ends = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=4)))
    for end in [*ends, len(data)]:  # of what came by each connection; what was sent after that is lost
        one = ready(recording)
        for size in draw.draw(st.lists(st.integers(1, 100_000), max_size=30)):
            at = recording.received
            steps += one.binary(data[at : min(at + size, end)], 0.0)
        for piece in pieces(data[recording.received : end], PATIENCE.max_message):
            steps += one.binary(piece, 0.0)
        assert recording.received == end
    *last, stop = one.text(STOP, 0.0)
    assert stop == Stop()
    assert units([step for step in [*steps, *last] if not isinstance(step, Command)]) == units(whole(name))


# Anything at all

_TEXTS = [START, STOP, epoch(1), epoch(2), '{"type":"resume","broadcast":"a","epoch":0}', "{", "5"]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.sampled_from(_TEXTS)
        | st.text(max_size=20)
        | st.binary(max_size=50)
        | st.sampled_from([RECORDING, HELD_BACK, JPEG, None]),
        max_size=12,
    )
)
def test_nothing_breaks_it(script: list[str | bytes | None]) -> None:
    one = session()
    for now, message in enumerate(script):
        match message:
            case str():
                one.text(message, float(now))
            case bytes():
                one.binary(message, float(now))
            case None:
                one.ready(Recording(), 0, float(now))
        one.overdue(float(now))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["start", "resume", "epoch", "stop"]),
    st.dictionaries(st.sampled_from(["mime", "title", "takeover", "broadcast", "epoch", "offset"]), _json),
)
def test_whatever_the_fields_are_a_command_or_a_refusal_comes(kind: str, fields: dict[str, object]) -> None:
    text = json.dumps({"type": kind, **fields})
    for one in (session(), ready()):
        (step,) = one.text(text, 0.0)
        if isinstance(step, Start):
            (step.title + step.mime).encode()
            assert len(step.title) <= 200
        if isinstance(step, Refusal):
            assert step.code is Code.MALFORMED


# Clocks

CLOCK = '{"type":"clock","sent":7.25,"heard":7,"began":-1.5}'


def test_a_clock_and_its_answer() -> None:
    assert ready().text(CLOCK, 0.0) == [Clock(7.25, 7.0, -1.5)]
    assert ready().text('{"type":"clock","sent":0,"heard":null}', 0.0) == [Clock(0.0, None, None)]
    assert json.loads(clock_message(7.25)) == {"type": "clock", "sent": 7.25}


@pytest.mark.parametrize("value", ['"7"', "true", "NaN", "Infinity", "1e300", "[]"])
@pytest.mark.parametrize("name", ["sent", "heard", "began"])
def test_a_clock_shows_seconds(name: str, value: str) -> None:
    said = f'{{"type":"clock","sent":1,"{name}":{value}}}'
    assert malformed(ready().text(said, 0.0)) == f"{name} has to be a number of seconds."


def test_a_clock_shows_something() -> None:
    assert malformed(ready().text('{"type":"clock"}', 0.0)) == "sent has to be a number of seconds."


def test_a_clock_comes_between_ready_and_the_end() -> None:
    assert "first message" in malformed(session().text(CLOCK, 0.0))
    asked = session()
    asked.text(START, 0.0)
    assert "Wait for ready" in malformed(asked.text(CLOCK, 0.0))
    stopped = ready()
    stopped.text(STOP, 0.0)
    assert names(stopped.text(CLOCK, 0.0)) == ["Clock"]


def test_a_clock_is_no_sign_of_life() -> None:
    one = ready()
    for second in range(10):
        assert one.overdue(float(second)) is None
        one.text(CLOCK, float(second))
    assert one.overdue(10.0)
