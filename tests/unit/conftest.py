"""Unit tests of the delivery side write segments by hand, which say in words when they begin."""

from __future__ import annotations

import pytest

from ingestd.delivery import transport_stream
from tests.unit import nginx_output


@pytest.fixture(autouse=True)
def _segments_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_stream, "examine", nginx_output.examine)
