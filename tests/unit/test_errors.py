"""The table of refusals: close codes, HTTP statuses, and what fits into a close frame."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.errors import ANSWERS, Code, IngestdError, Refusal, Refused, SettingsError, StartError

# What other programs rely on, beside the HTTP status of a refusal before the upgrade.
CLOSE_CODES = {
    4400: {Code.MALFORMED, Code.INVALID},
    4401: {Code.UNAUTHENTICATED, Code.TOKEN_MISSING, Code.TOKEN_EXPIRED},
    4403: {Code.FORBIDDEN},
    4404: {Code.NO_SUCH_CHANNEL, Code.NO_SUCH_BROADCAST, Code.NOT_FOUND},
    4408: {Code.TIMEOUT},
    4409: {Code.CONFLICT, Code.EXISTS},
    4413: {Code.TOO_LARGE},
    4415: {Code.UNSUPPORTED},
    4429: {Code.TOO_MANY},
    1011: {Code.INTERNAL},
    1012: {Code.RESTARTING},
    1013: {Code.NO_CAPACITY, Code.UNAVAILABLE},
}


def test_every_code_has_its_answers() -> None:
    assert set(ANSWERS) == set(Code)


def test_close_codes_are_the_documented_ones() -> None:
    found: dict[int, set[Code]] = {}
    for code in Code:
        found.setdefault(Refusal(code, "").close_code, set()).add(code)
    assert found == CLOSE_CODES


@pytest.mark.parametrize("code", Code)
def test_a_close_code_of_ours_is_the_status_and_4000(code: Code) -> None:
    refusal = Refusal(code, "")
    if refusal.close_code >= 4000:
        assert refusal.close_code == 4000 + refusal.status
    else:
        assert refusal.status in (500, 503)


def test_a_refused_request_says_code_and_message() -> None:
    said = Refusal(Code.CONFLICT, "The channel is live.").body()
    assert said == {"error": {"code": "already_live", "message": "The channel is live."}}


def test_a_refusal_for_want_of_room_says_when_to_come_back() -> None:
    refusal = Refusal(Code.NO_CAPACITY, "Full.", 15)
    assert refusal.body() == {"error": {"code": "no_capacity", "message": "Full.", "retry_after": 15}}
    assert refusal.headers() == {"Retry-After": "15"}
    assert Refusal(Code.NO_CAPACITY, "Full.").headers() == {}


def test_a_short_message_is_the_whole_close_reason() -> None:
    assert Refusal(Code.TIMEOUT, "Zu spät.").close_reason == "Zu spät."


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_a_close_reason_is_cut_between_characters(width: int) -> None:
    character = {1: "x", 2: "ä", 3: "€", 4: "🎬"}[width]
    reason = Refusal(Code.TIMEOUT, "." + character * 200).close_reason
    assert reason == "." + character * (122 // width)


@given(st.text(max_size=300))
def test_a_close_reason_is_a_beginning_of_the_message_that_fits(message: str) -> None:
    reason = Refusal(Code.MALFORMED, message).close_reason
    assert message.startswith(reason)
    assert len(reason.encode()) <= 123
    assert reason == message or len(message[: len(reason) + 1].encode()) > 123


def test_a_refusal_that_is_raised_keeps_what_it_says() -> None:
    refusal = Refusal(Code.NO_CAPACITY, "Full.")
    assert (str(Refused(refusal)), Refused(refusal).refusal) == ("Full.", refusal)


@pytest.mark.parametrize("kind", [SettingsError, StartError, Refused])
def test_all_errors_are_of_one_tree(kind: type[Exception]) -> None:
    assert issubclass(kind, IngestdError)
