"""Private channels are guarded by nginx itself: with tokens, without, and around the guard."""

from __future__ import annotations

import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from tests.support import http
from tests.support.administrator import administrator, good, listed, publishing
from tests.support.front import HOST, PUBLIC, SECRET, Front, front, say_public
from tests.support.server import PATIENCE, Server, running, wait_for
from tests.system.conftest import SMALL

GOOD, OTHER = "good.to-ken_1", "other.to-ken_2"
BROADCAST = "20260101-000000-0a1b"
FILES = ("index.m3u8", f"{BROADCAST}/index.m3u8", f"{BROADCAST}/360p.m3u8", f"{BROADCAST}/poster.jpg")
SEGMENT = f"{BROADCAST}/360p/1-17.ts"
CONTENT = "what only some may see"


@pytest.fixture(scope="module")
def nginx() -> Iterator[Front]:
    with front() as made:
        for path in (*FILES, SEGMENT):
            made.file(f"demo/{path}", "for everybody")
            made.file(f"secret/{path}", CONTENT)
        made.file("secret/.index.m3u8.new", CONTENT)
        (made.hls / "private" / "secret-1-360p").mkdir()
        (made.hls / "private" / "secret-1-360p" / "0.ts").write_text(CONTENT)
        (made.hls / "public" / "demo" / "way-out.ts").symlink_to(made.hls / "private/secret-1-360p/0.ts")
        made.behind.tokens = {("secret", GOOD)}
        made.behind.sessions = {"signed-in"}
        yield made


@pytest.fixture(scope="module")
def shared(nginx: Front) -> Iterator[httpx.Client]:
    with connected(nginx) as made:
        yield made


@pytest.fixture
def client(nginx: Front, shared: httpx.Client) -> httpx.Client:
    nginx.behind.asked.clear()
    shared.cookies.clear()
    return shared


def connected(nginx: Front) -> httpx.Client:
    return httpx.Client(base_url=f"http://{nginx.authority}", timeout=PATIENCE, verify=False)


