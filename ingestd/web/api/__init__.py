"""``/api/v1``: one module for each resource; who may do what stands in ``guard``."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from ingestd.web.api import (
    account,
    audit,
    broadcasts,
    channels,
    diagnosis,
    keys,
    oembed,
    overview,
    pictures,
    publishing,
    server,
    session,
    sessions,
    stats,
    targets,
    tokens,
    users,
)
from ingestd.web.api.context import ApiContext
from ingestd.web.api.document import describe
from ingestd.web.api.errors import answer_errors

__all__ = ["ApiContext", "api"]

ROOT = "/api/v1"


def api(context: ApiContext) -> FastAPI:
    """The application to be mounted at ``/api/v1``, with its OpenAPI document and no pages."""
    app = FastAPI(
        title="ingestd",
        version="1",
        description="People, channels, stream keys, tokens and broadcasts of one installation.",
        servers=[{"url": ROOT}],
        root_path_in_servers=False,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.context = context
    for module in (
        session,
        account,
        users,
        sessions,
        channels,
        pictures,
        publishing,
        oembed,
        keys,
        tokens,
        targets,
        broadcasts,
        diagnosis,
        audit,
        overview,
        server,
        stats,
    ):
        app.include_router(module.router)
    answer_errors(app)
    describe(app)
    if context.origins.urls:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=context.origins.urls,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Ingestd"],
            allow_credentials=True,
        )
    return app
