"""HTTPS and RTMPS by nginx, and a certificate that is renewed under a live broadcast."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import shutil
import socket
import ssl
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from cryptography import x509

from ingestd.nginx.certificate import Certificate
from ingestd.nginx.server import free_port, worker_group
from tests.support.authority import Authority
from tests.support.front import HOST, Front, front
from tests.support.rtmp import RtmpPublisher
from tests.support.server import PATIENCE, wait_for

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

    ports = [f"{HOST}:{free_port(HOST)}" for _ in range(2)]
    with front(certificate=handed_over, rtmps_listen=ports[0], rtmps_inner=ports[1]) as made:
        made.file("demo/index.m3u8", "#EXTM3U")
        yield made


def keeper(files: tuple[Path, Path], copy: Path) -> Certificate:
    return Certificate(*files, copy, worker_group("user www-data;") if os.geteuid() == 0 else None)


def port(address: str) -> int:
    return int(address.rpartition(":")[2])


def serial(address: str, trust: ssl.SSLContext) -> int:
    """Of the certificate that is shown now."""
    with (
        socket.create_connection((HOST, port(address)), PATIENCE) as connection,
        trust.wrap_socket(connection, server_hostname=HOST) as secured,
    ):
        shown = secured.getpeercert(binary_form=True)
        assert shown
        return x509.load_der_x509_certificate(shown).serial_number


def test_the_port_speaks_https_and_says_so_for_good(nginx: Front, authority: Authority) -> None:
    with httpx.Client(base_url=f"https://{nginx.authority}", verify=authority.trusting()) as client:
        answer = client.get("/hls/demo/index.m3u8")
        assert (answer.status_code, answer.text) == (200, "#EXTM3U")
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        client.get("/anything")
        assert nginx.behind.asked[-1]["x-forwarded-proto"] == "https"


def test_plain_http_on_that_port_is_sent_to_https(nginx: Front) -> None:
    answer = httpx.get(f"http://{nginx.authority}/watch/demo?a=b%20c", verify=False)
    assert answer.status_code == 301
    assert answer.headers["location"] == f"https://{nginx.authority}/watch/demo?a=b%20c"
    assert "strict-transport-security" not in answer.headers


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
    workers = psutil.Process(nginx.process.pid).children()
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
    assert psutil.Process(nginx.process.pid).children() == workers


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
