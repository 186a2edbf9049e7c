"""HTTPS and RTMPS by nginx, and a certificate that is renewed under a live broadcast."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import re
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from cryptography import x509
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from ingestd.nginx.certificate import Certificate
from ingestd.nginx.server import worker_group
from tests.support import http
from tests.support.administrator import administrator, going_on, good, publishing
from tests.support.authority import Authority
from tests.support.foreign import serving
from tests.support.front import HOST, Front, front
from tests.support.ports import free_port
from tests.support.publisher import RECORDINGS
from tests.support.rtmp import RtmpPublisher
from tests.support.server import INGESTD, PATIENCE, Server, argv, environment, running, wait_for
from tests.system.conftest import SMALL

ELSEWHERE = "127.0.0.3"  # an address of this machine that nothing else comes from


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def files(authority: Authority) -> Iterator[tuple[Path, Path]]:
    """Chain and key, as the operator has them: nobody but us can read them."""
    place = Path(tempfile.mkdtemp(prefix="ingestd-test-"))
    authority.issue(place / "chain.pem", place / "key.pem")
    yield place / "chain.pem", place / "key.pem"
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def nginx(files: tuple[Path, Path]) -> Iterator[Front]:
    def handed_over(root: Path) -> Path:
        keeper(files, root / "nginx" / "tls.pem").take()
        return root / "nginx" / "tls.pem"

    ports = {name: f"{HOST}:{free_port(HOST)}" for name in ("rtmps_listen", "redirect_listen")}
    with front(certificate=handed_over, **ports) as made:
        made.file("demo/index.m3u8", "#EXTM3U")
        yield made


def keeper(files: tuple[Path, Path], copy: Path) -> Certificate:
    return Certificate(*files, copy, worker_group("user www-data;") if os.geteuid() == 0 else None)


def port(address: str) -> int:
    return int(address.rpartition(":")[2])


def trusting(entry: str, authority: Authority) -> httpx.Client:
    return httpx.Client(base_url=entry, verify=authority.trusting(), timeout=PATIENCE)


def workers(master: psutil.Process) -> list[psutil.Process]:
    """Those that serve. (Another child, which reads the cache, ends a minute after the start.)"""
    return [one for one in master.children() if "worker process" in argv(one)]


def serial(address: str, trust: ssl.SSLContext) -> int:
    """Of the certificate that is shown now; 0: it changes in this instant."""
    try:
        with (
            socket.create_connection((HOST, port(address)), PATIENCE) as connection,
            trust.wrap_socket(connection, server_hostname=HOST) as secured,
        ):
            shown = secured.getpeercert(binary_form=True)
            assert shown
            return x509.load_der_x509_certificate(shown).serial_number
    except ssl.SSLError as error:
        if error.reason != "TLSV1_ALERT_INTERNAL_ERROR":
            raise
        return 0


def test_the_port_speaks_https_and_says_so_for_good(nginx: Front, authority: Authority) -> None:
    with trusting(f"https://{nginx.authority}", authority) as client:
        answer = client.get("/hls/demo/index.m3u8")
        assert (answer.status_code, answer.text) == (200, "#EXTM3U")
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        client.get("/anything-by-https")
        (asked,) = (one for one in nginx.behind.asked if one[":path"] == "/anything-by-https")
        assert asked["x-forwarded-proto"] == "https"


def test_plain_http_on_that_port_is_sent_to_https(nginx: Front) -> None:
    answer = http.get(f"http://{nginx.authority}/watch/demo?a=b%20c")
    assert answer.status_code == 301
    assert answer.headers["location"] == f"https://{nginx.authority}/watch/demo?a=b%20c"
    assert "strict-transport-security" not in answer.headers


def test_plain_http_on_a_port_of_its_own_is_sent_to_https(nginx: Front) -> None:
    answer = http.post(f"http://{nginx.values.redirect_listen}/watch/demo?a=b%20c", headers={"Host": "tv:80"})
    assert answer.status_code == 308
    assert answer.headers["location"] == "https://tv/watch/demo?a=b%20c"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in answer.headers


def test_nginxs_own_pages_are_as_safe_as_others(nginx: Front, authority: Authority) -> None:
    """And what ingestd says itself is not said twice."""
    safe = {
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "strict-transport-security": "max-age=31536000",
    }
    with trusting(f"https://{nginx.authority}", authority) as client:
        for path, status in (("/hls/", 404), ("/metrics", 404), ("/internal/x", 404)):
            answer = client.get(path)
            assert (answer.status_code, {name: answer.headers.get(name) for name in safe}) == (status, safe)
        large = client.post("/sign-in", content=b"x" * (1 << 22))
        assert (large.status_code, {name: large.headers.get(name) for name in safe}) == (413, safe)
        nginx.behind.headers = safe | {"content-security-policy": "default-src 'self'"}
        answer = client.get("/anything")
        assert [answer.headers.get_list(name) for name in safe] == [
            [value] for value in nginx.behind.headers.values()
        ]


@pytest.mark.parametrize(
    ("oldest", "newest", "agreed"),
    [
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, None),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_protocols_are_modern(
    nginx: Front, authority: Authority, oldest: ssl.TLSVersion, newest: ssl.TLSVersion, agreed: str | None
) -> None:
    trust = authority.trusting()
    trust.minimum_version, trust.maximum_version = oldest, newest
    trust.set_ciphers("ALL:@SECLEVEL=0")
    trust.set_alpn_protocols(["h2", "http/1.1"])
    for address, protocol in ((nginx.authority, "h2"), (nginx.values.rtmps_listen, None)):
        with (
            contextlib.nullcontext() if agreed else pytest.raises((ssl.SSLError, ConnectionError)),
            socket.create_connection((HOST, port(address)), PATIENCE) as connection,
            trust.wrap_socket(connection, server_hostname=HOST) as secured,
        ):
            assert secured.version() == agreed
            assert secured.selected_alpn_protocol() == protocol
            cipher = secured.cipher()
            assert cipher and ("GCM" in cipher[0] or "CHACHA20" in cipher[0])


def test_the_key_is_readable_for_nginx_alone(nginx: Front) -> None:
    copy = nginx.values.certificate
    assert copy
    found = copy.stat()
    if os.geteuid() == 0:
        assert stat.S_IMODE(found.st_mode) == 0o640
        assert (found.st_uid, grp.getgrgid(found.st_gid).gr_name) == (0, "www-data")
    else:
        assert stat.S_IMODE(found.st_mode) == 0o600


def test_a_renewed_certificate_is_shown_and_a_live_broadcast_goes_on(
    nginx: Front, authority: Authority, files: tuple[Path, Path]
) -> None:
    assert nginx.process and nginx.values.certificate
    trust, made = authority.trusting(), keeper(files, nginx.values.certificate)
    made.take()
    master = psutil.Process(nginx.process.pid)
    before = wait_for("a worker", lambda: workers(master))
    with pushing(nginx) as directory:
        wait_for("segments", lambda: (directory / "1.ts").exists())

        async def renew() -> None:
            following = asyncio.create_task(made.follow(0.05))
            new = await asyncio.to_thread(authority.issue, *files)
            for address in (nginx.authority, nginx.values.rtmps_listen):
                shown = "the new certificate"
                await asyncio.to_thread(wait_for, shown, lambda at=address: serial(at, trust) == new)
            following.cancel()

        asyncio.run(renew())
        newest = max(int(path.stem) for path in directory.glob("*.ts"))
        wait_for("more segments", lambda: (directory / f"{newest + 2}.ts").exists())
    listed = (directory / "index.m3u8").read_text()
    assert listed.count("#EXT-X-DISCONTINUITY") == 1, "nginx-rtmp's own, before the first segment"
    assert workers(master) == before


@contextlib.contextmanager
def pushing(nginx: Front) -> Iterator[Path]:
    """An encoder that goes on while we look; the directory of its segments."""
    source = "testsrc=size=64x64:rate=10"
    encode = "-c:v libx264 -preset ultrafast -force_key_frames expr:gte(t,n_forced) -f flv"
    target = f"rtmp://{nginx.values.rtmp_internal}/renditions/tls"
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", source]
    process = subprocess.Popen([*command, *encode.split(), target])
    try:
        yield nginx.hls / "private" / "tls"
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_rtmps_leads_to_the_publishers_server_with_the_address_of_who_asks(
    nginx: Front, authority: Authority
) -> None:
    nginx.behind.asked.clear()
    with RtmpPublisher(f"rtmp://{nginx.values.rtmps_listen}/live", PATIENCE) as publisher:
        publisher.socket.close()
        plain = socket.create_connection(
            (HOST, port(nginx.values.rtmps_listen)), PATIENCE, source_address=(ELSEWHERE, 0)
        )
        publisher.socket = authority.trusting().wrap_socket(plain, server_hostname=HOST)
        publisher.publish("a-stream-key")

        def asked() -> dict[str, str] | None:
            return next((one for one in nginx.behind.asked if "/rtmp/publish" in one[":path"]), None)

        form = dict(pair.partition("=")[::2] for pair in wait_for("a callback", asked)[":body"].split("&"))
    assert (form["name"], form["addr"], form["app"]) == ("a-stream-key", ELSEWHERE, "live")
    assert "a-stream-key" not in nginx.logged()


CLIP = "vp8-opus_ts250_kf2000.webm"


@pytest.fixture(scope="module")
def public(files: tuple[Path, Path]) -> Iterator[Server]:
    """The real one as a stranger starts it: on every address, with a certificate, and RTMPS."""
    tls = {"http_tls_certificate": files[0], "http_tls_key": files[1]}
    rtmps = {"rtmp_tls_port": free_port("0.0.0.0"), "rtmp_port": free_port("0.0.0.0")}
    settings = {**SMALL, **tls, **rtmps, "http_bind": "0.0.0.0", "ingest_resume_window": 1}
    settings |= {"ingest_idle_timeout": PATIENCE}
    with running(**settings) as made:
        assert made.hls.startswith("https://")
        yield made


def reaches(host: str, number: int) -> bool:
    try:
        socket.create_connection((host, number), PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True


def printed(server: Server) -> str:
    """What it says once it is ready, to the last line."""
    file = server.log.parent / "printed"
    wait_for("its welcome", lambda: "Ctrl-C" in file.read_text())
    return file.read_text()


def sign_in(server: Server, client: httpx.Client) -> httpx.Response:
    found = re.search(r"as admin, password (\S+)", printed(server))
    assert found, printed(server)
    page = {"Origin": server.hls, "X-Ingestd": "1"}
    body = {"name": "admin", "password": found[1]}
    return client.post("/api/v1/session", json=body, headers=page)


def test_a_stranger_signs_in_by_https_and_is_told_where_to_publish(
    public: Server, authority: Authority
) -> None:
    with trusting(public.hls, authority) as client:
        answer = sign_in(public, client)
        good(answer)
        cookie = answer.headers["set-cookie"].lower()
        assert "; secure" in cookie and "; httponly" in cookie and "samesite=" in cookie
        assert "strict-transport-security" in client.get("/sign-in").headers
        assert good(client.get("/api/v1/session"))["user"]["name"] == "admin"
        told = good(client.get("/api/v1/channels/demo"))["rtmp"]
    assert told == {"host": None, "port": port(public.rtmp[:-5]), "tls_port": told["tls_port"], "local": True}
    assert f"OBS       rtmps://{HOST}:{told['tls_port']}/live\n" in printed(public)


def test_with_a_certificate_nothing_is_public_without_it(public: Server) -> None:
    assert reaches(ELSEWHERE, port(public.hls))
    assert reaches(ELSEWHERE, told(public)["tls_port"])
    for address in (public.rtmp.removesuffix("/live"), public.http):
        assert reaches(HOST, port(address))
        assert not reaches(ELSEWHERE, port(address))


def told(server: Server) -> Any:
    """Where encoders publish, as whoever may is told."""
    with administrator(server) as admin:
        return good(admin.get("/channels/demo"))["rtmp"]


def test_a_recording_is_published_by_wss(
    public: Server, authority: Authority, files: tuple[Path, Path]
) -> None:
    command = [sys.executable, "-m", "ingestd", "publish", str(RECORDINGS / CLIP), "--server", public.hls]
    given = {"INGESTD_STREAM_KEY": public.stream_key, "INGESTD_TOKEN": public.token}
    given |= {"PATH": os.environ["PATH"], "SSL_CERT_FILE": str(files[0])}
    ended = subprocess.run([*command, "--speed", "5"], env=given, capture_output=True, timeout=PATIENCE)
    assert ended.returncode == 0, ended.stderr.decode()
    playlist = public.wait_state("ended")["hls"]
    with trusting(public.hls, authority) as client:
        assert client.get(playlist).text.startswith("#EXTM3U")


@pytest.mark.parametrize(
    ("origin", "taken"), [("https://{}", True), ("http://{}", False), ("https://a.b", False)]
)
def test_a_page_of_another_site_publishes_nothing_by_wss(
    public: Server, authority: Authority, origin: str, taken: bool
) -> None:
    entry = public.hls.removeprefix("https://")
    bearer = {"Authorization": f"Bearer {public.token}", "Origin": origin.format(entry)}
    address = f"wss://{entry}/ws?streamKey={public.stream_key}"
    with (
        contextlib.nullcontext() if taken else pytest.raises(InvalidStatus, match="403"),
        connect(address, additional_headers=bearer, ssl=authority.trusting(), open_timeout=PATIENCE),
    ):
        pass
    if taken:  # the next one is refused as long as it has the channel
        wait_for("the channel to be let go", lambda: public.metric_now("ingestd_publishers") == 0)


def test_a_broadcast_by_rtmps_goes_on_while_the_certificate_is_renewed(
    public: Server, authority: Authority, files: tuple[Path, Path]
) -> None:
    addresses = [f"{HOST}:{port(public.hls)}", f"{HOST}:{told(public)['tls_port']}"]
    with publishing(replace(public, rtmp=f"rtmps://{addresses[1]}/live")):
        began = public.wait_state("live")
        new = authority.issue(*files)
        for address in addresses:
            shown = "the new certificate"
            wait_for(shown, lambda at=address: serial(at, authority.trusting()) == new)  # type: ignore[misc]
        going_on(public, 2.0)
        assert public.wait_state("live")["id"] == began["id"]
    public.wait_state("ended")


def test_serve_beside_an_nginx_with_a_certificate_is_on_loopback_alone(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    ready = tmp_path / "ready.json"
    ports = ("--http-port", "--hls-port", "--rtmp-port", "--set=rtmp.internal_port")
    flags = [f"{flag}={free_port(HOST)}" for flag in ports]
    flags += [f"--set=http.tls_certificate={files[0]}", f"--set=http.tls_key={files[1]}"]
    flags += ["--bind", "0.0.0.0", "--data-dir", str(tmp_path / "data"), "--ready-file", str(ready)]
    with (tmp_path / "log").open("wb") as log:
        daemon = subprocess.Popen([*INGESTD, "serve", *flags], env=environment({}), stdout=log, stderr=log)
        try:
            wait_for("the daemon", lambda: ready.exists() or daemon.poll() is not None)
            assert daemon.poll() is None, (tmp_path / "log").read_text()
            found = psutil.Process(daemon.pid).net_connections("tcp")
            listening = {one.laddr.ip for one in found if one.status == psutil.CONN_LISTEN}
        finally:
            daemon.terminate()
            daemon.wait(PATIENCE)
    assert listening == {HOST}


def test_serve_hands_a_renewed_certificate_to_an_nginx_of_somebody_else(
    authority: Authority, files: tuple[Path, Path]
) -> None:
    trust = authority.trusting()
    with serving(http_tls_certificate=files[0], http_tls_key=files[1], **SMALL) as (server, nginx):
        assert server.hls.startswith("https://")
        address = server.hls.removeprefix("https://")
        before = wait_for("a worker", lambda: workers(nginx))
        new = authority.issue(*files)
        wait_for("the new certificate", lambda: serial(address, trust) == new)
        assert workers(nginx) == before
        wait_for("its welcome", lambda: f"ingestd is ready: {server.hls}/" in server.logged())
        with administrator(server) as admin:
            assert good(admin.get("/channels/demo"))["rtmp"]["local"] is True
