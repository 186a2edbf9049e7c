"""compose.yaml with a Docker engine of its own: built, published to, killed, replaced, squeezed, restored,
taken away.

Runs inside the box (``make test-boxes``), in the checkout, with Debian's Python, numpy, aiortc and FFmpeg.
One line for each step.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.boxes.common import LADDER, command, get, wait_for, walk
from tests.boxes.docker.webrtc import Way, seen
from tests.chaos.analysis import examine
from tests.chaos.clip import Clip, clip

HLS, HTTPS = 8080, 8443
INGESTD, NGINX = "172.16.255.2", "172.16.255.3"
INNER, OUTSIDE = "ingestd_inner", "ingestd_outside"
PASSWORD = "correct horse battery"
SIZE = {"ingestd": 480, "ingestd-nginx": 30, "ingestd-turn": 30}  # MB at most, beyond the base
SECRETS = Path("config/secrets")
SERVICES = {"ingestd", "nginx", "turn", "prometheus", "grafana", "postgres", "redis"}
# Of the data directory: nobody reads them in a log.
SECRET_FILES = ("demo.key", "nginx.secret", "secret", "storage.key")
# Where the test wants something else than people do.
MILD = {
    "INGESTD_INGEST_MAX_LOAD": "0",
    "INGESTD_HLS_WINDOW": "3600",
    "INGESTD_ENCODER_LADDER": LADDER,
}
_TOOLS = "gcc cc ld make cmake pip pip3 node npm git curl wget"


def compose(*words: str, check: bool = True) -> str:
    return command("docker", "compose", *words, check=check, timeout=900)


def inspected(container: str, template: str) -> Any:
    return json.loads(command("docker", "inspect", "-f", f"{{{{json {template}}}}}", container))


def container(service: str) -> str:
    return compose("ps", "-aq", service)


def main_pid(service: str) -> int:
    return int(inspected(container(service), ".State.Pid"))


def in_ingestd(*words: str, check: bool = True) -> str:
    return compose("exec", "-T", "ingestd", *words, check=check)


def logged(service: str = "ingestd") -> str:
    return compose("logs", "--no-log-prefix", "--no-color", service).replace("\x1b[2K", "")  # Compose's own


known = {PASSWORD}
"""Every secret that there has been."""

written: dict[str, list[str]] = {"ingestd": [], "nginx": []}
"""What containers have written that were taken away since."""


def keep_logs() -> None:
    """Before containers are taken away, for with them goes what they have written."""
    for service, lines in written.items():
        lines += logged(service).splitlines()


def keep_secrets() -> None:
    known.update(in_ingestd("cat", f"/var/lib/ingestd/{name}") for name in SECRET_FILES)


def ready() -> bool:
    try:
        return bool(json.loads(get("/readyz", HLS))["ready"])
    except OSError:
        return False


def newest() -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(get("/api/v1/broadcasts", HLS))["broadcasts"]
    return max(found, key=lambda one: str(one["id"])) if found else {}


@contextmanager
def override(**services: dict[str, Any]) -> Iterator[None]:
    """As a compose.override.yaml would, which is JSON here; settings of the tests are in it as well."""
    ingestd = services.get("ingestd", {})
    ingestd = ingestd | {"environment": MILD | ingestd.get("environment", {})}
    file = Path(tempfile.mkdtemp(), "compose.override.json")
    file.write_text(json.dumps({"services": services | {"ingestd": ingestd}}))
    before = os.environ.get("COMPOSE_FILE", "")
    os.environ["COMPOSE_FILE"] = f"compose.yaml:{file}"
    try:
        yield
    finally:
        shutil.rmtree(file.parent)
        os.environ.pop("COMPOSE_FILE")
        if before:
            os.environ["COMPOSE_FILE"] = before


def up(*words: str, **variables: str) -> None:
    keep_logs()
    with environment(variables):
        try:
            compose("up", "--wait", *words)
        except AssertionError:
            print(compose("ps", "--all"), logged()[-2000:], logged("nginx")[-2000:], sep="\n")
            raise
    wait_for("ready", ready)
    keep_secrets()


def down(*words: str) -> None:
    keep_logs()
    compose("down", *words)


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


# Steps


def configuration_is_sound() -> None:
    """Of every profile, and with a certificate; the images of others are not fetched."""
    assert compose("--profile", "*", "config", "-q") == ""
    assert compose("-f", "compose.yaml", "-f", "config/compose.tls.yaml", "config", "-q") == ""
    found = json.loads(compose("--profile", "*", "config", "--format", "json"))
    assert set(found["services"]) == SERVICES
    assert set(json.loads(compose("config", "--format", "json"))["services"]) == {"ingestd", "nginx"}
    for name, service in found["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["mem_limit"] and service["pids_limit"], name
        assert service["logging"]["options"]["max-size"], name


def builds() -> None:
    compose("--profile", "turn", "build", "--quiet")
    for image, most in SIZE.items():
        size = megabytes(image) - megabytes("debian:bookworm-slim")
        print(f"    {image}: {size} MB beyond its base")
        assert size <= most, image
        config = json.loads(command("docker", "image", "inspect", "-f", "{{json .Config}}", image))
        assert config["User"] == "10001:10001" and config["Healthcheck"] and config["StopSignal"] == "SIGTERM"
        told = labels(image)
        assert (told["licenses"], told["base.name"]) == ("MIT", "docker.io/library/debian:bookworm-slim")
        assert all(told.values()) and "revision" not in told, told
        look = f"for tool in {_TOOLS}; do command -v $tool; done; true"
        assert command("docker", "run", "--rm", "--entrypoint", "sh", image, "-c", look) == "", image


def labels(image: str) -> dict[str, str]:
    found = json.loads(command("docker", "image", "inspect", "-f", "{{json .Config.Labels}}", image))
    return {name.removeprefix("org.opencontainers.image."): value for name, value in found.items()}


def builds_what_is_asked_for() -> None:
    """Traces, and labels for who hands the image on."""
    given = {
        "EXTRAS": "otel",
        "REVISION": "abc",
        "CREATED": "2026-11-21T12:00:00Z",
        "SOURCE": "https://a.example",
    }
    words = [f"--build-arg={name}={value}" for name, value in given.items()]
    command("docker", "build", "-q", *words, "-t", "traced", ".", timeout=900)
    told = labels("traced")
    assert [told[name] for name in ("revision", "created", "source")] == list(given.values())[1:]
    start = "from ingestd.telemetry import start; start('http://127.0.0.1:4318/v1/traces')"
    for image, code in (("traced", 0), ("ingestd", 1)):
        run = ["docker", "run", "--rm", "--entrypoint", "python3", image, "-c", start]
        ended = subprocess.run(run, capture_output=True, text=True, timeout=120)
        assert ended.returncode == code, ended.stderr
    assert "INGESTD_EXTRAS=otel" in ended.stderr


def megabytes(image: str) -> int:
    return int(command("docker", "image", "inspect", "-f", "{{.Size}}", image)) // 10**6


def is_not_open_without_a_certificate() -> None:
    with environment({"INGESTD_LISTEN": "0.0.0.0"}):
        run = "docker compose run --rm --no-deps -T ingestd".split()
        ended = subprocess.run(run, capture_output=True, text=True, timeout=120)
    line = json.loads(ended.stderr.splitlines()[-1])
    assert (ended.returncode, line["event"]) == (2, "not_started"), ended.stderr
    assert "INGESTD_LISTEN" in line["reason"] and "compose.tls.yaml" in line["reason"]


def starts() -> None:
    up()
    assert b"<html" in get("/", HLS)
    said = logged()
    key = in_ingestd("cat", "/var/lib/ingestd/demo.key")
    assert f"ingestd is ready: http://127.0.0.1:{HLS}/" in said
    assert "docker compose exec ingestd ingestd user password admin" in said
    secret = in_ingestd("cat", "/var/lib/ingestd/nginx.secret")
    assert len(key) > 8 and len(secret) > 8 and key not in said and secret not in said
    assert "streamKey" not in said
    give = "docker compose exec -T ingestd ingestd user password --password-stdin admin".split()
    subprocess.run(give, input=f"{PASSWORD}\n", text=True, check=True, capture_output=True)
    assert (said := signed_in()) == "200", said


def signed_in() -> str:
    """The HTTP status for admin's password."""
    body = json.dumps({"name": "admin", "password": PASSWORD}).encode()
    origin = f"http://127.0.0.1:{HLS}"
    as_pages_do = {"Content-Type": "application/json", "Origin": origin, "X-Ingestd": "1"}
    asked = urllib.request.Request(f"{origin}/api/v1/session", body, as_pages_do)
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read()!r}"


