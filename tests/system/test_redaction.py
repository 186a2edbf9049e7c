"""No secret is written where somebody reads it who should not: driven from outside, then searched for.

Every secret that there is, and wrong ones in every place where one can be given, go to a server that
logs all it can. What it writes, says and shows to other users of the machine is then searched for them.
"""

from __future__ import annotations

import io
import re
import secrets
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.sync.client import connect

from tests.support import http
from tests.support.accounts import admin_password, token_for
from tests.support.administrator import administrator, good, listed, only_key, publishing, signed_in
from tests.support.files import below, content
from tests.support.publisher import blobs, dial
from tests.support.remote import Remote
from tests.support.rtmp import RtmpPublisher
from tests.support.server import PATIENCE, Server, running, wait_for
from tests.system.conftest import SMALL

_ENOUGH = 16  # characters of a secret by which it is known
_JWT = "eyJ"  # how every token begins, whatever it says
_ARCHIVED = 5  # files in the archive of a diagnosis
_PUSHED = 20_000  # bytes that another place has got
# what holds secrets because it has to; nobody but the server may read it
_KEPT = ("secret", "storage.key", "demo.key", "ingestd.db", "ingestd.db-wal", "ingestd.db-shm")


@dataclass
class Hoard:
    """Secrets by what they are; and what the server has answered to whoever brought them."""

    known: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)

    def keep(self, name: str, secret: str) -> str:
        self.known[name] = secret
        return secret

    def wrong(self, name: str) -> str:
        """One that is not good, and that nobody else has."""
        return self.keep(f"wrong {name}", secrets.token_urlsafe(24))

    def forged(self, name: str) -> str:
        """A token with a wrong signature."""
        return self.keep(f"forged {name}", f"{self.known['publish token'][:-43]}{secrets.token_urlsafe(32)}")

    def heard(self, place: str, answer: httpx.Response) -> httpx.Response:
        if not answer.is_redirect:  # nginx's to a private playlist carries on the token that it was given
            self.answers[f"{len(self.answers)} {place}"] = f"{answer.headers}\n{answer.text}"
        return answer

    def found(self, text: str) -> list[str]:
        """Names of the secrets of which a good piece stands in the text."""
        return [name for name, secret in self.known.items() if any(one in text for one in _pieces(secret))]


def _pieces(secret: str) -> list[str]:
    ends = [secret[-_ENOUGH:]]
    return ends if secret.startswith(_JWT) else [secret[:_ENOUGH], *ends]


# What is driven


def websockets(server: Server, hoard: Hoard) -> None:
    """Key and token, right and wrong, in every way that there is, at both entries."""
    pairs = [
        (server.stream_key, server.token),
        (hoard.wrong("key"), server.token),
        (server.stream_key, hoard.forged("token")),
        (hoard.wrong("key beside a wrong token"), hoard.wrong("token")),
        ("", hoard.forged("token alone")),
    ]
    for entry in (server.ws, server.hls.replace("http", "ws", 1) + "/ws"):
        for key, token in pairs:
            for ways in (
                {"uri": f"{entry}?streamKey={key}&token={token}"},
                {
                    "uri": f"{entry}?streamKey={key}",
                    "additional_headers": {"Authorization": f"Bearer {token}"},
                },
                {"uri": f"{entry}?streamKey={key}", "subprotocols": [f"bearer.{token}"]},
                {"uri": f"{entry}/{key}?token={token}"},
                {"uri": f"{entry}?token={key}&streamKey={token}"},
            ):
                shake(hoard, ways)


def shake(hoard: Hoard, ways: dict[str, Any]) -> None:
    try:
        with connect(**ways, open_timeout=PATIENCE, close_timeout=5) as connection:
            connection.close()
    except InvalidStatus as refused:
        body = (refused.response.body or b"").decode()
        hoard.answers[f"{len(hoard.answers)} handshake"] = f"{refused.response.headers}\n{body}"
    except InvalidHandshake:
        pass


def rtmp(server: Server, hoard: Hoard) -> None:
    """The key in its place and in every other, as people type it into their encoders."""
    for url, name in (
        (server.rtmp, hoard.wrong("key by RTMP")),
        (server.rtmp, f"{hoard.wrong('key with arguments')}?token={hoard.wrong('token by RTMP')}"),
        (server.rtmp, f"x?streamKey={hoard.wrong('key as an argument')}"),
        (f"{server.rtmp}/{hoard.wrong('key in the address')}", ""),
        (f"{server.rtmp}/{server.stream_key}", ""),
        (f"{server.rtmp}?key={hoard.wrong('key in the query')}", "x"),
        (server.rtmp.replace("/live", f"/{hoard.wrong('key as the application')}"), "x"),
    ):
        with RtmpPublisher(url) as publisher, suppress(OSError):
            publisher.publish(name)
            publisher.closed()


