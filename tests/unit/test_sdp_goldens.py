"""What is made of the offers of real clients: golden files. See tests/webrtc/goldens.py."""

from __future__ import annotations

import pytest

from tests.webrtc.goldens import FOLDER, OFFERS, made

MADE = {".publish", ".answer", ".wanted", ".bridged"}


@pytest.mark.parametrize("name", OFFERS)
def test_what_is_made_of_an_offer_is_the_golden_one(name: str) -> None:
    found = {suffix: (FOLDER / f"{name}.{suffix}").read_bytes().decode() for suffix in made(name)}
    assert made(name) == found


def test_every_golden_file_belongs_to_an_offer() -> None:
    made_of_them = {f"{name}.{suffix}" for name in OFFERS for suffix in made(name)}
    assert {path.name for path in FOLDER.iterdir() if path.suffix in MADE} == made_of_them
