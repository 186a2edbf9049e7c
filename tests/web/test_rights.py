"""Who may do what: every endpoint, asked by everybody."""

from __future__ import annotations

from typing import Any

import pytest

from ingestd.accounts.model import Role, Scope
from ingestd.push import allowed
from tests.web.world import Channel, World

EVERYBODY = ("anonymous", "other", "publisher", "owner", "root", "token")
NEW_TARGET = {"url": "rtmp://live.example.net/app", "key": "their-secret-key", "rendition": "720p"}

Ask = tuple[str, str, Any, tuple[int, ...]]
ADMIN = (401, 403, 403, 403)
MANAGER = (401, 403, 403)
# method, path, body; what EVERYBODY gets
MATRIX: list[Ask] = [
    ("GET", "/session", None, (200,) * 6),
    ("DELETE", "/session", None, (204,) * 6),
    ("GET", "/account/sessions", None, (401, 200, 200, 200, 200, 403)),
    ("DELETE", "/account/sessions", None, (401, 204, 204, 204, 204, 403)),
    ("DELETE", "/account/sessions/0123456789abcdef", None, (401, 404, 404, 404, 404, 403)),
    ("PUT", "/account/password", {"current": "wrong", "new": "long enough"}, (401, 403, 403, 403, 403, 403)),
    ("GET", "/users", None, (*ADMIN, 200, 200)),
    ("POST", "/users", {"name": "{fresh}", "password": "long enough", "role": "admin"}, (*ADMIN, 201, 201)),
    ("PATCH", "/users/{user}", {"role": "admin"}, (*ADMIN, 200, 200)),
    ("PATCH", "/users/nobody", {"disabled": True}, (*ADMIN, 404, 404)),
    ("DELETE", "/users/{user}", None, (*ADMIN, 204, 204)),
    ("GET", "/users/{user}/sessions", None, (*ADMIN, 200, 200)),
    ("GET", "/users/nobody/sessions", None, (*ADMIN, 404, 404)),
    ("DELETE", "/users/{user}/sessions", None, (*ADMIN, 204, 204)),
    ("DELETE", "/users/{user}/sessions/0123456789abcdef", None, (*ADMIN, 404, 404)),
    ("GET", "/channels", None, (200,) * 6),
    ("POST", "/channels", {"name": "{fresh}", "title": "A title"}, (401, 201, 201, 201, 201, 201)),
    ("GET", "/channels/{public}", None, (200,) * 6),
    ("GET", "/channels/{private}", None, (401, 403, 200, 200, 200, 200)),
    ("GET", "/channels/nobody", None, (404,) * 6),
    ("PATCH", "/channels/{public}", {"title": "Another"}, (*MANAGER, 200, 200, 200)),
    ("PATCH", "/channels/{public}", {"owner": "other"}, (*MANAGER, 403, 200, 200)),
    ("PATCH", "/channels/nobody", {"title": "Another"}, (401, 404, 404, 404, 404, 404)),
    ("DELETE", "/channels/{public}", None, (*MANAGER, 204, 204, 204)),
    ("GET", "/channels/{public}/picture", None, (404,) * 6),
    ("GET", "/channels/{private}/picture", None, (401, 403, 404, 404, 404, 404)),
    ("PUT", "/channels/{public}/picture", None, (*MANAGER, 400, 400, 400)),
    ("DELETE", "/channels/{public}/picture", None, (*MANAGER, 200, 200, 200)),
    ("GET", "/channels/{public}/publishers", None, (*MANAGER, 200, 200, 200)),
    ("PUT", "/channels/{public}/publishers/other", None, (*MANAGER, 204, 204, 204)),
    ("PUT", "/channels/{public}/publishers/nobody", None, (*MANAGER, 404, 404, 404)),
    ("DELETE", "/channels/{public}/publishers/publisher", None, (*MANAGER, 204, 204, 204)),
    ("GET", "/channels/{public}/source", None, (401, 403, 200, 200, 200, 200)),
    ("GET", "/channels/{public}/readiness", None, (401, 403, 200, 200, 200, 200)),
    ("PUT", "/channels/{public}/upload-test", None, (401, 403, 409, 409, 409, 409)),  # it is live
    ("GET", "/channels/{public}/keys", None, (*MANAGER, 200, 200, 200)),
    ("POST", "/channels/{public}/keys", {"label": "vMix"}, (*MANAGER, 201, 201, 201)),
    ("DELETE", "/channels/{public}/keys/{key}", None, (*MANAGER, 204, 204, 204)),
    ("DELETE", "/channels/{private}/keys/{key}", None, (*MANAGER, 404, 404, 404)),
    ("POST", "/channels/{public}/keys/{key}/regenerate", None, (*MANAGER, 200, 200, 200)),
    ("POST", "/channels/{private}/keys/{key}/regenerate", None, (*MANAGER, 404, 404, 404)),
    ("POST", "/channels/{public}/tokens", {"scope": "publish"}, (401, 403, 201, 201, 201, 201)),
    ("POST", "/channels/{public}/tokens", {"scope": "watch"}, (401, 403, 201, 201, 201, 201)),
    ("POST", "/tokens", {"scope": "admin"}, (*ADMIN, 201, 201)),
    ("DELETE", "/tokens/0123456789abcdef", None, (*ADMIN, 204, 204)),
    ("DELETE", "/tokens/{token_of_public}", None, (*MANAGER, 204, 204, 204)),
    ("GET", "/channels/{public}/targets", None, (*MANAGER, 200, 200, 200)),
    ("POST", "/channels/{public}/targets", NEW_TARGET, (*MANAGER, 201, 201, 201)),
    ("PATCH", "/channels/{public}/targets/{target}", {"enabled": False}, (*MANAGER, 200, 200, 200)),
    ("PATCH", "/channels/{private}/targets/{target}", {"enabled": False}, (*MANAGER, 404, 404, 404)),
    ("DELETE", "/channels/{public}/targets/{target}", None, (*MANAGER, 204, 204, 204)),
    ("GET", "/broadcasts", None, (200,) * 6),
    ("GET", "/broadcasts/{public_broadcast}", None, (200,) * 6),
    ("GET", "/broadcasts/{private_broadcast}", None, (404, 404, 200, 200, 200, 200)),
    ("GET", "/broadcasts/{public_broadcast}/generations", None, (200,) * 6),
    ("GET", "/broadcasts/{private_broadcast}/generations", None, (404, 404, 200, 200, 200, 200)),
    ("GET", "/broadcasts/{public_broadcast}/diagnosis", None, (*MANAGER, 200, 200, 200)),
    ("GET", "/broadcasts/{public_broadcast}/diagnosis.tar.gz", None, (*MANAGER, 200, 200, 200)),
    ("GET", "/server", None, (*ADMIN, 200, 200)),
    ("GET", "/stats", None, (*ADMIN, 200, 200)),
    ("GET", "/overview", None, (*ADMIN, 200, 200)),
    ("GET", "/audit", None, (*ADMIN, 200, 200)),
    ("GET", "/audit?channel={public}", None, (*MANAGER, 200, 200, 200)),
    ("GET", "/audit?channel=nobody", None, (401, 404, 404, 404, 404, 404)),
]
ELSEWHERE = {("post", "/session"), ("get", "/events"), ("get", "/oembed")}
"""In test_session, test_broadcasts, test_oembed."""


