"""Measuring an upload costs the server little, whoever asks for it how often."""

from __future__ import annotations

import pytest

from ingestd.errors import Code, Refused
from ingestd.web.api.trials import MOST_BYTES, Trials


def refused(trials: Trials, channel: str, now: float) -> int:
    """Seconds after which to come back."""
    with pytest.raises(Refused) as caught, trials.piece(channel, now):
        pass
    assert caught.value.refusal.code is Code.TOO_MANY
    return caught.value.refusal.retry_after


def test_one_at_a_time_of_a_channel_and_few_of_all() -> None:
    trials = Trials()
    with trials.piece("a", 0):
        assert refused(trials, "a", 0) > 0
        with trials.piece("b", 0), trials.piece("c", 0), trials.piece("d", 0):
            assert refused(trials, "e", 0) > 0
        with trials.piece("e", 0):
            pass
    with trials.piece("a", 0):
        pass


def test_so_many_bytes_a_minute() -> None:
    trials = Trials()
    for second in range(8):
        with trials.piece("a", second):
            trials.count("a", MOST_BYTES, second)
    assert refused(trials, "a", 20) == 40
    with trials.piece("b", 20):
        pass
    with trials.piece("a", 61):
        pass


def test_one_that_fails_is_over() -> None:
    trials = Trials()
    with pytest.raises(ValueError), trials.piece("a", 0):
        raise ValueError
    with trials.piece("a", 0):
        pass
