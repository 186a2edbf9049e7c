"""Who may watch by WHEP, and for how long. What they see then takes a Janus (tests/webrtc)."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from ingestd.accounts.model import Scope
from ingestd.errors import Code, Refusal, Refused
from ingestd.web import whep
from tests.web.world import CLIENT, SELF, Channel, World


def request(world: World, channel: Channel, who: str, **headers: str) -> Request:
    sent = {name.lower(): value for name, value in (world.credentials(who) | headers).items()}
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": f"/whep/{channel.name}"}
    scope |= {"headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]}
    return Request(scope | {"path_params": {"channel": channel.name}, "client": (CLIENT, 4000)})


def watcher(world: World, channel: Channel, who: str, **headers: str) -> whep._Watcher:
    return whep._Watcher(world.context, request(world, channel, who, **headers))


def refused(world: World, one: whep._Watcher) -> Code | None:
    found: Refusal | None = world.do(one.refusal())
    return found.code if found else None


def test_a_viewer_is_an_address_with_a_user_agent_as_in_nginx_s_lines(world: World) -> None:
    one = watcher(world, world.channel(), "nobody", **{"User-Agent": "VLC é"})
    assert one.who == f"{CLIENT} VLC é".encode("latin-1")


def test_a_public_channel_is_for_everybody_and_a_private_one_for_a_token(world: World) -> None:
    public, private = world.channel(), world.channel(private=True)
    assert refused(world, watcher(world, public, "nobody")) is None
    assert refused(world, watcher(world, private, "nobody")) is Code.TOKEN_MISSING
    assert refused(world, watcher(world, private, "other")) is not None
    assert refused(world, watcher(world, private, "publisher")) is None
    token = world.token(Scope.WATCH, private.name)
    assert refused(world, watcher(world, private, "nobody", Authorization=f"Bearer {token}")) is None


def test_whoever_signs_out_watches_no_longer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    private, person = world.channel(private=True), world.person()
    world.do(world.accounts.channels.allow(SELF, private.name, person))
    one = watcher(world, private, person)
    assert refused(world, one) is None
    assert world.ask(person, "DELETE", "/session").status_code == 204
    assert refused(world, one) is None  # for a few seconds that is believed
    monkeypatch.setattr(whep, "_BELIEVED_SECONDS", 0.0)
    assert refused(world, one) is Code.TOKEN_MISSING


def test_while_the_database_does_not_answer_nobody_is_sent_away_and_nobody_let_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = world.channel(private=True)
    inside, outside = (watcher(world, private, "owner") for _ in range(2))
    assert refused(world, inside) is None
    monkeypatch.setattr(whep, "_BELIEVED_SECONDS", 0.0)

    async def away(*_: Any) -> Any:
        raise Refused(Refusal(Code.UNAVAILABLE, "The database does not answer."))

    monkeypatch.setattr(whep, "by_session", away)
    assert refused(world, inside) is None
    with pytest.raises(Refused):
        world.do(outside.refusal())
