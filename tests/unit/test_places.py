"""How many may be there at once."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from ingestd.errors import Code, Refusal, Refused
from ingestd.ingest.places import Places

FULL, YOURS = Refusal(Code.NO_CAPACITY, "Full.", 5), Refusal(Code.TOO_MANY, "Yours.", 7)


def refused(places: Places, address: str) -> Refusal | None:
    try:
        with places.place(address):
            return None
    except Refused as error:
        return error.refusal


def test_so_many_in_all_and_so_many_of_one_address() -> None:
    places = Places(3, 2, FULL, YOURS)
    with ExitStack() as stack:
        stack.enter_context(places.place("192.0.2.1"))
        second = stack.enter_context(ExitStack())
        second.enter_context(places.place("192.0.2.1"))
        assert refused(places, "192.0.2.1") is YOURS
        with places.place("192.0.2.2"):
            assert refused(places, "192.0.2.3") is FULL
            assert refused(places, "192.0.2.1") is YOURS
        second.close()
        assert refused(places, "192.0.2.1") is None
    assert refused(places, "192.0.2.1") is None


def test_who_has_one_ipv6_address_has_many() -> None:
    places = Places(9, 1, FULL, YOURS)
    with places.place("2001:db8::1"):
        assert refused(places, "2001:db8::2") is YOURS
        assert refused(places, "2001:db8:0:1::1") is None


def test_a_place_is_free_again_after_a_fault() -> None:
    places = Places(1, 1, FULL, YOURS)
    with pytest.raises(ValueError), places.place("192.0.2.1"):
        raise ValueError
    assert refused(places, "192.0.2.1") is None