def is_confined() -> None:
    for service in ("ingestd", "nginx"):
        confined(service)
    assert compose("exec", "-T", "nginx", "ls", "/var/lib/ingestd").split() == ["hls", "nginx"]


def confined(service: str) -> None:
    rightless(main_pid(service))
    host = inspected(container(service), ".HostConfig")
    assert host["ReadonlyRootfs"] and host["Memory"] and host["PidsLimit"], host
    ended = compose("exec", "-T", service, "sh", "-c", "touch /x /opt/x /etc/x 2>&1", check=False)
    assert ended.count("Read-only file system") == 3, ended


def rightless(pid: int) -> None:
    status = Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["10001"] * 4, status
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0 and fields["NoNewPrivs"] == "1"


def inner_ports_are_for_the_two_alone() -> None:
    """Another container reaches none of them from outside; inside, where Prometheus is, it may do nothing."""
    for address, port in ((INGESTD, 4000), (NGINX, 1940), ("nginx", 1942), ("ingestd", 4000)):
        assert beside(OUTSIDE, f"timeout 5 bash -c 'exec 3<>/dev/tcp/{address}/{port}'"), (address, port)
    push = "ffmpeg -v error -f lavfi -i testsrc -t 1 -c:v libx264 -f flv rtmp://{}/renditions/x"
    assert beside(INNER, push.format(f"{NGINX}:1940"))
    stat = "exec 3<>/dev/tcp/{}/1942; printf 'GET /stat HTTP/1.0\\r\\n\\r\\n' >&3; grep -q ' 200 ' <&3"
    assert beside(INNER, stat.format(NGINX))
    assert not beside(INNER, f"exec 3<>/dev/tcp/{INGESTD}/4000")
    assert get("/readyz", HLS)


