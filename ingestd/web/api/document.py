"""The OpenAPI document, with every status that can occur."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ingestd.web.api.models import Error

_UNSAFE = ("post", "put", "patch", "delete")
_FRAMEWORKS = ("HTTPValidationError", "ValidationError")  # shapes of errors that we never answer with

_MEANING = {
    400: "What was sent does not fit this document.",
    401: "Nobody is signed in, or the token is not good.",
    403: "Not allowed, the token was revoked, or the request came from a page of another site.",
    404: "There is no such thing.",
    408: "The body did not come in time.",
    409: "It exists already, is in use, or was changed by somebody else meanwhile.",
    413: "The body is too large.",
    429: "Too many wrong attempts, or event streams of one address; Retry-After says when to come back.",
    500: "The server made a mistake.",
    501: "There is no such format.",
    503: "The database does not answer now; or so many event streams are open that it takes no more.",
}
FOR_ANYBODY: dict[str, Any] = {"security": [{}]}
"""``openapi_extra`` of what needs no credentials, and shows more to some who have."""

_RETRY_AFTER = {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The statuses of one endpoint, for its ``responses``; those of all are added by themselves."""
    return {status: {"model": Error} for status in statuses}


def describe(app: FastAPI) -> None:
    """Have ``app`` tell the truth about itself."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                servers=app.servers,
            )
            for path in made["paths"].values():
                for method, operation in path.items():
                    _complete(method, operation)
            for name in _FRAMEWORKS:
                made["components"]["schemas"].pop(name, None)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _complete(method: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    answers.pop("422", None)  # faults of a path are 404, all others 400
    statuses = {401, 403, 429, 500, 503}
    if method in _UNSAFE:
        statuses |= {408, 409, 413}
    queried = any(parameter["in"] != "path" for parameter in operation.get("parameters", ()))
    if queried or "requestBody" in operation:
        statuses.add(400)
    for status in statuses:
        answers.setdefault(str(status), {})
    for status, answer in answers.items():
        if int(status) >= 400:  # also where what is fetched is no JSON
            answer["content"] = {"application/json": {"schema": _ERROR}}
        for media in answer.get("content", {}).values():
            if "itemSchema" in media:  # what streams has no whole
                media.pop("schema", None)
        if int(status) in _MEANING:
            answer["description"] = _MEANING[int(status)]
    answers["429"]["headers"] = {"Retry-After": _RETRY_AFTER}


_ERROR = {"$ref": "#/components/schemas/Error"}
