"""Bandwidths as RFC 8216 §4.1 defines them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.delivery.measured import Measured

_TARGET = 2
_SEGMENTS = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(1, 30).map(lambda tenths: tenths / 8)), max_size=25
)


def measured(segments: list[tuple[int, float]]) -> Measured:
    made = Measured()
    for size, duration in segments:
        made.add(size, duration, _TARGET)
    return made


def test_the_average_is_of_all_seconds() -> None:
    assert measured([(1000, 1.0), (3000, 3.0), (0, 4.0)]).average == pytest.approx(4000)
    assert Measured().average == 0.0


@settings(deadline=None)
@given(_SEGMENTS)
def test_the_peak_is_that_of_the_heaviest_run_of_about_a_target_duration(
    segments: list[tuple[int, float]],
) -> None:
    runs = [segments[i:j] for i in range(len(segments)) for j in range(i + 1, len(segments) + 1)]
    lasting = [(sum(size for size, _ in run), sum(Fraction(time) for _, time in run)) for run in runs]
    rates = [
        size * 8 / time
        for (size, time), run in zip(lasting, runs, strict=True)
        if time >= _TARGET / 2 and (time <= _TARGET * 3 / 2 or len(run) == 1)
    ]
    assert measured(segments).peak == pytest.approx(float(max(rates, default=0)))
