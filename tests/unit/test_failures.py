"""Why a generation ended, as FFmpeg 5.1 says it, and what is made of it."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.broadcast.failures import SENTENCES, Reason, classify, given_up, hopeless
from ingestd.processes import Child, Exit

# What was really said, by a real FFmpeg or by what starts it; the last lines come last.
SAID: list[tuple[Reason, int, tuple[str, ...]]] = [
    (
        Reason.TARGET,
        1,
        (
            "[tcp @ 0x55] [error] Connection to tcp://127.0.0.1:1?tcp_nodelay=0 failed: Connection refused",
            "[rtmp @ 0x55] [error] Cannot open connection tcp://127.0.0.1:1?tcp_nodelay=0",
            "[error] rtmp://127.0.0.1:1/live/x: Connection refused",
        ),
    ),
    (Reason.TARGET, 1, ("[error] av_interleaved_write_frame(): Broken pipe",)),
    (
        Reason.INPUT,
        1,
        (
            "[matroska,webm @ 0x558d8c075840] [error] EBML header parsing failed",
            "[error] pipe:0: Invalid data found when processing input",
        ),
    ),
    (Reason.INPUT, 1, ("[error] Output file #0 does not contain any stream",)),
    (Reason.CODEC, 1, ("[fatal] Unknown encoder 'libx264'",)),
    (Reason.CODEC, 1, ("[fatal] Decoder (codec av1) not found for input stream #0:0",)),
    (
        Reason.CODEC,
        1,
        (
            "[error] Unrecognized option 'nosuchopt'.",
            "[fatal] Error splitting the argument list: Option not found",
        ),
    ),
    (
        Reason.CODEC,
        1,
        (
            "[libx264 @ 0x56] [error] Error setting preset/tune nosuch/(null).",
            "[error] Error initializing output stream 0:0 -- Error while opening encoder",
        ),
    ),
    (
        Reason.MEMORY,
        1,
        (
            "x264 [error]: malloc of size 2379452 failed",
            "[error] Error initializing output stream 0:0 -- Error while opening encoder",
            "[aac @ 0x56] [warning] 2 frames left in the queue on closing",
        ),
    ),
    (
        Reason.MEMORY,
        1,
        ("[error] Error while opening decoder for input stream #0:0 : Resource temporarily unavailable",),
    ),
    (
        Reason.MEMORY,
        127,
        ("ffmpeg: error while loading shared libraries: libgsm.so.1: failed to map segment",),
    ),
    (Reason.NOT_STARTED, 127, ("prlimit: failed to execute /no/such: No such file or directory",)),
    (Reason.NOT_STARTED, 126, ("nice: '/etc/passwd': Permission denied",)),
    (Reason.EXITED, 1, ("[error] Conversion failed!",)),
    (Reason.EXITED, 0, ()),
]


@pytest.mark.parametrize(("reason", "code", "lines"), SAID, ids=lambda value: str(value)[:40])
def test_what_ffmpeg_says_tells_the_reason(reason: Reason, code: int, lines: tuple[str, ...]) -> None:
    assert classify(Exit(code, None, lines)) is reason


def test_a_signal_that_was_sent_says_more_than_any_line() -> None:
    lines = ("[error] rtmp://127.0.0.1:1/live/x: Broken pipe",)
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGXCPU):
        assert classify(Exit(None, number, lines)) is Reason.KILLED


def test_a_crash_is_an_end_of_its_own_and_nobody_killed_it() -> None:
    for number in (signal.SIGSEGV, signal.SIGABRT):
        assert classify(Exit(None, number, ())) is Reason.EXITED
        assert classify(Exit(None, number, ("malloc of size 5 failed",))) is Reason.MEMORY


def test_old_troubles_are_no_reason() -> None:
    lines = ("[error] Invalid data found when processing input", *["[warning] something else"] * 10)
    assert classify(Exit(1, None, lines)) is Reason.EXITED


def test_a_memory_limit_that_is_too_low_is_called_by_its_name(tmp_path: Path) -> None:
    """Where x264 gets no thread it says only that it cannot be opened; most often memory is named."""
    argv = (
        "ffmpeg -nostdin -loglevel level+warning -f lavfi -i testsrc2=s=1920x1080 -t 1 -c:v libx264 -f null -"
    )

    async def encode(memory: int) -> Exit:
        child = await Child.start(argv.split(), name="test", cwd=tmp_path, memory=memory)
        return await child.wait()

    ends = [asyncio.run(encode(memory)) for memory in (40, 80, 120, 160, 200)]
    assert not any(ended.ok for ended in ends)
    reasons = [classify(ended) for ended in ends]
    assert set(reasons) <= {Reason.MEMORY, Reason.EXITED}, ends
    assert reasons.count(Reason.MEMORY) >= 2, ends


def test_every_reason_has_plain_sentences() -> None:
    for reason in Reason:
        for sentence in (SENTENCES[reason], given_up(reason, 1), given_up(reason, 3)):
            assert sentence[0].isupper() and sentence.endswith("."), sentence
            assert "  " not in sentence and not any(word in sentence for word in ("SIG", "None", "exit code"))
    assert "3 times in a row" in given_up(Reason.STALLED, 3)
    assert "in a row" not in given_up(Reason.CODEC, 1)


def test_what_will_happen_again_is_not_tried_again() -> None:
    assert hopeless(Reason.CODEC, 1)
    assert not hopeless(Reason.INPUT, 1)
    assert hopeless(Reason.INPUT, 2)
    assert not hopeless(Reason.MEMORY, 2)
    assert hopeless(Reason.MEMORY, 3)


@pytest.mark.parametrize("reason", [Reason.KILLED, Reason.TARGET, Reason.STALLED, Reason.NOT_STARTED])
def test_what_passes_is_left_to_the_breaker(reason: Reason) -> None:
    assert not hopeless(reason, 1_000)


@given(st.sampled_from(Reason), st.integers(1, 100))
def test_hope_that_is_gone_does_not_come_back(reason: Reason, in_a_row: int) -> None:
    assert not hopeless(reason, in_a_row) or hopeless(reason, in_a_row + 1)


@given(
    st.none() | st.integers(0, 255),
    st.none() | st.sampled_from(list(signal.Signals)),
    st.lists(st.text(max_size=30)),
)
def test_every_end_has_a_reason_that_we_did_not_bring_about(
    code: int | None, number: int | None, lines: list[str]
) -> None:
    found = classify(Exit(code, number, tuple(lines)))
    assert found not in (Reason.STALLED, Reason.TOO_SLOW, Reason.PLANNED)
