"""What nginx asks: may this viewer have a file of that channel?"""

from __future__ import annotations

import pytest

from ingestd.accounts.model import Scope
from tests.web.world import INTERNAL, Channel, World

WATCH = f"/internal/{INTERNAL}/watch"


@pytest.fixture(scope="module")
def private(world: World) -> Channel:
    return world.channel(private=True)


def watch(world: World, channel: str, who: str = "nobody", **headers: str) -> int:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return world.ask(who, "GET", WATCH, headers={"X-Channel": channel} | sent).status_code


def test_only_who_knows_the_secret_may_ask(world: World, private: Channel) -> None:
    for secret in ("wrong", INTERNAL + "x", "%E2%82%AC"):
        answer = world.ask("root", "GET", f"/internal/{secret}/watch", headers={"X-Channel": private.name})
        assert answer.status_code == 404


def test_a_public_channel_is_open_and_one_that_is_not_there_is_not(world: World) -> None:
    assert watch(world, world.channel().name) == 204
    assert watch(world, "nobody") == 403
    assert watch(world, "") == 403


def test_a_private_channel_opens_to_its_tokens(world: World, private: Channel) -> None:
    mine, another = world.token(Scope.WATCH, private.name), world.token(Scope.WATCH, world.channel().name)
    assert watch(world, private.name) == 401
    assert watch(world, private.name, X_Token=mine) == 204
    assert watch(world, private.name, X_Token="", Authorization=f"Bearer {mine}") == 204
    assert watch(world, private.name, X_Token=another, Authorization=f"Bearer {mine}") == 204
    assert watch(world, private.name, X_Token=another) == 403
    assert watch(world, private.name, X_Token="wrong") == 401
    assert watch(world, private.name, X_Token=private.key) == 401, "a stream key is no token"


def test_and_to_who_is_signed_in_and_may_publish(world: World, private: Channel) -> None:
    found = {who: watch(world, private.name, who) for who in ("other", "publisher", "owner", "root")}
    assert found == {"other": 401, "publisher": 204, "owner": 204, "root": 204}
    assert watch(world, private.name, "owner", X_Token="wrong") == 204


def test_wrong_tokens_lock_nobody_out(world: World, private: Channel) -> None:
    mine = world.token(Scope.WATCH, private.name)
    for _ in range(30):
        assert watch(world, private.name, X_Token="wrong") == 401
    assert watch(world, private.name, X_Token=mine) == 204