def beside(network: str, script: str) -> int:
    """The exit code of what another container says."""
    words = ["timeout", "20", "bash", "-c", script]
    run = ["docker", "run", "--rm", "--no-healthcheck", "--network", network, "--entrypoint", "tini"]
    return subprocess.run([*run, "ingestd", "--", *words], capture_output=True, timeout=120).returncode


class Publisher:
    """``ingestd publish`` of the clip in a container of its own, through nginx, at the clip's own pace."""

    def __init__(self, recording: Clip | None = None, *, live: bool = True) -> None:
        self._clip = recording or clip("vp8", 256, 144, 24)
        before = newest().get("id", "")
        token = in_ingestd("ingestd", *"token create --channel demo --scope publish".split())
        known.add(token)
        key = in_ingestd("cat", "/var/lib/ingestd/demo.key")
        run = ["docker", "run", "--rm", "--no-healthcheck", "--network=host", "-eINGESTD_STREAM_KEY"]
        run += ["-eINGESTD_TOKEN", f"-v{self._clip.path}:/clip.webm:ro", "ingestd", "publish", "--quiet"]
        self.process = subprocess.Popen(
            [*run, "--server", f"http://127.0.0.1:{HLS}", "/clip.webm"],
            env={**os.environ, "INGESTD_STREAM_KEY": key, "INGESTD_TOKEN": token},
            stderr=subprocess.PIPE,
            text=True,
        )
        self._seen: dict[str, Any] = {}
        self.broadcast = str(wait_for("a broadcast", lambda: self._live(before))) if live else ""

    def _live(self, before: str) -> str:
        """Not before something of it can be played."""
        assert self.process.poll() is None, self.process.communicate()[1]
        found = newest()
        fresh = found and found["id"] != before and found["state"] == "live"
        return str(found["id"]) if fresh else ""

    def ends_whole(self) -> None:
        """Every frame stands in both renditions, once."""
        _, errors = self.process.communicate(timeout=240)
        assert self.process.returncode == 0, errors
        is_whole(self.broadcast, self._clip.frames)


