"""The plain protocol, as scripts of messages and times."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.container.model import Fragment, InitSegment, Track, TrackKind
from ingestd.errors import Code, Refusal
from ingestd.ingest.session import STOP_CODE, Patience, PlainSession, Step, unsupported
from tests.container.samples import VP8, audio_track, blobs, cluster, init, read, sb, video_track

PATIENCE = Patience(max_message=1 << 20, idle=10.0)
RECORDING = init() + cluster(0, sb(1, 0, key=True), sb(2, 5), sb(1, 33))
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(2000)


def session(now: float = 0.0) -> PlainSession:
    return PlainSession(PATIENCE, now)


def names(steps: Iterable[Step]) -> list[str]:
    """What is to be done, in short."""
    return [step.code.value if isinstance(step, Refusal) else type(step).__name__ for step in steps]


def run(*script: tuple[float, bytes]) -> list[str]:
    """Play a script of times and messages; what it led to, the end of the connection included."""
    one = session()
    found = [name for now, data in script for name in names(one.binary(data, now))]
    return found + names(one.finish())


def media(steps: Iterable[Step]) -> bytes:
    return b"".join(step.data for step in steps if isinstance(step, Fragment))


# Media


def test_a_recording_begins_and_then_its_fragments_come() -> None:
    assert run((0.0, RECORDING)) == ["InitSegment", "Fragment"]


def test_a_recording_of_a_browser_arrives_whole_whatever_its_blobs() -> None:
    one, steps = session(), list[Step]()
    for number, blob in enumerate(blobs(VP8)):
        steps += one.binary(blob, number * 0.25)
    steps += one.finish()
    begun = [step for step in steps if isinstance(step, InitSegment)]
    assert [track.codec for track in begun[0].tracks] == ["vp8", "opus"]
    assert len(begun) == 1
    assert read(VP8).endswith(media(steps)[-5000:])
    assert not [step for step in steps if isinstance(step, Refusal)]


def test_an_empty_message_is_passed_over() -> None:
    half = len(RECORDING) // 2
    halves = [(1.0, RECORDING[:half]), (2.0, RECORDING[half:])]
    assert run((0.0, b""), halves[0], (1.5, b""), halves[1]) == run(*halves)


def test_an_empty_message_is_no_sign_of_life() -> None:
    one = session()
    one.binary(b"", 9.0)
    assert one.overdue(10.0) is not None


def test_what_was_held_back_is_handed_on_at_the_end() -> None:
    one = session()
    one.binary(init() + cluster(0, sb(2, 0)), 0.0)  # a cluster that has not said whether a unit starts
    assert names(one.finish()) == ["Fragment"]
    assert one.finish() == []


# Refusals


def test_a_jpeg_is_refused_by_name() -> None:
    (refusal,) = session().binary(JPEG, 0.0)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, "JPEG" in refusal.message) == (Code.UNSUPPORTED, True)


def test_a_stream_from_the_middle_of_a_recording_is_refused() -> None:
    assert run((0.0, cluster(0, sb(1, 0, key=True)))) == ["unsupported_media"]


def test_after_a_refusal_nothing_more_is_taken() -> None:
    assert run((0.0, JPEG), (1.0, RECORDING), (2.0, RECORDING)) == ["unsupported_media"]


def test_a_text_message_is_refused() -> None:
    assert session().text().code is Code.MALFORMED


def test_a_message_may_be_as_large_as_the_limit_and_no_larger() -> None:
    padded = RECORDING + cluster(1000, sb(2, 0, size=PATIENCE.max_message - len(RECORDING) - 24))
    assert len(padded) == PATIENCE.max_message
    assert "too_large" not in run((0.0, padded))
    (refusal,) = session().binary(padded + b"x", 0.0)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, "1 MiB" in refusal.message) == (Code.TOO_LARGE, True)


@pytest.mark.parametrize("codec", [b"V_THEORA", b"V_MPEGH/ISO/HEVC", b"V_UNCOMPRESSED"])
def test_a_video_codec_that_is_not_taken_is_refused_before_any_media(codec: bytes) -> None:
    first = session().binary(
        init(video_track(codec=codec) + audio_track()) + cluster(0, sb(1, 0, key=True)), 0.0
    )[0]
    assert isinstance(first, Refusal)
    assert first.code is Code.UNSUPPORTED
    assert "Send WebM, Matroska or fragmented MP4 with VP8" in first.message


def test_an_audio_codec_that_is_not_taken_is_refused() -> None:
    assert (
        run((0.0, init(video_track() + audio_track(codec=b"A_FLAC")) + cluster(0)))[0] == "unsupported_media"
    )


def test_theora_as_ffmpeg_writes_it_is_refused_by_name() -> None:
    given = b"".join(bytes((n * 7 % 256,)) * (64 * 48 * 3 // 2) for n in range(5))
    command = (
        "ffmpeg -v error -f rawvideo -s 64x48 -pix_fmt yuv420p -i pipe: -c:v libtheora -f matroska pipe:"
    )
    made = subprocess.run(command.split(), input=given, capture_output=True, check=True, timeout=60)
    (refusal, *_) = session().binary(made.stdout, 0.0)
    assert isinstance(refusal, Refusal)
    assert "The video codec V_THEORA is not taken." in refusal.message


def test_only_the_tracks_that_would_be_encoded_are_judged() -> None:
    def track(number: int, codec: str) -> Track:
        return Track(number, TrackKind.VIDEO, codec)

    assert unsupported(InitSegment(b"", "mp4", (track(1, "vp9"), track(2, "theora")))) is None
    assert unsupported(InitSegment(b"", "mp4", (track(2, "theora"), track(1, "vp9")))) is not None


def test_the_code_for_a_complete_recording_is_one_that_no_browser_sends_by_itself() -> None:
    assert 4000 <= STOP_CODE <= 4999


# Times


def test_a_client_that_sends_nothing_is_dropped_in_time() -> None:
    one = session(now=100.0)
    assert one.overdue(109.9) is None
    refusal = one.overdue(110.0)
    assert refusal is not None
    assert (refusal.code, refusal.message) == (Code.TIMEOUT, "Nothing was received for 10 s.")


def test_every_byte_is_a_sign_of_life() -> None:
    one = session()
    one.binary(RECORDING, 9.0)
    assert one.overdue(18.9) is None
    assert one.overdue(19.0) is not None


def test_how_long_a_client_has_been_silent() -> None:
    one = session(now=100.0)
    assert one.silent_for(103.0) == 3.0
    one.binary(b"\x1a", 104.0)
    one.binary(b"", 105.0)
    assert one.silent_for(106.5) == 2.5
    one.resumed(107.0)
    assert one.silent_for(107.5) == 0.5


def test_bytes_without_media_are_not_enough() -> None:
    one = session()
    for now in range(10):
        one.binary(init()[now : now + 1], float(now))
        assert one.overdue(float(now)) is None
    refusal = one.overdue(10.0)
    assert refusal is not None
    assert refusal.message == "10 bytes came, but no media for 10 s: no Cluster, no fragment."


def test_an_init_segment_alone_is_no_media() -> None:
    one = session()
    one.binary(init(), 0.0)
    one.binary(cluster(0), 9.0)
    assert one.overdue(10.0) is not None


def test_silence_while_the_server_did_not_read_is_not_the_clients() -> None:
    one = session()
    one.binary(RECORDING, 0.0)
    one.resumed(60.0)
    assert one.overdue(69.9) is None
    assert one.overdue(70.0) is not None


# Recordings one after the other


def test_a_second_recording_in_the_same_message_begins_anew() -> None:
    assert run((0.0, RECORDING * 2)) == ["InitSegment", "Fragment"] * 2


def test_a_second_recording_cut_anywhere_begins_anew() -> None:
    two = RECORDING * 2
    for cut in range(1, len(two), 3):
        steps = run((0.0, two[:cut]), (0.1, two[cut:]))
        assert steps.count("InitSegment") == 2
        assert set(steps) == {"InitSegment", "Fragment"}


def test_a_second_recording_that_is_not_taken_is_refused() -> None:
    theora = init(video_track(codec=b"V_THEORA")) + cluster(0, sb(1, 0, key=True))
    assert run((0.0, RECORDING + theora))[:3] == ["InitSegment", "Fragment", "unsupported_media"]


def test_thousands_of_recordings_need_no_stack() -> None:
    one, steps = session(), list[Step]()
    for _ in range(250):
        steps += one.binary(RECORDING * 8, 0.0)
    assert len(steps) == 4000
    assert names(steps)[-4:] == ["InitSegment", "Fragment"] * 2


def test_a_message_that_restarts_the_recorder_too_often_is_refused() -> None:
    (*steps, refusal) = session().binary(RECORDING * 1000, 0.0)
    assert names(steps) == ["InitSegment", "Fragment"] * (len(steps) // 2)
    assert len(steps) <= 2 * 9
    assert refusal == Refusal(Code.MALFORMED, "The recorder is restarted too often.")


def test_recordings_in_one_message_cost_no_more_because_much_follows() -> None:
    def seconds(message: bytes) -> float:
        spent = []
        for _ in range(3):
            one, started = PlainSession(Patience(1 << 24, 10.0), 0.0), time.process_time()
            one.binary(message, 0.0)
            spent.append(time.process_time() - started)
        return min(spent)

    tiny = init() + cluster(0, sb(1, 0, key=True, size=1))
    long = init() + cluster(0, sb(1, 0, key=True), *[sb(2, 0, size=1 << 20)] * 12)
    assert seconds(tiny * 800 + long) < 3 * seconds(tiny * 8 + long) + 0.02  # 8 recordings copy what follows


# Time stamps


def at(second: float) -> bytes:
    """A cluster of a keyframe and the frame after it."""
    return cluster(round(second * 1000), sb(1, 0, key=True), sb(1, 33))


@pytest.mark.parametrize("second", [60.0, 0.0])
def test_a_minute_without_media_and_a_step_back_are_taken(second: float) -> None:
    assert set(run((0.0, RECORDING), (0.1, at(second)), (0.2, at(second + 60)))) == {
        "InitSegment",
        "Fragment",
    }


def test_a_recording_may_begin_at_any_time() -> None:
    assert set(run((0.0, init() + at(7200)))) == {"InitSegment", "Fragment"}


def test_a_jump_of_more_than_a_minute_is_refused_with_its_length() -> None:
    one = session()
    one.binary(RECORDING, 0.0)
    refusal = one.binary(at(3600), 0.1)[0]
    assert isinstance(refusal, Refusal)
    assert refusal.code is Code.UNSUPPORTED
    assert refusal.message == "The recording's time stamps jump by 3600 s; at most 60 s are taken."


def test_a_second_recording_has_a_clock_of_its_own() -> None:
    steps = run((0.0, RECORDING), (0.1, init() + at(7200)), (0.2, RECORDING))
    assert steps.count("InitSegment") == 3
    assert "unsupported_media" not in steps


def test_a_jump_at_the_very_end_is_not_handed_on() -> None:
    one = session()
    one.binary(RECORDING, 0.0)
    one.binary(cluster(36_000_000, sb(2, 0)), 0.1)
    assert "Fragment" not in names(one.finish())


# Anything at all


@given(
    st.lists(
        st.binary(max_size=200) | st.sampled_from([RECORDING, init(), JPEG, b"\x1a\x45\xdf\xa3"]), max_size=8
    )
)
@settings(deadline=None, max_examples=100)
def test_no_bytes_break_it(messages: list[bytes]) -> None:
    one = session()
    for now, message in enumerate(messages):
        one.binary(message, float(now))
        one.overdue(float(now))
    one.finish()


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_no_damage_to_a_recording_breaks_it(data: st.DataObject) -> None:
    broken = bytearray(RECORDING * 3)
    for _ in range(data.draw(st.integers(1, 10))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    one = session()
    found = names([*one.binary(bytes(broken), 0.0), *one.finish()])
    begun = found.index("InitSegment") if "InitSegment" in found else len(found)
    assert "Fragment" not in found[:begun] or found[0] == "unsupported_media"