def viewers(server: Server, hoard: Hoard) -> None:
    """A private channel's playlists: right and wrong tokens in query, path, header and cookie."""
    path = f"/hls/{server.channel}/index.m3u8"
    good_one = hoard.known["watch token"]
    with http.Client(base_url=server.hls) as client:
        tokens = (hoard.wrong("watch token"), hoard.forged("watch token"), hoard.known["publish token"])
        for token in (good_one, *tokens):
            for target in (
                f"/hls/-/{token}{path.removeprefix('/hls')}",
                f"/hls/-/{token}/demo1/none.ts",
                f"/hls/-/{token}/../x",
                f"/hls/{token}/index.m3u8",
                f"/hls/{server.channel}/none.ts?token={token}&x=1",
                f"/watch/{server.channel}?token={token}",
            ):
                hoard.heard("viewer", client.get(target))
            client.get(f"{path}?token={token}")  # answered by a redirect that carries it on
            hoard.heard("viewer", client.get(path, headers={"Authorization": f"Bearer {token}"}))
            hoard.heard("viewer", client.get(path, headers={"Cookie": f"ingestd_session={token}"}))
        segment = client.get(f"{path}?token={good_one}", follow_redirects=True)
        assert segment.status_code == 200
        hoard.heard("viewer", segment)


def programs(server: Server, hoard: Hoard) -> None:
    """The API with tokens that are wrong, of another kind, or in another place."""
    right, forged, wrong = (
        hoard.known["admin token"],
        hoard.forged("admin token"),
        hoard.wrong("admin token"),
    )
    for entry in (server.http, server.hls):
        with http.Client(base_url=f"{entry}/api/v1") as client:
            for token in (forged, wrong, hoard.known["watch token"]):
                for scheme in ("Bearer", "bearer", "Basic", "Token"):
                    header = {"Authorization": f"{scheme} {token}"}
                    hoard.heard("program", client.get("/users", headers=header))
                for path in ("/broadcasts", f"/channels/{server.channel}", f"/channels/{token}", "/audit"):
                    hoard.heard("program", client.get(path, params={"token": token}))
                hoard.heard("program", client.get("/session", headers={"Cookie": f"ingestd_session={token}"}))
            authorized = {"Authorization": f"Bearer {right}"}
            hoard.heard("whole token", client.delete(f"/tokens/{right}", headers=authorized))
            body = {"scope": right, "lifetime": wrong}
            path = f"/channels/{server.channel}/tokens"
            hoard.heard("odd token", client.post(path, json=body, headers=authorized))


def people(server: Server, hoard: Hoard) -> None:
    """Passwords: right, wrong, in the wrong field, and in bodies that are none."""
    page = {"Origin": server.http, "X-Ingestd": "1"}
    wrong = hoard.wrong("password")
    with http.Client(base_url=f"{server.http}/api/v1", headers=page) as client:
        for body in (
            {"name": "admin", "password": wrong},
            {"name": wrong, "password": ""},
            {"name": "admin", "password": [wrong]},
            {"name": {"x": wrong}, "password": wrong},
            {"name": "admin", "password": wrong, "again": wrong},
        ):
            hoard.heard("sign-in", client.post("/session", json=body))
        hoard.heard("sign-in", client.post("/session", content=f"name=admin&password={wrong}"))
        hoard.heard("sign-in", client.get("/session", params={"password": wrong}))
    with signed_in(server, "admin", hoard.known["password"]) as own:
        hoard.keep("session", own.cookies["ingestd_session"])
        new = hoard.wrong("new password")
        hoard.heard("password", own.put("/account/password", json={"current": wrong, "new": new}))
        hoard.heard("password", own.put("/account/password", json={"current": 1, "new": new}))
        anna = {"name": "anna", "password": hoard.wrong("first password"), "role": "broadcaster"}
        hoard.heard("user", own.post("/users", json=anna))
        hoard.heard("user", own.post("/users", json=anna | {"role": anna["password"]}))
        hoard.heard("user", own.patch("/users/anna", json={"password": hoard.wrong("second password")}))
        readable(server, hoard, own)


