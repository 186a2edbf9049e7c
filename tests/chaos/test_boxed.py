"""Faults that are struck in boxes: what is asked of a box, and what becomes of its answers. Needs no box."""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.boxes.chaos import Service, Strike, play, told, words
from tests.boxes.common import wait_for
from tests.boxes.docker.chaos import FAULTS as OF_DOCKER
from tests.boxes.systemd.chaos import FAULTS as OF_SYSTEMD
from tests.chaos import boxed
from tests.chaos.__main__ import main
from tests.chaos.boxed import BOXED, DOCKER, SYSTEMD, Box, Boxed, cache, results, run, strikes
from tests.chaos.clip import CODECS
from tests.chaos.faults import FAULTS
from tests.chaos.form import FORMS, QUICK
from tests.chaos.report import rows
from tests.chaos.result import Result, as_json, from_json
from tests.chaos.verdict import Skew, Verdict

MAKEFILE = Path(__file__).parents[2] / "Makefile"

SECONDS = st.floats(allow_nan=False, allow_infinity=False)
MAYBE = st.none() | SECONDS
COUNTS = st.integers(0, 1 << 16)
SKEWS = st.lists(st.builds(Skew, SECONDS, SECONDS), max_size=3).map(tuple)
LOST = st.lists(COUNTS, max_size=3).map(tuple)
VERDICTS = st.builds(Verdict, st.text(), LOST, COUNTS, COUNTS, COUNTS, SECONDS, SECONDS, SKEWS)
RESULTS = st.builds(
    Result,
    st.text(),
    st.sampled_from(CODECS),
    st.dictionaries(st.text(), VERDICTS, max_size=2),
    st.lists(st.text(), max_size=2),
    *(MAYBE, MAYBE, SECONDS, MAYBE, MAYBE),
)
STRIKES = st.builds(
    Strike,
    st.sampled_from([one.name for one in BOXED]),
    st.lists(st.sampled_from(CODECS), min_size=1, unique=True).map(tuple),
    st.floats(0, 60),
)
GOOD = Verdict("0-89", (), 0, 0, 0, 0.001, 0.012, (Skew(0.5, 0.01), Skew(3.5, 0.03)))


def result(fault: str = "service-restarted", codec: str = "vp8") -> Result:
    return Result(fault, codec, {"144p": GOOD, "72p": GOOD}, before=0.01, after=0.01, standstill=3.5)


def line(one: Result) -> str:
    return f"broadcast: {as_json(one)}"


@given(RESULTS)
def test_what_a_box_has_found_comes_out_of_it_as_it_was(one: Result) -> None:
    assert from_json(as_json(one)) == one
    assert "\n" not in as_json(one)
    assert told(line(one)) == one


@given(st.text() | st.text().map("broadcast: {}".format))
def test_what_else_a_box_says_is_no_broadcast(words: str) -> None:
    assert told(words) is None


@pytest.mark.parametrize("other", ["1", "[]", "{}", '{"verdicts": {}}', '{"verdicts": {}, "odd": 1}'])
def test_json_of_something_else_is_no_broadcast(other: str) -> None:
    assert told(f"broadcast: {other}") is None


@given(st.sampled_from(sorted(FORMS)), st.lists(STRIKES, max_size=3))
def test_a_box_is_told_what_to_do_in_words_in_which_no_shell_finds_anything(
    form: str, planned: list[Strike]
) -> None:
    command = SYSTEMD.command(form, planned)[-1 - len(planned) :]
    assert words(command) == (FORMS[form], planned)
    assert all(set(word) <= set("abcdefghijklmnopqrstuvwxyz0123456789-+,.:@") for word in command)


def test_the_short_form_strikes_each_fault_once_and_all_codecs_at_once() -> None:
    planned = strikes(BOXED, "quick", 1, None)
    assert [(one.fault, one.codecs) for one in planned] == [(one.name, CODECS) for one in BOXED]


def test_the_full_form_strikes_at_random_moments_of_their_own_the_codecs_in_turns() -> None:
    planned = strikes(BOXED, "full", 1, 12)
    assert Counter((one.fault, one.codecs) for one in planned) == {
        (one.name, (codec,)): 4 for one in BOXED for codec in CODECS
    }
    assert len({one.after for one in planned}) == len(planned)
    assert all(0 <= one.after <= FORMS["full"].seconds / 4 for one in planned)
    assert planned == strikes(BOXED, "full", 1, 12)
    assert planned != strikes(BOXED, "full", 2, 12)


def test_each_box_knows_the_faults_that_are_asked_of_it() -> None:
    assert {one.name for one in BOXED if one.box is SYSTEMD} == set(OF_SYSTEMD)
    assert {one.name for one in BOXED if one.box is DOCKER} == set(OF_DOCKER)
    every = [one.name for one in (*FAULTS, *BOXED)]
    assert len(set(every)) == len(every)
    for box in (SYSTEMD, DOCKER):
        programs = [Path(word) for word in (box.command("quick", [])[0], *box.words) if "/tests/" in word]
        assert len(programs) >= 2 and all(os.access(program, os.X_OK) for program in programs)