def is_whole(broadcast: str, frames: int) -> None:
    found = examine(lambda path: get(path, HLS), f"/hls/demo/{broadcast}/index.m3u8", 0, frames)
    assert {name: one.runs for name, one in found.renditions.items() if one.damage} == {}
    assert [one for one in found.complaints if "using insecure memory" not in one] == []
    assert len(found.renditions) == 2, list(found.renditions)
    said = ", ".join(f"{name} {one.runs}" for name, one in found.renditions.items())
    print(f"    {frames} frames: {said}"[:200])


def publishes() -> None:
    publisher = Publisher()
    assert wait_for("a viewer", lambda: watched(publisher.broadcast)) == 1
    publisher.ends_whole()
    ended.append(publisher.broadcast)


ended: list[str] = []


def webrtc_works() -> None:
    """By the published ports; and where these are closed, by coturn, which leads to ingestd alone."""
    secret, file, own = secrets.token_hex(24), SECRETS / "turn_secret", own_address()
    turn = [f"turn:{own}:3478?transport={transport}" for transport in ("udp", "tcp")]
    said = {"HTTP_INSECURE": "true", "WEBRTC_TURN": json.dumps(turn)}
    said |= {"WEBRTC_TURN_SECRET_FILE": "/run/secrets/turn_secret"}
    settings = {f"INGESTD_{name}": value for name, value in said.items()}
    profile = {"COMPOSE_PROFILES": "turn", "INGESTD_LISTEN": "0.0.0.0", "INGESTD_WEBRTC_PUBLIC_ADDRESS": own}
    known.add(secret)
    file.write_text(f"{secret}\n")
    os.chown(file, 10001, 10001)
    try:
        with override(ingestd={"environment": settings}), environment(profile):
            up()
            assert json.loads(get("/readyz", HLS))["webrtc"] == []
            pids = command("pgrep", "-x", "janus").split()
            assert len(pids) == 2, pids
            for pid in pids:
                rightless(int(pid))
            confined("turn")
            goes_by_webrtc(own, turn)
            lines = logged("turn")
            assert "Relay ports initialization done" in lines and secret not in lines
            compose("rm", "--stop", "--force", "turn")
    finally:
        file.unlink()
    up()  # with other settings, and another address


def goes_by_webrtc(own: str, turn: Sequence[str]) -> None:
    key, base = in_ingestd("cat", "/var/lib/ingestd/demo.key"), f"http://127.0.0.1:{HLS}"
    addresses = seen(Way(base, address=own), key)
    assert {own, INGESTD} <= set(addresses), addresses
    rule = "OUTPUT -p udp --dport 20000:20119 -j DROP".split()
    command("iptables", "-I", *rule)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as place, contextlib.suppress(PermissionError):
            place.sendto(b"x", (own, 20000))
            raise AssertionError("the ports are not closed")
        for relay in turn:
            seen(Way(base, relay=relay), key)
    finally:
        command("iptables", "-D", *rule)


