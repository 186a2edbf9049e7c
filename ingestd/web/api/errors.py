"""Every error of the API has one shape: ``{"error": {"code", "message"}}``, perhaps with ``retry_after``."""

from __future__ import annotations

import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from ingestd.errors import Code, Refusal, Refused

MISTAKE = Refusal(Code.INTERNAL, "The server made a mistake; its log says more.")
_NOTHING_HERE = Refusal(Code.NOT_FOUND, "There is nothing at this address.")
_NO_JSON = Refusal(Code.MALFORMED, "The body is not a JSON object, or Content-Type is not application/json.")
_HALF = Refusal(Code.MALFORMED, "The body did not come to its end.")
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_SAID = 200  # characters of a key that a client made up and we repeat


class Limited(Refused):
    """Too many wrong attempts; ``seconds`` until the next is heard."""

    def __init__(self, seconds: float) -> None:
        later = max(1, math.ceil(seconds))
        super().__init__(Refusal(Code.TOO_MANY, f"Too many wrong attempts; try again in {later} s.", later))


def answer_errors(app: FastAPI) -> None:
    """Give ``app`` a handler for everything that can be raised."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, mistake)


def refused(refusal: Refusal) -> JSONResponse:
    """A refusal as an answer; with 401 goes the scheme that would help (RFC 9110 §11.6.1)."""
    scheme = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
    return JSONResponse(refusal.body(), refusal.status, scheme | refusal.headers())


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refused(error.refusal)


async def _gone(_request: Request, _error: Exception) -> Response:
    """Whoever sent a body went away before its end: nobody hears the answer, and nobody made a mistake."""
    return refused(_HALF)


async def _not_valid(_request: Request, error: Exception) -> Response:
    """What was sent does not fit the document. A path that cannot exist is simply not there."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["loc"][0] == "path":
        return refused(_NOTHING_HERE)
    if first["type"] == "json_invalid" or first["loc"] == ("body",):
        return refused(_NO_JSON)
    return refused(Refusal(Code.INVALID, _words(first)))


def _words(fault: dict[str, Any]) -> str:
    """Where and why, without the value: it may be a password."""
    place = ".".join(str(part)[:_SAID] for part in fault["loc"][1:])
    return f"{place}: {fault['msg']}.".encode(errors="replace").decode()


async def http_error(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such address, no such method, no JSON."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return refused(_NOTHING_HERE)
    code = Code.MALFORMED.value if error.status_code == 400 else "http_error"
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    body = {"error": {"code": code, "message": error.detail}}
    return JSONResponse(body, error.status_code, headers)


def _methods(request: Request) -> list[str]:
    """What this address knows: several routes share one, and each names its own methods only."""
    routes = request.app.routes

    def known(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in routes)

    return [method for method in _METHODS if known(method)]


async def mistake(_request: Request, _error: Exception) -> Response:
    """Ours. The exception goes on to the log; nothing of it goes to the client."""
    return refused(MISTAKE)
