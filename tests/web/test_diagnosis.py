"""Diagnosis is for those who manage a channel."""

from __future__ import annotations

import io
import tarfile

import structlog
from structlog.contextvars import merge_contextvars

from tests.web.world import World


def test_a_manager_sees_no_address_and_an_admin_does(world: World) -> None:
    channel = world.channel()
    found = world.broadcasts.find(channel.broadcast)
    assert found
    found.story.visits[0].address = "192.0.2.99"
    path = f"/broadcasts/{channel.broadcast}/diagnosis"
    told = {who: world.ask(who, "GET", path).json() for who in ("owner", "root")}
    assert [told[who]["publishers"][0]["address"] for who in told] == [None, "192.0.2.99"]
    assert told["owner"]["timeline"][0]["event"] == "started"


def test_the_archive_is_a_file_to_keep(world: World) -> None:
    name = world.channel().broadcast
    answer = world.ask("owner", "GET", f"/broadcasts/{name}/diagnosis.tar.gz")
    assert answer.headers["content-type"] == "application/gzip"
    assert answer.headers["content-disposition"] == f'attachment; filename="ingestd-{name}.tar.gz"'
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        assert f"ingestd-{name}/diagnosis.json" in tar.getnames()


def test_what_is_not_there_has_none(world: World) -> None:
    for path in ("diagnosis", "diagnosis.tar.gz"):
        assert world.ask("root", "GET", f"/broadcasts/none/{path}").status_code == 404
        assert world.ask("anonymous", "GET", f"/broadcasts/none/{path}").status_code == 401


def test_who_asks_stands_on_the_lines_of_a_request_and_an_error_has_its_id(world: World) -> None:
    seen: list[dict[str, object]] = []

    def note(_channel: str) -> None:
        seen.append(structlog.contextvars.get_contextvars())

    channel = world.channel()
    app = world.make_app(world.make_context(source=note))
    answer = world.ask("owner", "GET", f"/channels/{channel.name}/source", app=app)
    assert seen == [{"request_id": answer.headers["X-Request-Id"], "user": world.users["owner"].id}]
    with structlog.testing.capture_logs(processors=[merge_contextvars]):
        missing = world.ask("owner", "GET", "/broadcasts/none/diagnosis")
    assert len(missing.headers["X-Request-Id"]) == 16