def test_boxes_are_those_of_make_test_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 'BOXES = "$${INGESTD_BOX_CACHE:-$$HOME/.cache/ingestd-boxes}"' in MAKEFILE.read_text()
    monkeypatch.setenv("HOME", "/home/alice")
    monkeypatch.delenv("INGESTD_BOX_CACHE", raising=False)
    assert cache() == "/home/alice/.cache/ingestd-boxes"
    monkeypatch.setenv("INGESTD_BOX_CACHE", "/srv/boxes")
    assert cache() == SYSTEMD.command("full", [])[1] == "/srv/boxes"


def test_broadcasts_of_which_a_box_did_not_tell_are_not_well() -> None:
    planned = [Strike("service-restarted", CODECS, 1.0), Strike("services-restarted", ("vp8",), 1.0)]
    lines = ["ready", line(result()), line(result("services-restarted"))]
    found = results(planned, lines, 0)
    assert Counter((one.fault, one.codec, one.well) for one in found) == {
        ("service-restarted", "vp8", True): 1,
        ("service-restarted", "vp9", False): 1,
        ("service-restarted", "h264", False): 1,
        ("services-restarted", "vp8", True): 1,
    }


def test_no_broadcast_of_a_box_that_failed_is_well() -> None:
    found = results([Strike("service-restarted", ("vp8",), 1.0)], [line(result()), "no room"], 98)
    assert [one.trouble for one in found] == [["the box ended with exit code 98: no room"]]


def test_the_table_has_rows_for_what_was_struck_in_boxes() -> None:
    sentences = {one.name: one.sentence for one in BOXED}
    found = rows([result("container-replaced"), result(), result(codec="h264")], sentences)
    assert found == [
        (sentences["service-restarted"], "1, 0, 1", "0", "0", "1 ms", "12 ms", "10 ms, 10 ms", "3.5 s", "–"),
        (sentences["container-replaced"], "1, 0, 0", "0", "0", "1 ms", "12 ms", "10 ms, 10 ms", "3.5 s", "–"),
    ]


def test_without_root_boxes_are_not_run_and_the_report_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["chaos", "--only", *(one.name for one in BOXED)])
    assert main() == 1  # nothing was played
    said = capsys.readouterr().out
    for one in BOXED:
        assert f"Not run: {one.sentence}: a box takes root." in said


def test_what_a_box_needs_and_cannot_get_is_an_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    there: set[str] = set()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(boxed, "can_mount", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda tool: tool if tool in there else None)
    assert BOXED[0].obstacle() == "mmdebstrap is missing, and so is apt-get"
    there |= {"apt-get"}
    assert BOXED[0].obstacle() == ""
    monkeypatch.setattr(boxed, "can_mount", lambda: False)
    assert BOXED[0].obstacle() == "no file system can be mounted here"


def test_a_box_is_listened_to_until_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGESTD_BOX_CACHE", str(tmp_path))
    script = tmp_path / "box.sh"
    script.write_text(
        f"#!/bin/sh\necho \"$@\" $BOX_TIMEOUT >{tmp_path}/asked\necho made\necho '{line(result())}'\n"
    )
    script.chmod(0o755)
    fault = Boxed("service-restarted", "it is restarted", Box(str(script), ("trixie",), ()))
    said: list[str] = []
    found = run([fault], "quick", 1, 1, said.append)
    assert found == [result()]
    assert said == ["    made", str(result())]
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:3] == [str(tmp_path), "trixie", "quick"]
    assert Strike.read(asked[3]).codecs == ("vp8",)
    assert float(asked[4]) > 60


def test_a_box_is_ended_with_the_run(tmp_path: Path) -> None:
    script = tmp_path / "box.sh"
    script.write_text(f"#!/bin/sh\nsleep 1000 &\necho $! >{tmp_path}/pid\necho made\nwait\n")
    script.chmod(0o755)
    fault = Boxed("service-restarted", "it is restarted", Box(str(script), (), ()))

    def interrupted(_words: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([fault], "quick", 1, 1, interrupted)
    wait_for("the end of what it started", lambda: not alive((tmp_path / "pid").read_text().strip()))


def alive(pid: str) -> bool:
    """Not gone, and no zombie, of which there is no command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_in_a_box_what_cannot_be_published_is_not_well() -> None:
    def refuse(*_words: str) -> str:
        raise AssertionError("ingestd channel create: exit code 2")

    service = Service(refuse, lambda path: [str(path)], {}, lambda: "")
    found = play(service, Strike("service-restarted", CODECS, 0.0), QUICK, 0)
    assert [one.codec for one in found] == list(CODECS)
    assert {str(one.trouble) for one in found} == {"['AssertionError: ingestd channel create: exit code 2']"}
