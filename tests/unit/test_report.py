"""Reports of generations: what they say, what they keep to themselves, and that they survive a file."""

from __future__ import annotations

import json
import signal
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.broadcast.failures import Reason
from ingestd.broadcast.report import KEPT, Report, Reports, harmless
from ingestd.container.model import InitSegment, Track, TrackKind
from ingestd.encoder.argv import Plan, argv
from ingestd.encoder.ladder import ladder
from ingestd.encoder.progress import Progress
from ingestd.processes import Exit
from ingestd.settings import Rung

FINITE = st.floats(-1e17, 1e17)
TEXT = st.text(max_size=20)
REPORTS = st.builds(
    Report,
    number=st.integers(0),
    epoch=st.integers(0),
    argv=st.lists(TEXT).map(tuple),
    renditions=st.lists(TEXT).map(tuple),
    origin=FINITE,
    commit=FINITE,
    started_at=FINITE,
    lifetime=FINITE,
    reason=TEXT,
    sentence=TEXT,
    exit=TEXT,
    code=st.none() | st.integers(0, 255),
    signal=st.none() | st.integers(1, 64),
    lines=st.lists(TEXT).map(tuple),
    frames=st.integers(0),
    doubled=st.integers(0),
    dropped=st.integers(0),
    speed=FINITE,
    fps=FINITE,
)


def made(**changes: Any) -> Report:
    facts: dict[str, Any] = {
        "number": 3,
        "epoch": 1,
        "argv": ["/usr/bin/ffmpeg", "-nostdin"],
        "renditions": ["360p", "240p"],
        "origin": 12.0,
        "commit": 15.0,
        "started_at": 1_800_000_000.1234,
        "lifetime": 4.25,
        "reason": Reason.KILLED,
        "ended": Exit(None, signal.SIGKILL, ()),
        "progress": Progress(frames=240, fps=30.0, speed=1.02, doubled=4, dropped=2),
    }
    return Report.of(**{**facts, **changes})


def test_a_report_says_what_was_done_and_how_it_ended() -> None:
    report = made()
    assert (report.reason, report.signal, report.code) == ("killed", 9, None)
    assert report.exit == "killed by SIGKILL"
    assert report.sentence.startswith("The encoder was killed")
    assert (report.frames, report.doubled, report.dropped, report.speed, report.fps) == (
        240,
        4,
        2,
        1.02,
        30.0,
    )
    assert (report.origin, report.commit, report.lifetime) == (12.0, 15.0, 4.25)


def test_work_that_was_done_has_no_reason() -> None:
    report = made(reason=None, ended=Exit(0, None, ()))
    assert (report.reason, report.exit) == ("", "exit code 0")
    assert "did its work" in report.sentence


def test_only_the_last_lines_are_kept_and_none_without_end() -> None:
    report = made(ended=Exit(1, None, (*(f"line {number}" for number in range(39)), "x" * 10_000)))
    assert len(report.lines) == 20
    assert report.lines[0] == "line 20"
    assert len(report.lines[-1]) == 500
    assert len(report.exit) < 600


SECRETS = [
    "rtmp://user:hunter2@media.example/live/abc",
    "rtmp://media.example/live/abc?auth=hunter2",
    "https://media.example/x?streamKey=hunter2hunter2hunter2&token=hunter2hunter2",
    "stream_key=hunter2-hunter2-hunter2",
    "-headers=Authorization: Bearer hunter2hunter2hunter2hunter2",
    "/home/hunter2/bin/ffmpeg",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_and_no_path_is_in_a_report(secret: str) -> None:
    assert "hunter2" not in made(argv=["ffmpeg", secret]).to_json()


@pytest.mark.parametrize("secret", SECRETS[:-1])
def test_nor_in_the_lines_of_one(secret: str) -> None:
    assert "hunter2" not in made(ended=Exit(1, None, (f"[error] {secret}: Broken pipe",))).to_json()


def test_a_real_command_line_is_told_as_it_is_but_for_paths() -> None:
    video = Track(1, TrackKind.VIDEO, "vp8", width=1280, height=720)
    init = InitSegment(b"", "matroska", (video, Track(2, TrackKind.AUDIO, "opus")))
    renditions = ladder(init, (Rung(height=720, bitrate=2500), Rung(height=360, bitrate=700)), 30, 96)
    targets = {one.name: f"rtmp://127.0.0.1:1935/live/abc-0-{one.name}" for one in renditions}
    command = argv("/opt/ffmpeg", Plan(init, renditions, {}, targets))
    assert harmless(command) == ("ffmpeg", *command[1:])


@settings(max_examples=30)
@given(REPORTS)
def test_a_report_is_the_same_after_a_file(report: Report) -> None:
    assert Report.from_json(report.to_json()) == report


@settings(max_examples=30)
@given(
    st.text(max_size=50)
    | st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists).map(json.dumps)
)
def test_what_is_no_report_is_refused_as_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        Report.from_json(text)


@settings(max_examples=30)
@given(
    REPORTS,
    st.sampled_from([field.name for field in fields(Report)]),
    st.sampled_from([None, [1], {}, True, "x"]),
)
def test_a_field_of_another_type_is_refused_or_fits(report: Report, name: str, value: object) -> None:
    changed = json.dumps(report.as_dict() | {name: value})
    try:
        found = Report.from_json(changed)
    except ValueError:
        return
    assert getattr(found, name) == value
    assert type(value) in (str, type(None))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" * 400])
def test_what_is_not_a_number_of_this_world_is_refused(number: str) -> None:
    text = made().to_json().replace('"speed":1.02', f'"speed":{number}')
    with pytest.raises(ValueError, match="speed"):
        Report.from_json(text)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"number":1}', "[]", "null"])
def test_strange_files_are_refused_too(text: str) -> None:
    with pytest.raises(ValueError, match="not a report|Expecting"):
        Report.from_json(text)


def test_the_last_generations_are_kept_in_order() -> None:
    reports = Reports(made(number=number) for number in range(5))
    for number in range(5, KEPT + 7):
        reports.add(made(number=number))
    assert len(reports) == KEPT
    assert [report.number for report in reports] == list(range(7, KEPT + 7))
    shown = reports.as_list()
    assert [one["number"] for one in shown] == list(range(7, KEPT + 7))
    json.dumps(shown, allow_nan=False)