def raw(nginx: Front, target: str) -> tuple[int, str]:
    """Status and body for a request line that no library would send."""
    with socket.create_connection((HOST, int(nginx.authority.rpartition(":")[2])), PATIENCE) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1"))
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.decode("latin-1").partition("\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize("file", [*FILES, SEGMENT])
def test_a_public_channel_is_served_without_a_question(nginx: Front, client: httpx.Client, file: str) -> None:
    answer = client.get(f"/hls/demo/{file}")
    assert (answer.status_code, answer.text) == (200, "for everybody")
    assert answer.headers["cache-control"].startswith("public, ")
    assert client.get(f"/hls/-/{GOOD}/demo/{file}").status_code == 200
    assert nginx.behind.asked == []


@pytest.mark.parametrize("file", [*FILES, SEGMENT])
def test_nothing_of_a_private_channel_is_served_without_a_token(client: httpx.Client, file: str) -> None:
    for path, status in ((f"/hls/secret/{file}", 401), (f"/hls/-/{OTHER}/secret/{file}", 403)):
        answer = client.get(path)
        assert answer.status_code == status
        assert CONTENT not in answer.text
        assert answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("file", [*FILES, SEGMENT])
def test_a_token_opens_it_from_the_path_a_header_or_a_session(client: httpx.Client, file: str) -> None:
    answers = [
        client.get(f"/hls/-/{GOOD}/secret/{file}"),
        client.get(f"/hls/secret/{file}", headers={"Authorization": f"Bearer {GOOD}"}),
        client.get(f"/hls/secret/{file}", headers={"Cookie": "a=b; ingestd_session=signed-in; c=d"}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.text) == (200, CONTENT)
        assert answer.headers["cache-control"].startswith("private, ")
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_question_says_who_wants_what_and_nothing_else(nginx: Front, client: httpx.Client) -> None:
    headers = {
        "Authorization": "Bearer never-seen",
        "X-Token": GOOD,
        "X-Channel": "demo",
        "Cookie": "mine=1",
        "Range": "bytes=0-1",
        "X-Forwarded-For": "198.51.100.7",
    }
    assert client.get("/hls/secret/index.m3u8", headers=headers).status_code == 403
    question = nginx.behind.asked[-1]
    assert question[":path"] == f"/internal/{SECRET}/watch"
    assert (question["x-channel"], question["x-token"]) == ("secret", "never-seen")
    assert question["x-forwarded-for"] == "198.51.100.7"
    assert question["cookie"] == "ingestd_session="
    assert not {"authorization", "range", "user-agent"} & set(question)


@pytest.mark.parametrize("file", [*FILES, SEGMENT])
def test_a_token_in_the_query_leads_to_the_path_below_any_prefix(client: httpx.Client, file: str) -> None:
    answer = client.get(f"/hls/secret/{file}", params={"token": GOOD})
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("../")
    through_proxy = httpx.URL(f"https://tv.example.org/live/hls/secret/{file}")
    path = f"/hls/-/{GOOD}/secret/{file}"
    assert through_proxy.join(answer.headers["location"]) == f"https://tv.example.org/live{path}"
    child = httpx.URL(path).join("360p/9-9.ts")
    assert child.path.startswith(f"/hls/-/{GOOD}/secret/")
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("token", ["a%0d%0aX:1", "../../x", "//evil.example", "a b", "", "%00"])
def test_what_is_no_token_leads_nowhere(nginx: Front, token: str) -> None:
    assert raw(nginx, f"/hls/secret/index.m3u8?token={token}")[0] in (400, 401)


def test_an_answer_is_remembered_for_its_token_and_channel_alone(
    nginx: Front, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("good_for", "no_for"):
        monkeypatch.setattr(nginx.behind, kind, "max-age=600")  # longer than all of this takes
    nginx.behind.tokens.add(("secret", "shared"))
    say_public(nginx.hls)
    try:
        for _ in range(5):
            assert client.get("/hls/-/shared/secret/index.m3u8").status_code == 200
            assert client.get("/hls/-/shared/demo/index.m3u8").status_code == 403
    finally:
        say_public(nginx.hls, PUBLIC)
    assert [(one["x-channel"], one["x-token"]) for one in nginx.behind.asked] == [
        ("secret", "shared"),
        ("demo", "shared"),
    ]


def test_what_is_revoked_ends_with_the_answer(
    nginx: Front, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although it might be used for longer while ingestd is gone; and a "no" ends, too."""
    monkeypatch.setattr(nginx.behind, "good_for", "max-age=1, stale-if-error=60")
    monkeypatch.setattr(nginx.behind, "no_for", "max-age=1")
    path, right = "/hls/-/revoked/secret/index.m3u8", ("secret", "revoked")
    assert client.get(path).status_code == 403
    nginx.behind.tokens.add(right)
    wait_for("a yes", lambda: client.get(path).status_code == 200)
    nginx.behind.tokens.remove(right)
    wait_for("a no", lambda: client.get(path).status_code == 403)


def test_ingestd_may_be_gone_for_a_while() -> None:
    with front() as nginx, connected(nginx) as client:
        for channel in ("demo", "secret"):
            nginx.file(f"{channel}/index.m3u8")
        nginx.behind.tokens = {("secret", GOOD), ("secret", OTHER)}
        nginx.behind.good_for = "max-age=1, stale-if-error=60"
        assert client.get(f"/hls/-/{GOOD}/secret/index.m3u8").status_code == 200
        nginx.behind.good_for = "max-age=1, stale-if-error=1"
        assert client.get(f"/hls/-/{OTHER}/secret/index.m3u8").status_code == 200
        nginx.behind.shutdown()
        nginx.behind.server_close()
        wait_for(
            "the end of the shorter answer",
            lambda: client.get(f"/hls/-/{OTHER}/secret/index.m3u8").status_code == 500,
        )
        assert client.get(f"/hls/-/{GOOD}/secret/index.m3u8").status_code == 200
        answer = client.get("/hls/-/unknown/secret/index.m3u8")
        assert (answer.status_code, answer.headers["retry-after"]) == (500, "2")
        assert client.get("/hls/demo/index.m3u8").status_code == 200
        assert GOOD not in nginx.logged() and OTHER not in nginx.logged()


@pytest.mark.parametrize(
    "target",
    [
        "/hls/%73ecret/index.m3u8",
        "/hls/secret%2findex.m3u8",
        "/hls%2fsecret/index.m3u8",
        "//hls//secret//index.m3u8",
        "/hls/./secret/index.m3u8",
        "/hls/demo/../secret/index.m3u8",
        "/hls/demo/%2e%2e/secret/index.m3u8",
        "/hls/demo%2f..%2fsecret/index.m3u8",
        "/hls/demo/..%2f..%2fhls/secret/index.m3u8",
        f"/hls/demo/../../hls/secret/{SEGMENT}",
        f"/hls/secret/{BROADCAST}/../index.m3u8",
        "/hls/SECRET/index.m3u8",
        "/HLS/secret/index.m3u8",
        "/hls/Secret/index.m3u8",
        "/hls/secret./index.m3u8",
        "/hls/secret%20/index.m3u8",
        "/hls/secret;/index.m3u8",
        "/hls/secret;x=1/index.m3u8",
        "/hls/secret\\index.m3u8",
        "/hls/demo/..\\secret\\index.m3u8",
        "/hls/demo/%c0%ae%c0%ae/secret/index.m3u8",
        "/hls/secret/index.m3u8%00",
        "/hls/secret%00/index.m3u8",
        "/hls/secret/index.m3u8/",
        "/hls/secret/index.m3u8#x",
        "/hls/secret/.index.m3u8.new",
        "/hls/secret/%2eindex.m3u8.new",
        "/hls/secret/",
        "/hls/secret",
        "/hls/",
        "/hls/demo/way-out.ts",
        "/hls/private/secret-1-360p/0.ts",
        "/hls//private/secret-1-360p/0.ts",
        "/hls/../private/secret-1-360p/0.ts",
        "/hls/demo/../../private/secret-1-360p/0.ts",
        "/hls/../hls/private/secret-1-360p/0.ts",
        "/hls../private/secret-1-360p/0.ts",
        "/hls/open/demo",
        "/hls/owners.json",
        "/private-hls/secret/index.m3u8",
        "/private-hls//secret/index.m3u8",
        f"/private-hls/secret/index.m3u8?token={OTHER}",
        "/%70rivate-hls/secret/index.m3u8",
        f"/private-hls/../hls/-/{OTHER}/secret/index.m3u8",
        "/watch-hls",
        f"/hls/-/{OTHER}/../secret/index.m3u8",
        f"/hls/-/{GOOD}/../secret/index.m3u8",
        "/hls/-//secret/index.m3u8",
        "/hls/-/secret/index.m3u8",
        f"/hls/-/{OTHER}/-/{OTHER}/secret/index.m3u8",
        f"/hls/-/{GOOD}%2f..%2f{OTHER}/secret/index.m3u8",
        f"/hls/-/{OTHER}/demo/../secret/index.m3u8",
        "http://elsewhere.example/hls/secret/index.m3u8",
        f"/hls/secret/index.m3u8?token={OTHER}&token={GOOD}",
        f"/hls/-/{OTHER}/secret/index.m3u8?token=",
    ],
)
def test_no_spelling_leads_around_the_guard(nginx: Front, target: str) -> None:
    status, body = raw(nginx, target)
    assert status in (302, 400, 401, 403, 404)
    assert CONTENT not in body


def test_a_channel_is_guarded_from_the_moment_it_is_said(nginx: Front, client: httpx.Client) -> None:
    assert client.get("/hls/demo/index.m3u8").status_code == 200
    say_public(nginx.hls)
    assert client.get("/hls/demo/index.m3u8").status_code == 401
    say_public(nginx.hls, PUBLIC)
    assert client.get("/hls/demo/index.m3u8").status_code == 200
    assert client.get("/hls/secret/index.m3u8").status_code == 401


def test_before_anything_is_said_and_when_nobody_may_look_nothing_is_served(
    nginx: Front, client: httpx.Client
) -> None:
    opened = nginx.hls / "open"
    shutil.rmtree(opened)
    assert client.get("/hls/demo/index.m3u8").status_code == 401
    say_public(nginx.hls, PUBLIC)
    assert client.get("/hls/demo/index.m3u8").status_code == 200
    opened.chmod(0)
    try:
        assert client.get("/hls/demo/index.m3u8").status_code == 401
    finally:
        opened.chmod(0o755)


def test_other_origins_may_ask_whether_they_may_send_a_header(nginx: Front, client: httpx.Client) -> None:
    asked = {"Origin": "https://other.example", "Access-Control-Request-Headers": "authorization"}
    for channel in ("demo", "secret"):
        answer = client.options(f"/hls/{channel}/index.m3u8", headers=asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert nginx.behind.asked == []
    answer = client.get("/hls/secret/index.m3u8", headers={"Authorization": f"Bearer {GOOD}"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


def test_a_refusal_is_never_kept_by_whoever_gets_it(client: httpx.Client) -> None:
    for path in ("/hls/demo/none/360p/1-1.ts", f"/hls/secret/{SEGMENT}", "/hls/demo/none/poster.jpg"):
        assert client.get(path).headers["cache-control"].endswith("no-cache")
    answer = client.get(f"/hls/demo/{SEGMENT}")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "target",
    [
        f"/internal/{SECRET}/watch",
        "/internal/",
        f"//internal//{SECRET}/watch",
        f"/x/../internal/{SECRET}/watch",
        f"/internal%2f{SECRET}/watch",
        f"/%69nternal/{SECRET}/rtmp/publish",
        f"/x/%2e%2e/internal/{SECRET}/watch",
        "http://elsewhere.example/internal/",
    ],
)
def test_what_nginx_asks_nobody_else_may_ask(nginx: Front, target: str) -> None:
    nginx.behind.asked.clear()
    assert raw(nginx, target)[0] == 404
    assert nginx.behind.asked == []


def test_no_token_is_logged(nginx: Front, client: httpx.Client) -> None:
    """nginx's errors quote the request."""
    for path, status in (("secret/none.ts", 404), ("demo/none.ts", 404), ("nobody/x.ts", 403)):
        assert client.get(f"/hls/-/{GOOD}/{path}").status_code == status
    (nginx.hls / "public" / "demo" / "locked.ts").write_text("")
    (nginx.hls / "public" / "demo" / "locked.ts").chmod(0)
    assert client.get(f"/hls/-/{GOOD}/demo/locked.ts").status_code == 403
    assert GOOD not in nginx.logged()


def test_an_address_that_asks_too_often_waits_and_others_do_not() -> None:
    with (
        front(hls_rate=1, hls_burst=4) as nginx,
        connected(nginx) as client,
    ):
        nginx.file("demo/index.m3u8")

        def answers(address: str | None) -> list[tuple[int, str]]:
            headers = {"X-Forwarded-For": address} if address else {}
            found = [client.get("/hls/demo/index.m3u8", headers=headers) for _ in range(20)]
            return [(one.status_code, one.headers.get("retry-after", "")) for one in found]

        assert answers(None) == [(200, "")] * 20  # this machine is not counted
        found = answers("198.51.100.7")
        assert found[:5] == [(200, "")] * 5
        assert set(found[5:]) - {(200, "")} == {(429, "1")}  # one more for each second that passes
        assert answers("198.51.100.8")[0] == (200, "")


@pytest.mark.parametrize(
    ("trusted", "passed_on"),
    [(("127.0.0.1/32",), ("198.51.100.7", "https")), (("192.0.2.0/24",), (HOST, "http"))],
)
def test_only_a_trusted_proxy_says_who_asks_and_how(
    trusted: tuple[str, ...], passed_on: tuple[str, str]
) -> None:
    with front(trusted_proxies=trusted) as nginx, connected(nginx) as client:
        headers = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "X-Forwarded-Proto": "https"}
        client.get("/healthz", headers=headers)
        question = nginx.behind.asked[-1]
        assert (question["x-forwarded-for"], question["x-forwarded-proto"]) == passed_on
        answer = client.get("/hls/demo/none.ts", headers=headers)
        assert ("strict-transport-security" in answer.headers) == (passed_on[1] == "https")


# With the daemon behind it


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(channels=4, ingest_resume_window=3, **SMALL) as made:
        yield made


def asked(viewer: httpx.Client, path: str, headers: dict[str, str]) -> httpx.Response:
    """The answer, as soon as ingestd has been asked: nginx waits for it two seconds, and says 500."""
    return wait_for(
        f"an answer to {path}",
        lambda: answer if (answer := viewer.get(path, headers=headers)).status_code != 500 else None,
    )


def addresses(viewer: httpx.Client, path: str, token: str) -> list[str]:
    """A multivariant playlist, a child of it, and a segment of that."""
    found = [path]
    for _ in range(2):
        headers = {"Authorization": f"Bearer {token}"}
        lines = asked(viewer, found[-1], headers).raise_for_status().text.splitlines()
        first = next(line for line in lines if line and not line.startswith("#"))
        found.append(str(httpx.URL(found[-1]).join(first)))
    return found


@pytest.mark.parametrize(("channel", "ended"), [("demo1", False), ("demo2", True)])
def test_media_of_a_private_channel_that_is_deleted_are_seen_by_nobody_any_more(
    server: Server, channel: str, ended: bool
) -> None:
    """Neither while its broadcast ends, nor by the name of another channel, which is public."""
    here = server.on(channel)
    with (
        administrator(here) as admin,
        http.Client(base_url=here.hls) as viewer,
        ExitStack() as publisher,
    ):
        process = publisher.enter_context(publishing(here))
        path = listed(here)["hls"]
        if ended:
            publisher.close()
            here.wait_state("ended")
        token = good(admin.post(f"/channels/{channel}/tokens", json={"scope": "watch"}))["token"]
        good(admin.patch(f"/channels/{channel}", json={"private": True}))
        paths = [*addresses(viewer, path, token), f"/hls/{channel}/index.m3u8"]

        def seen() -> set[int]:
            bearer = {"Authorization": f"Bearer {token}"}
            return {asked(viewer, one, given).status_code for one in paths for given in ({}, bearer)}

        assert 200 in seen()
        good(admin.delete(f"/channels/{channel}"))
        assert seen() <= {401, 403, 404}
        good(admin.post("/channels", json={"name": channel, "title": "Another"}))
        assert seen() == {404}
        assert here.newest() is None
        if not ended:
            assert process.wait(PATIENCE)
        wait_for("its end", lambda: not server.get("/api/v1/broadcasts")["broadcasts"])
        assert seen() == {404}
        assert not (here.data / "hls" / "public" / channel).exists()
        private = here.data / "hls" / "private"
        wait_for("no leftovers", lambda: not [one for one in private.iterdir() if one.is_dir()])


@contextmanager
def standing_still(server: Server) -> Iterator[None]:
    """It does nothing meanwhile."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_a_channel_that_cannot_be_closed_is_not_said_to_be(server: Server) -> None:
    """Not even root deletes a directory as if it were a file."""
    marker = server.data / "hls" / "open" / "demo3"
    marker.unlink()
    (marker / "in-the-way").mkdir(parents=True)
    with administrator(server) as admin:
        answer = admin.patch("/channels/demo3", json={"private": True})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
        with standing_still(server):  # or it tries in between, and finds nothing to close
            shutil.rmtree(marker)
            marker.touch()
        wait_for("another try", lambda: not marker.exists())
        good(admin.patch("/channels/demo3", json={"private": False}))
        assert marker.exists()
