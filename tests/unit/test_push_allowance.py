"""How much somebody may ask of us."""

from __future__ import annotations

import pytest

from ingestd.push.allowance import Allowance
from ingestd.push.amf import Malformed


def test_so_much_a_second_and_some_at_once() -> None:
    made = Allowance(10, 50)
    made.take(50, 7.0)
    for second in range(100):
        made.take(10, 8.0 + second)
    with pytest.raises(Malformed):
        made.take(1, 107.0)


def test_no_more_is_saved_up_than_may_be_taken_at_once() -> None:
    made = Allowance(10, 50)
    made.take(0, 0.0)
    made.take(50, 1000.0)
    with pytest.raises(Malformed):
        made.take(1, 1000.0)