def own_address() -> str:
    """Of the machine that the engine runs on, by which others reach it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(("192.0.2.1", 9))  # nothing is sent
        return str(asked.getsockname()[0])


def watched(broadcast: str) -> int:
    """How many do, as far as ingestd knows by what nginx logs; we are one."""
    base = f"/hls/demo/{broadcast}"
    playlist = get(f"{base}/index.m3u8", HLS).decode().split()[-1]
    assert b"#EXTINF" in get(f"{base}/{playlist}", HLS)
    return newest()["viewers"] or 0


def survives_kill_of_ingestd() -> None:
    publisher = Publisher()
    kill("ingestd")
    publisher.ends_whole()


def survives_kill_of_nginx() -> None:
    publisher = Publisher()
    kill("nginx")
    publisher.ends_whole()


def kill(service: str) -> None:
    """Not by the engine, which would take that for a wish that it stay down."""
    killed = main_pid(service)
    os.kill(killed, 9)
    wait_for(f"another {service}", lambda: main_pid(service) not in (0, killed))


def survives_kill_of_the_encoder() -> None:
    publisher = Publisher()
    encoders = command("pgrep", "-u", "10001", "-x", "ffmpeg").split()
    assert encoders
    for encoder in encoders:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(encoder), 9)
    publisher.ends_whole()


def replaced_under_load_loses_nothing() -> None:
    publisher = Publisher()
    before, nginx = container("ingestd"), main_pid("nginx")
    up("--force-recreate", "--no-deps", "ingestd")
    assert container("ingestd") != before and main_pid("nginx") == nginx
    publisher.ends_whole()


def everything_replaced_under_load_loses_nothing() -> None:
    publisher = Publisher()
    up("--force-recreate")
    publisher.ends_whole()


def asked_while_ingestd_is_away() -> None:
    """nginx says so; what it writes down is looked at in the end."""
    key = in_ingestd("cat", "/var/lib/ingestd/demo.key")
    token = in_ingestd("ingestd", *"token create --channel demo --scope watch".split())
    known.add(token)
    paths = f"/watch/demo?token={token}", f"/ws?streamKey={key}&token={token}", f"/ws/{key}"
    compose("stop", "ingestd")
    try:
        with ThreadPoolExecutor() as pool:
            statuses = list(pool.map(status, paths))
        push = (
            f"ffmpeg -v error -f lavfi -i testsrc -t 1 -c:v libx264 -f flv rtmp://127.0.0.1:1935/live/{key}"
        )
        assert subprocess.run(push.split(), capture_output=True, timeout=120).returncode
    finally:
        up()
    assert set(statuses) <= {502, 504}, statuses


def status(path: str) -> int:
    """nginx's, which may wait a minute for somebody at ingestd's address."""
    try:
        get(path, HLS, timeout=120)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def down_and_up_keeps_all() -> None:
    key = in_ingestd("cat", "/var/lib/ingestd/demo.key")
    down()
    up()
    assert in_ingestd("cat", "/var/lib/ingestd/demo.key") == key
    assert (said := signed_in()) == "200", said
    for broadcast in ended:
        is_whole(broadcast, clip("vp8", 256, 144, 24).frames)


def settings_are_read_again() -> None:
    compose("kill", "-s", "HUP", "ingestd")
    wait_for("the line", lambda: '"configuration_reloaded"' in logged())
    assert ready()


def comes_back_from_a_backup() -> None:
    """As the README says; on another machine there is nothing either."""
    back_up = "docker compose exec -T ingestd ingestd backup -".split()
    archive = subprocess.run(back_up, capture_output=True, check=True, timeout=120).stdout
    key, keys = in_ingestd("cat", "/var/lib/ingestd/demo.key"), in_ingestd("ingestd", "key", "list", "demo")
    down()
    command("docker", "volume", "rm", "ingestd_data", "ingestd_hls", "ingestd_nginx")
    restore = "docker compose run --rm --no-deps -T ingestd restore -".split()
    ended = subprocess.run(restore, input=archive, capture_output=True, timeout=120)
    assert ended.returncode == 0, ended.stderr.decode()
    up()
    assert in_ingestd("cat", "/var/lib/ingestd/demo.key") == key
    assert in_ingestd("ingestd", "key", "list", "demo") == keys
    assert (said := signed_in()) == "200", said
    Publisher().ends_whole()


def a_port_in_the_settings_leads_nowhere_else() -> None:
    """The health check, nginx and Prometheus ask where ingestd listens, whatever somebody has written."""
    file = Path(tempfile.mkdtemp(), "ingestd.toml")
    file.write_text("[http]\nport = 5000\n")
    try:
        with override(ingestd={"volumes": [f"{file}:/etc/ingestd/ingestd.toml:ro"]}):
            up()
            assert "5000" in in_ingestd("cat", "/etc/ingestd/ingestd.toml")
    finally:
        shutil.rmtree(file.parent)


def runs_without_a_limit() -> None:
    up(INGESTD_MEMORY="0")
    assert inspected(container("ingestd"), ".HostConfig.Memory") == 0
    Publisher().ends_whole()


def says_that_memory_is_short() -> None:
    """Where an encoder finds no room: plain words in the log, and for the publisher."""
    rungs = ((1080, 4500), (720, 2500), (480, 1200))  # far more than there is, however slow the machine
    large = ", ".join(f"{{ height = {height}, bitrate = {bitrate} }}" for height, bitrate in rungs)
    short = {"LADDER": f"[{large}]", "PRESET": "medium", "MAX_RESTARTS": "2"}
    # On a busy machine it stands still before it is killed; without the largest rendition it would find room.
    short |= {"STALL_TIMEOUT": "3600", "SLOW_TIMEOUT": "3600"}
    with override(ingestd={"environment": {f"INGESTD_ENCODER_{key}": value for key, value in short.items()}}):
        up(INGESTD_MEMORY="176m")
        wait_for("a warning", lambda: "memory_limit_low" in logged())
        publisher = Publisher(clip("vp8", 1920, 1080, 10), live=False)
        _, errors = publisher.process.communicate(timeout=240)
    assert "memory" in errors and publisher.process.returncode, logged()[-3000:]
    print(f"    {errors.strip()}")


def speaks_tls() -> None:
    """With a certificate nothing is left without, but the way from port 80."""
    pem, key = SECRETS / "tls.pem", SECRETS / "tls.key"
    made = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout {key} -out {pem}"
    try:
        command(*made.split())
        os.chown(key, 10001, 10001)
        files = f"{os.environ['COMPOSE_FILE']}:config/compose.tls.yaml"
        with environment({"COMPOSE_FILE": files, "INGESTD_HLS_PORT": str(HTTPS)}):
            keep_logs()
            compose("up", "--wait")
            wait_for("HTTPS", lambda: b" 200 " in over_tls(HTTPS, "GET /readyz HTTP/1.0\r\n\r\n"))
            assert over_tls(1936) == b""
            with socket.create_connection(("127.0.0.1", 80), 30) as peer:
                peer.sendall(b"GET /watch/demo HTTP/1.0\r\nHost: tv.example.org\r\n\r\n")
                assert f"https://tv.example.org:{HTTPS}/watch/demo".encode() in peer.recv(4096)
            plain = compose("exec", "-T", "nginx", "grep", "listen 127.0.0.1:1935", "nginx.conf")
            assert plain, "RTMP without TLS is for nobody"
    finally:
        pem.unlink(missing_ok=True)
        key.unlink(missing_ok=True)


def over_tls(port: int, asked: str = "") -> bytes:
    """What comes back; nothing is asked: b"" after the handshake."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 30) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as peer,
        ):
            peer.sendall(asked.encode())
            return b"".join(iter(lambda: peer.recv(65536), b"")) if asked else b""
    except OSError as error:
        return repr(error).encode()


