"""Why a server of ours ended, in plain words, and how long its supervisor waits for the next start."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.processes import Exit
from ingestd.record import KEPT, Record, longer, sentence


@pytest.mark.parametrize(
    ("ended", "how", "words"),
    [
        (Exit(None, 9, ()), {}, "was killed by the system (SIGKILL)"),
        (Exit(None, 11, ()), {}, "crashed (SIGSEGV)"),
        (Exit(None, 9, ()), {"hung": True}, "no longer answered"),
        (Exit(None, 9, ()), {"mute": True}, "did not answer after its start"),
        (
            Exit(1, None, ("nginx: [emerg] bind() to 127.0.0.1:1935 failed (98: Address already in use)",)),
            {},
            "another program has taken its port",
        ),
        (
            Exit(1, None, ("nginx: [emerg] no such directive",)),
            {},
            "ended with an error (exit code 1: nginx:",
        ),
        (Exit(0, None, ()), {}, "ended by somebody else"),
    ],
)
def test_why_it_ended_is_said_in_plain_words(ended: Exit, how: dict[str, bool], words: str) -> None:
    said = sentence("nginx", ended, **how)
    assert words in said
    assert said.startswith("nginx ") and said.endswith(".")


def test_it_is_said_who_ended() -> None:
    assert sentence("Janus", Exit(None, 9, ())) == "Janus was killed by the system (SIGKILL)."


def test_after_ends_in_a_row_the_breaker_opens_and_it_is_tried_seldom_until_it_lives_well() -> None:
    record = Record(lambda: 0.0)
    assert record.trouble() == ""
    waits = [record.note(1e9 + n, 1.0, "It died.", Exit(1, None, ())) for n in range(10)]
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 30.0, 30.0, 30.0]
    assert record.open
    assert record.trouble() == "It died. That happened 10 times in a row; it is tried every 30 s."
    assert record.note(2e9, 31.0, "It died again.", None) == 0.0
    assert (record.open, record.in_a_row) == (False, 1)
    assert record.trouble() == "It died again. It is being started again."


def test_only_its_last_ends_are_remembered() -> None:
    record = Record(lambda: 0.5)
    for n in range(KEPT + 5):
        record.note(float(n), 0.25, "It died.", Exit(None, 9, ()))
    assert len(record.ends) == KEPT
    last = {"at": 24.0, "lifetime": 0.25, "sentence": "It died.", "exit": "killed by SIGKILL"}
    assert record.ends[-1].as_dict() == last


def test_starts_are_spread_further_and_further_up_to_a_bound() -> None:
    waits = [0.0]
    for _ in range(8):
        waits.append(longer(waits[-1], random=0.0))
    assert waits[1:] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


@given(st.floats(0, 100), st.floats(0, 1))
def test_chance_takes_away_up_to_half_of_a_wait(wait: float, chance: float) -> None:
    assert longer(wait, 0.0) / 2 <= longer(wait, chance) <= longer(wait, 0.0) <= 5.0