def readable(server: Server, hoard: Hoard, client: httpx.Client) -> None:
    """Everything that an admin can read."""
    broadcast = good(client.get(f"/channels/{server.channel}"))["broadcast"]["id"]
    places = ("openapi.json", "users", "channels", "audit?limit=500", "session", "account/sessions")
    below = ("", "/keys", "/targets", "/publishers", "/source")
    paths = [f"/{place}" for place in places] + [f"/channels/{server.channel}{one}" for one in below]
    for path in (*paths, "/broadcasts?ended=true", f"/broadcasts/{broadcast}/generations"):
        good(hoard.heard(path, client.get(path)))
    with client.stream("GET", "/events") as events:
        lines = events.iter_lines()
        hoard.answers["events"] = "\n".join(next(lines) for _ in range(3))


def pushes(server: Server, hoard: Hoard, remote: Remote) -> None:
    """A target that is pushed to, and bodies from which none is made."""
    key, wrong = hoard.keep("push key", secrets.token_urlsafe(24)), hoard.wrong("push key")
    path = f"/channels/{server.channel}/targets"
    url = f"rtmp://127.0.0.1:{remote.port}/live"
    with administrator(server) as admin:
        made = {"url": url, "key": key, "rendition": "240p"}
        target = good(hoard.heard("target", admin.post(path, json=made)))["id"]
        for odd in (
            {"url": "rtmp://"},
            {"rendition": ""},
            {"key": [wrong]},
            {"key": f"{wrong}\0"},
        ):
            hoard.heard("odd target", admin.post(path, json=made | {"key": wrong} | odd))
        hoard.heard("other target", admin.patch(f"{path}/{target}", json={"url": f"{url}/x"}))
        away = {"url": "rtmp://127.0.0.1:1/live", "key": wrong, "rendition": "240p"}
        good(hoard.heard("target that is away", admin.post(path, json=away)))
    wait_for("something to be pushed", lambda: remote.bytes(key) > _PUSHED)


def callbacks(server: Server, hoard: Hoard) -> None:
    """What nginx asks, asked by somebody else."""
    config = (server.data / "nginx" / "nginx.conf").read_text()
    found = re.search(r"/internal/([^/]+)/watch", config)
    assert found
    right, wrong = hoard.keep("internal secret", found[1]), hoard.wrong("internal secret")
    form = {"call": "publish", "name": hoard.wrong("key in a callback"), "clientid": "9999", "addr": "x"}
    for secret in (right, wrong):
        for entry in (server.http, server.hls):
            for call in ("rtmp/publish", "rtmp/play", "rtmp/update", "rtmp/none", "watch", ""):
                hoard.heard("callback", http.post(f"{entry}/internal/{secret}/{call}", data=form))
                hoard.heard("callback", http.get(f"{entry}/internal/{secret}/{call}"))


def replaced_key(server: Server, hoard: Hoard) -> None:
    """Keys that are made, exchanged and revoked: those answers show them, and nothing else does."""
    with administrator(server) as admin:
        keys = f"/channels/{server.channel}/keys"
        made = good(admin.post(keys, json={"label": "another"}))
        hoard.keep("another key", made["key"])
        hoard.keep("its successor", good(admin.post(f"{keys}/{made['id']}/regenerate"))["key"])
        hoard.heard("revoked", admin.delete(f"{keys}/{made['id']}"))
        hoard.heard("odd key", admin.delete(f"{keys}/{made['key']}"))
        hoard.heard("odd label", admin.post(keys, json={"label": f"\0{hoard.wrong('label')}"}))


# What is seen afterwards


@dataclass
class Evidence:
    server: Server
    hoard: Hoard
    processes: str


@contextmanager
def remote_place() -> Iterator[Remote]:
    with tempfile.TemporaryDirectory(prefix="ingestd-push-") as root:
        remote = Remote(Path(root))
        remote.start()
        try:
            yield remote
        finally:
            remote.kill()


@pytest.fixture(scope="module")
def evidence() -> Iterator[Evidence]:
    hoard = Hoard()
    former = hoard.keep("former secret", secrets.token_hex(32))
    settings = SMALL | {"auth_previous_secret": former, "push_allow": '["127.0.0.1"]', "log_level": "debug"}
    settings |= {"log_access": "true"}
    # whoever is live stays it, though others come with good keys, and though all that follows takes its time
    settings |= {"ingest_silent_after": 300, "ingest_idle_timeout": 300}
    with ExitStack() as stack:
        remote = stack.enter_context(remote_place())
        server = stack.enter_context(running(channels=3, **settings))
        collect(server, hoard)
        stack.enter_context(publishing(server))
        listed(server)
        with administrator(server) as admin:
            good(admin.patch(f"/channels/{server.channel}", json={"private": True}))
        for drive in (websockets, rtmp, viewers, programs, partial(pushes, remote=remote), people):
            drive(server, hoard)
        callbacks(server, hoard)
        replaced_key(server, hoard)
        with dial(server.on("demo1")) as connection:
            for _, data in blobs("vp8-opus_ts250_kf2000.webm"):
                connection.send(data)
            listed(server.on("demo1"))
            yield Evidence(server, hoard, processes(server))


