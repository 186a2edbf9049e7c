"""What ``ingestd status`` makes of answers that are none of ingestd's."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ingestd.cli.status import _look
from ingestd.errors import IngestdError

URL = "http://127.0.0.1:4000"
READY = {"ready": True, "reasons": []}
NONE: dict[str, Any] = {"broadcasts": []}


def look(answers: dict[str, Any], status: int = 200, token: str = "") -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        found = answers.get(request.url.path, answers.get("*"))
        return httpx.Response(status, json=found)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        return _look(client, URL, token, "")


@pytest.mark.parametrize(
    "answers",
    [
        {"*": {}},
        {"*": {"status": "ok"}},
        {"*": {"reasons": "none"}},
        {"*": {"reasons": [], "broadcasts": {"demo": "live"}}},
        {"/readyz": READY, "/api/v1/broadcasts": {"broadcasts": [1]}},
        {"/readyz": READY, "/api/v1/broadcasts": {"broadcasts": [{"channel": "demo"}]}},
        {"/readyz": READY, "/api/v1/broadcasts": {"data": []}},
        {"/readyz": READY, "/api/v1/broadcasts": []},
        {"/readyz": READY, "/api/v1/broadcasts": NONE, "*": {}},
        {"/readyz": READY, "/api/v1/broadcasts": NONE, "*": {"cpu": [], "machine": {}}},
        {"/readyz": READY, "/api/v1/broadcasts": NONE, "*": {"cpu": [], "machine": None}},
    ],
    ids=str,
)
def test_a_json_server_that_is_no_ingestd_is_told_plainly(answers: dict[str, Any]) -> None:
    with pytest.raises(IngestdError, match="answers, but not as ingestd does"):
        look(answers, token="a token")


@pytest.mark.parametrize("error", [{"detail": "no"}, {}])
def test_an_error_of_somebody_else_is_told_plainly(error: dict[str, str]) -> None:
    with pytest.raises(IngestdError, match="answers, but not as ingestd does"):
        look({"*": {"error": error}}, status=404)


def test_what_ingestd_answers_is_taken() -> None:
    found = look({"/readyz": READY, "/api/v1/broadcasts": NONE})
    assert found.ready and found.broadcasts == ()