def test_the_matrix_is_whole(world: World) -> None:
    found = {world.operation(method, path.partition("?")[0]) for method, path, _, _ in MATRIX}
    paths = world.document["paths"]
    assert found | ELSEWHERE == {(method, path) for path in paths for method in paths[path]}


@pytest.fixture(scope="module")
def private(world: World) -> Channel:
    return world.channel(private=True)


@pytest.mark.parametrize("ask", MATRIX, ids=lambda ask: f"{ask[0]} {ask[1]}")
def test_everybody_gets_the_answer_that_is_theirs(ask: Ask, world: World, private: Channel) -> None:
    method, path, body, statuses = ask
    names: dict[str, str] = {}
    for who, status in zip(EVERYBODY, statuses, strict=True):
        if not names or (status < 300 and method != "GET"):  # the one before may have changed it
            names = _names(world, private, path)
        answer = world.ask(who, method, path.format(**names), _filled(body, names))
        assert answer.status_code == status, (who, answer.text)
        if (method, path) == ("DELETE", "/session") and who in world.users:
            world.sign_in(who)


@pytest.mark.parametrize("scope", [Scope.WATCH, Scope.PUBLISH])
def test_a_token_of_another_scope_administers_nothing(scope: Scope, world: World, private: Channel) -> None:
    bearer = {"Authorization": f"Bearer {world.token(scope, private.name)}"}
    names = {"public": private.name, "private": private.name, "key": private.key_id, "fresh": world.fresh()}
    names |= {"target": "0123456789abcdef", "user": "other", "public_broadcast": private.broadcast}
    names |= {"token_of_public": "0123456789abcdef"}
    for method, path, body, statuses in MATRIX:
        if statuses[0] == 401 and path not in (
            "/channels/{private}",
            "/channels/{private}/picture",
        ):  # it may see
            answer = world.ask("nobody", method, path.format(**names), _filled(body, names), headers=bearer)
            assert answer.status_code == 403, (method, path, answer.text)