def collect(server: Server, hoard: Hoard) -> None:
    """What is secret from the start."""
    for name in ("secret", "storage.key"):
        hoard.keep(name, (server.data / name).read_text().strip())
    hoard.keep("password", admin_password(server.data))
    hoard.keep("stream key", server.stream_key)
    hoard.keep("publish token", server.token)
    hoard.keep("other stream key", server.on("demo1").stream_key)
    for scope in ("watch", "admin"):
        hoard.keep(f"{scope} token", token_for(server.data, server.channel, scope=scope))


def processes(server: Server) -> str:
    """What every user of the machine sees of our children, and what others of our own see of them."""
    daemon = psutil.Process(server.process.pid)
    words = daemon.cmdline()
    for child in daemon.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            words += [*child.cmdline(), *child.environ().values(), child.cwd()]
    assert len(words) > 100, "encoders, a relay and nginx run"
    return "\n".join(words)


def hls(server: Server) -> str:
    """Names and contents of all that is below hls/."""
    return "\n".join(f"{path}\n{content(path)}" for path in below(server.data / "hls"))


def kept_files(server: Server) -> str:
    """All other files of the installation, and their names, but for those that hold secrets."""
    data, found = server.data, []
    cache, config = data / "nginx" / "watch", data / "nginx" / "nginx.conf"
    for path in below(data):
        if path.is_relative_to(cache) or path.is_relative_to(data / "hls"):
            continue
        found.append(str(path))
        if path.name not in _KEPT[:3] and path != config:
            found.append(content(path))
    return "\n".join(found)


def diagnosis(server: Server) -> str:
    """What an admin is told of every broadcast, and every file that can be taken away."""
    found = []
    with administrator(server) as admin:
        for one in good(admin.get("/broadcasts?ended=true"))["broadcasts"]:
            path = f"/broadcasts/{one['id']}/diagnosis"
            found.append(admin.get(path).text)
            archive = admin.get(f"{path}.tar.gz").content
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                files = [file for member in tar if (file := tar.extractfile(member))]
                found += [file.read().decode() for file in files]
    assert len(found) >= 2 * (1 + _ARCHIVED), "there are two broadcasts"
    return "\n".join(found)


PLACES: dict[str, Callable[[Evidence], str]] = {
    "the log": lambda seen: seen.server.logged(),
    "diagnosis": lambda seen: diagnosis(seen.server),
    "readiness": lambda seen: http.get(f"{seen.server.http}/readyz").text,
    "metrics": lambda seen: http.get(f"{seen.server.http}/metrics").text,
    "answers": lambda seen: "\n".join(seen.hoard.answers.values()),
    "processes": lambda seen: seen.processes,
    "hls": lambda seen: hls(seen.server),
    "files": lambda seen: kept_files(seen.server),
}


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_stands_in(evidence: Evidence, place: str) -> None:
    text = PLACES[place](evidence)
    assert text
    assert evidence.hoard.found(text) == []


def test_the_log_tells_what_it_may(evidence: Evidence) -> None:
    """So that it is not clean because nothing is in it."""
    log = evidence.server.logged()
    people = ("publisher_refused", "rtmp_publisher_refused", "sign_in_refused", "publisher_connected")
    for event in (*people, "request"):
        assert f'"event": "{event}"' in log
    assert '"level": "debug"' in log


def test_what_holds_secrets_is_for_the_server_alone(evidence: Evidence) -> None:
    data = evidence.server.data
    for path in (*(data / name for name in _KEPT), data / "nginx" / "nginx.conf"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    cache = data / "nginx" / "watch"
    assert any(cache.rglob("*")), "answers were cached"
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


def test_the_configuration_of_nginx_knows_one_secret(evidence: Evidence) -> None:
    config = (evidence.server.data / "nginx" / "nginx.conf").read_text()
    assert evidence.hoard.found(config) == ["internal secret"]


def test_what_is_searched_for_would_be_found(evidence: Evidence) -> None:
    hoard = evidence.hoard
    for name, secret in hoard.known.items():
        assert name in hoard.found(f"…{secret[-_ENOUGH:]}…")
    with administrator(evidence.server) as admin:
        assert only_key(admin, "demo1")
