"""Signing in and out, and what keeps others from doing it for somebody."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from ingestd.accounts.failures import Failures
from ingestd.accounts.users import Proof
from ingestd.web.api.device import device
from tests.web.world import CLIENT, FAILURES, HOST, OURS, SELF, World, password

FOREIGN = {"Origin": "https://evil.example"}


def sign_in(world: World, name: str, guess: str | None = None, **more: Any) -> httpx.Response:
    body = {"name": name, "password": password(name) if guess is None else guess}
    return world.ask("nobody", "POST", "/session", body, **more)


def cookie(answer: httpx.Response) -> Any:
    return SimpleCookie(answer.headers["set-cookie"])["ingestd_session"]


def test_a_sign_in_gives_a_cookie_that_no_script_can_read(world: World) -> None:
    name = world.person()
    answer = sign_in(world, name, headers=OURS | {"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"})
    assert answer.json()["user"]["name"] == name
    given = cookie(answer)
    assert (given["httponly"], given["samesite"], given["path"], given["secure"]) == (True, "lax", "/", "")
    world.cookies[name] = given.value
    assert world.ask(name, "GET", "/session").json()["user"]["name"] == name
    newest = world.ask(name, "GET", "/account/sessions").json()["sessions"][0]
    assert (newest["device"], newest["address"], newest["current"]) == ("Firefox on Linux", CLIENT, True)


def test_the_cookie_goes_by_tls_only_where_there_is_tls(world: World) -> None:
    name = world.person()
    tls = world.make_app(world.make_context(tls=True))
    assert cookie(sign_in(world, name, app=tls))["secure"]
    proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-For": CLIENT}
    answer = sign_in(world, name, headers=proxied, client="127.0.0.1")
    assert cookie(answer)["secure"] and "strict-transport-security" in answer.headers
    answer = sign_in(world, name, headers=proxied, client="198.51.100.1")  # nobody trusts that one
    assert not cookie(answer)["secure"] and "strict-transport-security" not in answer.headers


def test_signing_in_again_ends_the_session_before(world: World) -> None:
    name = world.person()
    old = world.cookies[name]
    fresh = cookie(sign_in(world, name, headers=world.credentials(name))).value
    assert fresh != old
    assert world.ask(name, "GET", "/session").json()["user"] is None
    world.cookies[name] = fresh
    assert world.ask(name, "GET", "/session").json()["user"]["name"] == name


def test_signing_out_ends_the_session_and_takes_the_cookie(world: World) -> None:
    name = world.person()
    answer = world.ask(name, "DELETE", "/session")
    assert (answer.status_code, cookie(answer)["max-age"]) == (204, "0")
    assert world.ask(name, "GET", "/account/sessions").status_code == 401


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(world: World) -> None:
    name = world.person()
    disabled = world.person()
    world.ask("root", "PATCH", f"/users/{disabled}", {"disabled": True})
    app = world.make_app(world.make_context(failures=Failures(FAILURES)))
    answers = [
        sign_in(world, name, "wrong password", app=app),
        sign_in(world, "no-such-user", app=app),
        sign_in(world, "../../etc\0passwd", app=app),
        sign_in(world, disabled, app=app),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert not any("set-cookie" in answer.headers for answer in answers)


@pytest.mark.parametrize("by", ["address", "account"])
def test_guesses_are_limited(by: str, world: World) -> None:
    name = world.person()
    app = world.make_app(world.make_context(failures=Failures(FAILURES)))
    for number in range(FAILURES):
        whose, client = (f"user-{number}", CLIENT) if by == "address" else (name, f"198.51.100.{number}")
        assert sign_in(world, whose, "wrong password", app=app, client=client).status_code == 401
    client = CLIENT if by == "address" else "198.51.100.200"
    answer = sign_in(world, name, app=app, client=client)  # the right password is not even looked at
    assert answer.status_code == 429
    error = answer.json()["error"]
    assert 0 < error["retry_after"] <= 60
    assert answer.headers["retry-after"] == str(error["retry_after"])
    assert f" {error['retry_after']} s." in error["message"]
    elsewhere = sign_in(world, world.person(), app=app, client="203.0.113.9")
    assert elsewhere.status_code == 200


def test_guesses_at_tokens_are_limited(world: World) -> None:
    app = world.make_app(world.make_context(failures=Failures(FAILURES)))
    wrong = {"Authorization": "Bearer e30.e30.e30"}
    for _ in range(FAILURES):
        answer = world.ask("nobody", "GET", "/users", headers=wrong, app=app)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert world.ask("nobody", "GET", "/users", headers=wrong, app=app).status_code == 429
    assert world.ask("root", "GET", "/users", app=app).status_code == 200, "sessions are not held up"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Ingestd": "1"},
        {"Origin": f"http://{HOST}"},
        {"X-Ingestd": "1", **FOREIGN},
        {"X-Ingestd": "1", "Origin": "null"},
        {"X-Ingestd": "1", "Origin": f"http://{HOST}:8443"},
        {"X-Ingestd": "1", "Origin": f"http://{HOST}.evil.example"},
        {"X-Ingestd": "1", "Referer": "https://evil.example/page"},
        {"X-Ingestd": "1", "Referer": f"http://{HOST}/account", **FOREIGN},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_another_site_s_page_changes_nothing(method: str, headers: dict[str, str], world: World) -> None:
    cookie = {"Cookie": f"ingestd_session={world.cookies['owner']}"}
    path = "/channels" if method == "POST" else "/channels/nobody"
    body = {"name": world.fresh(), "title": "A title"} if method == "POST" else {"title": "Another"}
    answer = world.ask("nobody", method, path, body, headers=cookie | headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": f"http://{HOST}"},
        {"Referer": f"http://{HOST}/account"},
        {"Origin": f"https://{HOST}"},  # TLS ended before a proxy that we do not trust
        {"Origin": "https://studio.example.net"},  # of http.origins
    ],
    ids=str,
)
def test_our_own_pages_do(headers: dict[str, str], world: World) -> None:
    cookie = {"Cookie": f"ingestd_session={world.cookies['owner']}", "X-Ingestd": "1"}
    body = {"name": world.fresh(), "title": "A title"}
    assert world.ask("nobody", "POST", "/channels", body, headers=cookie | headers).status_code == 201


def test_under_tls_a_page_without_it_is_not_ours(world: World) -> None:
    seen = {"X-Forwarded-Proto": "https", "Origin": f"http://{HOST}"}
    cookie = {"Cookie": f"ingestd_session={world.cookies['owner']}", "X-Ingestd": "1"}
    body = {"name": world.fresh(), "title": "A title"}
    answer = world.ask("nobody", "POST", "/channels", body, headers=cookie | seen, client="127.0.0.1")
    assert answer.status_code == 403


def test_another_site_signs_nobody_in(world: World) -> None:
    assert sign_in(world, world.person(), headers=FOREIGN).status_code == 403


def test_a_bearer_token_needs_no_page_and_outweighs_the_cookie(world: World) -> None:
    body = {"name": world.fresh(), "title": "A title"}
    assert world.ask("token", "POST", "/channels", body, headers=FOREIGN).status_code == 201
    both = world.credentials("root") | {"Authorization": "Bearer wrong"}
    assert world.ask("nobody", "GET", "/users", headers=both).status_code == 401


def test_a_new_password_ends_every_other_session(world: World) -> None:
    name = world.person()
    elsewhere = cookie(sign_in(world, name)).value
    change = {"current": password(name), "new": "another password"}
    assert world.ask(name, "PUT", "/account/password", change).status_code == 204
    assert world.ask(name, "GET", "/session").json()["user"]["name"] == name
    world.cookies[name] = elsewhere
    assert world.ask(name, "GET", "/session").json()["user"] is None
    assert sign_in(world, name).status_code == 401
    assert sign_in(world, name, "another password").status_code == 200


def test_sessions_end_one_by_one_or_all_others_at_once(world: World) -> None:
    name = world.person()
    others = [cookie(sign_in(world, name)).value for _ in range(3)]
    found = world.ask(name, "GET", "/account/sessions").json()["sessions"]
    here = next(one["id"] for one in found if one["current"])
    one = next(one["id"] for one in found if not one["current"])
    assert world.ask("other", "DELETE", f"/account/sessions/{one}").status_code == 404
    assert world.ask(name, "DELETE", f"/account/sessions/{one}").status_code == 204
    assert len(world.ask(name, "GET", "/account/sessions").json()["sessions"]) == len(others)
    assert world.ask(name, "DELETE", "/account/sessions").status_code == 204
    assert [one["id"] for one in world.ask(name, "GET", "/account/sessions").json()["sessions"]] == [here]


def test_all_sessions_end_at_once_with_this_one_too(world: World) -> None:
    name = world.person()
    elsewhere = cookie(sign_in(world, name)).value
    assert world.ask(name, "DELETE", "/account/sessions?this=true").status_code == 204
    for value in (world.cookies[name], elsewhere):
        world.cookies[name] = value
        assert world.ask(name, "GET", "/session").json()["user"] is None


def test_an_admin_sees_and_ends_the_sessions_of_somebody(world: World) -> None:
    name = world.person()
    elsewhere = cookie(sign_in(world, name)).value
    path = f"/users/{name}/sessions"
    found = world.ask("root", "GET", path).json()["sessions"]
    assert (len(found), {one["current"] for one in found}) == (2, {False})
    mine = world.ask("root", "GET", "/users/root/sessions").json()["sessions"]
    assert [one["current"] for one in mine].count(True) == 1
    assert world.ask("root", "DELETE", f"/users/other/sessions/{found[0]['id']}").status_code == 404
    assert world.ask("root", "DELETE", f"{path}/{found[0]['id']}").status_code == 204
    assert world.ask("root", "GET", path).json()["sessions"] == found[1:]
    assert world.ask("root", "DELETE", path).status_code == 204
    for value in (world.cookies[name], elsewhere):
        world.cookies[name] = value
        assert world.ask(name, "GET", "/session").json()["user"] is None


def test_a_password_that_changes_while_it_is_verified_signs_nobody_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, users = world.person(), world.accounts.users
    prove = users.prove

    async def slowly(who: str, guess: str) -> Proof | None:
        proof = await prove(who, guess)
        await users.set_password(SELF, who, "another password")
        return proof

    monkeypatch.setattr(users, "prove", slowly)
    answer = sign_in(world, name)
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    assert world.ask("root", "GET", f"/users/{name}/sessions").json()["sessions"] == []


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/140.0 Safari/537.36", "Chrome on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("curl/8.5.0", "curl"),
        ("", "unknown"),
        ("<script>", "unknown"),
    ],
)
def test_a_device_has_a_name(user_agent: str, words: str) -> None:
    assert device(user_agent) == words