def logs_keep_no_secret() -> None:
    """Of nobody who was killed, replaced, restarted or kept from starting; and ingestd's are JSON."""
    up()
    keep_logs()
    assert any(secret.startswith("eyJ") for secret in known), "tokens, too"
    for service, lines in written.items():
        print(f"    {service}: {len(lines)} lines")
        assert [line for line in lines if any(secret in line for secret in known)] == [], service
    assert [line for line in written["ingestd"] if not line.startswith('{"')] == []


def stops() -> None:
    """Each in its own time and by its own will; then nothing is left."""
    up()
    publisher = Publisher()
    compose("stop")
    for service in ("ingestd", "nginx"):
        state = inspected(container(service), ".State")
        assert state["ExitCode"] == 0 and not state["OOMKilled"], (service, state)
    publisher.process.kill()
    publisher.process.wait()
    compose("down", "--volumes")
    assert (
        command("docker", "volume", "ls", "-q", "--filter", "label=com.docker.compose.project=ingestd") == ""
    )


STEPS = (
    configuration_is_sound,
    builds,
    builds_what_is_asked_for,
    is_not_open_without_a_certificate,
    starts,
    is_confined,
    inner_ports_are_for_the_two_alone,
    publishes,
    webrtc_works,
    survives_kill_of_ingestd,
    survives_kill_of_nginx,
    survives_kill_of_the_encoder,
    replaced_under_load_loses_nothing,
    everything_replaced_under_load_loses_nothing,
    asked_while_ingestd_is_away,
    down_and_up_keeps_all,
    settings_are_read_again,
    comes_back_from_a_backup,
    a_port_in_the_settings_leads_nowhere_else,
    runs_without_a_limit,
    says_that_memory_is_short,
    speaks_tls,
    logs_keep_no_secret,
    stops,
)


if __name__ == "__main__":
    with override():
        chosen = [step for step in STEPS if not sys.argv[1:] or re.search(sys.argv[1], step.__name__)]
        sys.exit(walk(chosen))
