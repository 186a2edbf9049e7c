"""FFmpeg's progress reports."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingestd.encoder.progress import Progress

REPORT = """\
frame=123
fps=30.02
stream_0_0_q=23.0
bitrate= 998.7kbits/s
total_size=510000
out_time_us=4084000
out_time_ms=4084000
out_time=00:00:04.084000
dup_frames=7
drop_frames=2
speed=1.01x
progress=continue
"""
FIRST = "frame=0\nfps=0.00\nout_time_us=N/A\nspeed=N/A\nprogress=continue\n"


def read(*texts: str) -> tuple[Progress, int]:
    progress = Progress()
    return progress, sum(progress.line(line) for text in texts for line in text.splitlines(keepends=True))


def test_a_report_is_read() -> None:
    assert read(REPORT) == (
        Progress(frames=123, fps=30.02, speed=1.01, out_time=4.084, doubled=7, dropped=2),
        1,
    )


def test_only_the_last_line_completes_a_report() -> None:
    progress, reports = read(REPORT.replace("progress=continue\n", ""))
    assert (reports, progress.frames) == (0, 0)


def test_the_newest_report_counts() -> None:
    progress, reports = read(REPORT, REPORT.replace("123", "456"))
    assert (reports, progress.frames) == (2, 456)


def test_what_is_not_known_yet_keeps_its_value() -> None:
    assert read(FIRST)[0] == Progress()
    progress, _ = read(REPORT, FIRST.replace("frame=0", "frame=N/A"))
    assert (progress.frames, progress.speed, progress.out_time) == (123, 1.01, 4.084)


def test_a_value_with_blanks_is_read() -> None:
    assert read("speed= 1.5x \nprogress=continue\n")[0].speed == 1.5


def test_the_end_is_noted() -> None:
    assert not read(REPORT)[0].finished
    assert read(REPORT.replace("continue", "end"))[0].finished


def test_junk_is_passed_over() -> None:
    progress, reports = read("\n\x00\nframe\n=\n", REPORT)
    assert (reports, progress.frames) == (1, 123)


_KEYS = ["frame", "fps", "speed", "out_time_us", "dup_frames", "drop_frames", "progress", "x"]
_VALUES = st.sampled_from(["nan", "inf", "-inf", "1e400", "-1", "1e30", "N/A", "", "0x1"]) | st.text(
    max_size=8
)


@given(st.lists(st.builds("{}={}".format, st.sampled_from(_KEYS), _VALUES) | st.text(max_size=8)))
def test_no_line_breaks_it_and_numbers_stay_finite(lines: list[str]) -> None:
    progress = Progress()
    for line in lines:
        progress.line(line)
    numbers = (
        progress.frames,
        progress.fps,
        progress.speed,
        progress.out_time,
        progress.doubled,
        progress.dropped,
    )
    assert all(abs(number) < 1e18 for number in numbers)
