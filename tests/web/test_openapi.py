"""The OpenAPI document is true: schemathesis asks everything in it, with data that fits and that does not."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, settings, strategies
from PIL import Image
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingestd.accounts.failures import Failures
from ingestd.ingest.origin import Origins
from ingestd.web.api import ApiContext, api
from tests.web.test_pictures import encoded
from tests.web.world import CLIENT, SELF, World, installation

DOCUMENT = api(cast(ApiContext, SimpleNamespace(origins=Origins()))).openapi()
REAL = {"channel": ["one", "two", "nobody"], "user": ["one", "two", "nobody"]}


def with_real_names(document: dict[str, Any]) -> dict[str, Any]:
    """The same, but asking mostly for what there is: made-up names find nothing behind them."""
    found = copy.deepcopy(document)
    for path in found["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path" and parameter["name"] in REAL:
                    parameter["schema"] = {"type": "string", "enum": REAL[parameter["name"]]}
    return found


class Bridge:
    """The application, asked from the event loop that schemathesis brings along."""

    world: World
    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        here = asyncio.get_running_loop()

        async def take() -> Message:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_await(receive()), here))

        async def give(message: Message) -> None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_await(send(message)), here))

        if scope["type"] == "http":
            asked = self.app({**scope, "client": (CLIENT, 1)}, take, give)
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_await(asked), self.world.loop))


async def _await(awaitable: Any) -> Any:
    return await awaitable


for kind in ("JPEG", "PNG", "WEBP"):
    small = encoded(Image.new("RGB", (9, 9)), kind)
    schemathesis.openapi.media_type(f"image/{kind.lower()}", strategies.just(small))

schemathesis.openapi.media_type("application/octet-stream", strategies.just(bytes(99)))

bridge = Bridge()
schema = schemathesis.openapi.from_dict(with_real_names(DOCUMENT))
schema.app = bridge
# One that is no operation's for each path, instead of every one: they all meet the same answer.
schema.config.phases.coverage.unexpected_methods = {"trace"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """With channels and users that may be changed and deleted, and room for any number of mistakes."""
    with installation(tmp_path_factory.mktemp("openapi")) as made:
        bridge.world = made
        bridge.app = made.make_app(made.make_context(failures=Failures(10**6)))
        for name in ("one", "two"):
            made.person(name)
            made.do(made.accounts.channels.create(SELF, name, "A title"))
        made.broadcasts.closing = True  # so that an event stream ends after its snapshot
        yield made


@schema.parametrize()
@settings(
    max_examples=1,  # beside those at the bounds of each schema, which schemathesis makes anyway
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_the_document_says(case: schemathesis.Case[Any], world: World) -> None:
    if case.operation.label == "DELETE /session":
        world.sign_in("root")
    headers = {"Origin": "http://testserver", "X-Ingestd": "1"}
    case.call_and_validate(headers=headers, cookies={"ingestd_session": world.cookies["root"]})