def test_an_admin_s_token_ends_with_the_admin(world: World) -> None:
    boss = world.person(role=Role.ADMIN)
    made = world.ask(boss, "POST", "/tokens", {"scope": "admin", "lifetime": 60}).json()
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert world.ask("nobody", "GET", "/users", headers=bearer).status_code == 200
    world.ask("root", "PATCH", f"/users/{boss}", {"role": "broadcaster"})
    assert world.ask("nobody", "GET", "/users", headers=bearer).status_code == 403
    world.ask("root", "PATCH", f"/users/{boss}", {"disabled": True})
    answer = world.ask("nobody", "GET", "/users", headers=bearer)
    assert (answer.status_code, "disabled" in answer.text) == (403, True)


def test_who_manages_a_channel_finds_its_tokens_and_revokes_them(world: World) -> None:
    place = world.channel(private=True)
    made = world.ask("owner", "POST", f"/channels/{place.name}/tokens", {"scope": "watch"}).json()
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert world.ask("nobody", "GET", f"/channels/{place.name}", headers=bearer).status_code == 200
    (newest, *_) = world.ask("owner", "GET", f"/audit?channel={place.name}").json()["entries"]
    assert (newest["action"], newest["detail"]) == ("token.create", f"token {made['id']} watch")
    assert world.ask("owner", "DELETE", f"/tokens/{made['id']}").status_code == 204
    assert world.ask("nobody", "GET", f"/channels/{place.name}", headers=bearer).status_code == 403
    (newest, *_) = world.ask("owner", "GET", f"/audit?channel={place.name}").json()["entries"]
    assert (newest["action"], newest["detail"]) == ("token.revoke", f"token {made['id']}")


def test_who_may_only_publish_revokes_their_own_tokens(world: World) -> None:
    place = world.channel()
    mine = world.ask("publisher", "POST", f"/channels/{place.name}/tokens", {"scope": "publish"}).json()
    assert world.ask("other", "DELETE", f"/tokens/{mine['id']}").status_code == 403
    assert world.ask("publisher", "DELETE", f"/tokens/{mine['id']}").status_code == 204


def test_a_new_owner_is_not_told_of_an_earlier_channel_of_the_name(world: World) -> None:
    name = world.channel().name
    world.ask("owner", "DELETE", f"/channels/{name}")
    world.ask("other", "POST", "/channels", {"name": name, "title": "Mine"})
    seen = {
        who: [one["action"] for one in world.ask(who, "GET", f"/audit?channel={name}").json()["entries"]]
        for who in ("other", "root")
    }
    assert seen["other"] == ["channel.create"]
    assert seen["root"][:2] == ["channel.create", "channel.delete"]


def test_a_name_is_given_once(world: World) -> None:
    channel = world.channel()
    answer = world.ask("other", "POST", "/channels", {"name": channel.name, "title": "Mine"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "exists")
    again = {"name": "other", "password": "long enough", "role": "admin"}
    assert world.ask("root", "POST", "/users", again).status_code == 409


def test_a_target_inside_of_a_network_is_refused_when_it_is_stored_and_when_it_is_changed(
    world: World,
) -> None:
    async def resolve(_host: str) -> list[str]:
        return ["10.0.0.7"]

    inside = world.make_context(target_address=lambda _, url: allowed.check(url, (), resolve, list))
    app, path = world.make_app(inside), f"/channels/{world.channel().name}/targets"
    assert world.ask("owner", "POST", path, NEW_TARGET, app=app).status_code == 400
    made = world.ask("owner", "POST", path, NEW_TARGET).json()["id"]
    change = {"url": NEW_TARGET["url"], "key": "k"}
    answer = world.ask("owner", "PATCH", f"{path}/{made}", change, app=app)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")


def _filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, names) for key, inner in value.items()}
    return value.format(**names) if isinstance(value, str) else value


def _names(world: World, private: Channel, path: str) -> dict[str, str]:
    """What stands in braces, made anew."""
    names = {"private": private.name, "private_broadcast": private.broadcast, "fresh": world.fresh()}
    if any(word in path for word in ("{public", "{key}", "{target}", "{token")):
        public = world.channel()
        names |= {"public": public.name, "public_broadcast": public.broadcast, "key": public.key_id}
        if "{token" in path:
            made = world.ask("owner", "POST", f"/channels/{public.name}/tokens", {"scope": "watch"})
            names["token_of_public"] = made.json()["id"]
        if "{target}" in path:
            made = world.ask("owner", "POST", f"/channels/{public.name}/targets", NEW_TARGET)
            names["target"] = made.json()["id"]
    if "{user}" in path:
        names["user"] = world.person()
    return names
