"""The service under a systemd of its own: installed, broken in every way, restarted while live, taken away.

Runs inside the box (``make test-boxes``), with Debian's Python and numpy alone. One line for each step.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.boxes.common import LADDER, command, get, wait_for, walk
from tests.chaos.analysis import examine

CLIP, FRAMES = Path("/usr/src/clip.webm"), 24 * 30
DATA = Path("/var/lib/ingestd")
SETTINGS = Path("/etc/ingestd/ingestd.toml")
UNITS = ("ingestd.socket", "ingestd-viewers.socket", "ingestd.service", "ingestd-nginx.service")
UNITS_AT, OWN = Path("/usr/local/lib/systemd/system"), Path("/etc/systemd/system")
HTTP, HLS = 4000, 8080
HTTPS, RTMPS, REDIRECT = 443, 1936, 80
WATCHDOG = 20.0  # seconds, WatchdogSec=
KNOCKERS = 8  # on each port at once
PASSWORD = secrets.token_urlsafe(12)
GIVEN: set[str] = set()
"""Secrets that commands have printed, or have been told."""


def ready() -> bool:
    try:
        return bool(json.loads(get("/readyz", HTTP))["ready"])
    except OSError:
        return False


def shown(unit: str, name: str) -> str:
    return command("systemctl", "show", "-P", name, unit)


def main_pid(unit: str = "ingestd") -> int:
    return int(shown(unit, "MainPID"))


def journal(unit: str = "ingestd") -> str:
    return command("journalctl", "-o", "cat", "--no-pager", "-u", unit)


def newest() -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(get("/api/v1/broadcasts", HTTP))["broadcasts"]
    return max(found, key=lambda one: str(one["id"])) if found else {}


# Steps


def units_are_sound() -> None:
    for unit in UNITS:
        ended = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
        if unit.endswith(".service"):
            analyze = ["systemd-analyze", "security", "--offline=true", "--threshold=20"]
            command(*analyze, str(UNITS_AT / unit))


def starts() -> None:
    """As the README says; small, so that two shared cores encode it."""
    change(
        ("#max_load = 0.9", "max_load = 0"),
        ("#window = 60.0", "window = 3600"),
        (r"#ladder = \[(?s:.*?)#\]", f"ladder = {LADDER}"),
    )
    command("systemctl", "enable", "--now", "ingestd")
    wait_for("ready", ready)
    for unit in UNITS:
        assert command("systemctl", "is-active", unit) == "active", unit
        assert command("systemctl", "is-enabled", unit) == "enabled", unit
    assert shown("ingestd", "StatusText") == "No broadcast"
    for unit in ("ingestd", "ingestd-nginx"):
        assert shown(unit, "User") == "ingestd"
        assert Path(f"/proc/{main_pid(unit)}").owner() == "ingestd"
    assert b"<html" in get("/", HLS)


def webrtc_works() -> None:
    """Both Janus answer under all that the service is kept from, as its own user."""
    wait_for("both", lambda: journal().count("janus_connected") == 2)
    assert json.loads(get("/readyz", HTTP))["webrtc"] == []
    found = command("pgrep", "-u", "ingestd", "-c", "-x", "janus")
    assert int(found) == 2, found


def journal_keeps_no_secret() -> None:
    lines = journal().splitlines()
    assert any(json.loads(line)["event"] == "ready" for line in lines if line.startswith("{")), lines
    said = "\n".join(lines)
    key = (DATA / "demo.key").read_text().strip()
    assert key and key not in said and (DATA / "nginx.secret").read_text().strip() not in said
    assert "streamKey" not in said and "password admin" in said
    assert "Sign in at" in said
    assert (DATA / "demo.key").stat().st_mode & 0o077 == 0


def nginx_sees_no_secret() -> None:
    """In its own root; what it needs to know alone is there."""
    there = {path.name for path in Path(f"/proc/{main_pid('ingestd-nginx')}/root/var/lib/ingestd").iterdir()}
    assert there == {"hls", "nginx"}, there
    settings = Path(f"/proc/{main_pid('ingestd-nginx')}/root{SETTINGS.parent}")
    assert settings.stat().st_mode & 0o777 == 0 and not list(settings.iterdir())


class Publisher:
    """``ingestd publish`` of the clip, at the pace of its own times; ``fetch`` is how it is watched."""

    def __init__(self, *words: str, fetch: Callable[[str], bytes] = lambda path: get(path, HLS)) -> None:
        self._fetch = fetch
        before = newest().get("id", "")
        environ = {**os.environ, "INGESTD_STREAM_KEY": (DATA / "demo.key").read_text().strip()}
        environ["INGESTD_TOKEN"] = token()
        if AUTHORITY.exists():
            environ["SSL_CERT_FILE"] = str(AUTHORITY)
        self._process = subprocess.Popen(
            ["ingestd", "publish", "--quiet", str(CLIP), *words],
            env=environ,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.broadcast = str(wait_for("a broadcast", lambda: self._live(before)))

    def _live(self, before: str) -> str:
        """Not before something of it can be played."""
        assert self._process.poll() is None, self._process.communicate()[1]
        found = newest()
        fresh = found and found["id"] != before and found["state"] == "live"
        return str(found["id"]) if fresh else ""

    def ends_whole(self) -> None:
        """Every frame stands in both renditions, once."""
        _, errors = self._process.communicate(timeout=180)
        assert self._process.returncode == 0, errors
        path = f"/hls/demo/{self.broadcast}/index.m3u8"
        found = examine(self._fetch, path, 0, FRAMES)
        assert {name: one.runs for name, one in found.renditions.items() if one.damage} == {}
        # libgcrypt, inside of FFmpeg: root of a box may not lock memory
        assert [one for one in found.complaints if "using insecure memory" not in one] == []
        assert len(found.renditions) == 2, list(found.renditions)


def publishes() -> None:
    publisher = Publisher()
    wait_for("the status", lambda: shown("ingestd", "StatusText").startswith("1 live"))
    assert encoders()
    publisher.ends_whole()


def encoders() -> list[str]:
    return command("pgrep", "-u", "ingestd", "-x", "ffmpeg", check=False).split()


def survives_kill() -> None:
    publisher = Publisher()
    killed, nginx = main_pid(), main_pid("ingestd-nginx")
    os.kill(killed, 9)
    wait_for("another daemon", lambda: main_pid() not in (0, killed) and ready())
    publisher.ends_whole()
    assert main_pid("ingestd-nginx") == nginx


def hang_is_noticed() -> None:
    publisher = Publisher()
    hung, began = main_pid(), time.monotonic()
    os.kill(hung, 19)
    wait_for("another daemon", lambda: main_pid() not in (0, hung) and ready(), 3 * WATCHDOG)
    assert time.monotonic() - began > WATCHDOG / 2
    assert "watchdog" in command("journalctl", "-o", "cat", "-u", "ingestd", "-t", "systemd").lower()
    assert "most recent call first" in journal(), "where it hung"
    publisher.ends_whole()


def nginx_is_started_again() -> None:
    publisher = Publisher()
    killed = main_pid("ingestd-nginx")
    os.kill(killed, 9)
    wait_for("another nginx", lambda: main_pid("ingestd-nginx") not in (0, killed) and ready())
    publisher.ends_whole()


@contextmanager
def knocking() -> Iterator[Counter[str]]:
    """Connect and ask again and again on both ports; what came of it."""
    found: Counter[str] = Counter()
    over = threading.Event()

    def knock(port: int) -> None:
        while not over.wait(0.02):
            try:
                get("/healthz", port)
                found[f"{port} answered"] += 1
            except urllib.error.HTTPError as error:
                found[f"{port} {error.code}"] += 1
            except OSError as error:
                reason = getattr(error, "reason", error)
                found[f"{port} {type(reason).__name__}"] += 1

    def connect(port: int) -> None:
        while not over.wait(0.005):
            try:
                socket.create_connection(("127.0.0.1", port), 10).close()
                found[f"{port} connected"] += 1
            except OSError as error:
                found[f"{port} connect: {type(error).__name__}"] += 1

    threads = [
        threading.Thread(target=work, args=(port,))
        for port in (HTTP, HLS)
        for work in (*[knock] * KNOCKERS, connect)
    ]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        over.set()
        for thread in threads:
            thread.join()


def restart_loses_nothing() -> None:
    publisher = Publisher()
    before, nginx = main_pid(), main_pid("ingestd-nginx")
    with knocking() as found:
        wait_for("many answers", lambda: min(found[f"{port} answered"] for port in (HTTP, HLS)) > 100)
        command("systemctl", "restart", "ingestd")
        assert main_pid() != before
        wait_for("ready", ready)
    assert main_pid("ingestd-nginx") == nginx
    publisher.ends_whole()
    print(f"    {', '.join(f'{name}: {count}' for name, count in sorted(found.items()))}")
    assert set(found) == {f"{port} {word}" for port in (HTTP, HLS) for word in ("answered", "connected")}


def reload_says_what_it_did() -> None:
    text, pid = SETTINGS.read_text(), main_pid()
    changed = text.replace("#max_broadcasts = 8", "max_broadcasts = 3").replace(
        "#segment = 1.0", "segment = 2"
    )
    assert changed.count("max_broadcasts = 3") == changed.count("segment = 2") == 1
    SETTINGS.write_text(changed)
    command("systemctl", "reload", "ingestd")
    line = wait_for("a line", lambda: told("configuration_reloaded"))
    assert (line["applied"], line["restart_needed_for"]) == (["ingest.max_broadcasts"], ["hls.segment"]), line
    SETTINGS.write_text(changed + "\n[nonsense\n")
    refusal = subprocess.run(["systemctl", "reload", "ingestd"], capture_output=True, text=True)
    assert refusal.returncode != 0 and "journalctl" in refusal.stderr, refusal
    assert "not valid TOML" in told("not_started")["reason"] and not told("configuration_not_reloaded")
    os.kill(pid, 1)  # whoever does not ask first
    line = wait_for("another line", lambda: told("configuration_not_reloaded"))
    assert "not valid TOML" in line["reason"]
    SETTINGS.write_text(text)
    wait_for("active", lambda: command("systemctl", "is-active", "ingestd", check=False) == "active")
    assert main_pid() == pid and ready()


def told(event: str) -> dict[str, Any]:
    lines = [json.loads(line) for line in journal().splitlines() if line.startswith("{")]
    found = [line for line in lines if line["event"] == event]
    return dict(found[-1]) if found else {}


def credentials_are_read() -> None:
    """A token that is signed with the secret of a credential is taken; one of another is not."""
    file = Path("/etc/ingestd/auth.secret")
    file.write_text(secrets.token_hex(32))
    file.chmod(0o600)
    GIVEN.add(file.read_text())
    with edited("ingestd.service", f"[Service]\nLoadCredential=auth.secret:{file}\n"):
        command("systemctl", "restart", "ingestd")
        wait_for("ready", ready)
        assert refused(token()) == 401
        assert refused(token("env", f"INGESTD_AUTH_SECRET={file.read_text()}")) != 401
        command("systemctl", "reload", "ingestd")  # what it asks first sees the credential, too
    command("systemctl", "restart", "ingestd")
    wait_for("ready", ready)


def refused(token: str) -> int:
    """The HTTP status for a WebSocket with this token; 0: it was opened."""
    key = (DATA / "demo.key").read_text().strip()
    with socket.create_connection(("127.0.0.1", HTTP), 30) as peer:
        lines = [
            f"GET /ws?streamKey={key} HTTP/1.1",
            "Host: 127.0.0.1",
            "Upgrade: websocket",
            "Connection: Upgrade",
        ]
        lines += [
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            f"Authorization: Bearer {token}",
        ]
        peer.sendall("\r\n".join([*lines, "", ""]).encode())
        status = int(peer.makefile("rb").readline().split()[1])
    return 0 if status == 101 else status


def token(*before: str) -> str:
    """A new one; it is never to be seen in a journal."""
    made = command(*before, *"ingestd token create --channel demo --scope publish".split())
    GIVEN.add(made)
    return made


def change(*lines: tuple[str, str]) -> None:
    """Lines of the settings, each by a pattern of what stands there at first."""
    text = SETTINGS.read_text()
    for old, new in lines:
        text, count = re.subn(rf"^{old}", new, text, count=1, flags=re.MULTILINE)
        assert count == 1, old
    SETTINGS.write_text(text)


@contextmanager
def changed(*lines: tuple[str, str]) -> Iterator[None]:
    before = SETTINGS.read_text()
    change(*lines)
    try:
        yield
    finally:
        SETTINGS.write_text(before)


@contextmanager
def edited(unit: str, text: str) -> Iterator[Path]:
    """As by ``systemctl edit``."""
    drop_in = OWN / f"{unit}.d" / "override.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(text)
    command("systemctl", "daemon-reload")
    try:
        yield drop_in
    finally:
        shutil.rmtree(drop_in.parent)
        command("systemctl", "daemon-reload")


def a_password_signs_in() -> None:
    """And a wrong one does not; neither is written down."""
    GIVEN.add(PASSWORD)
    words = ["ingestd", "user", "password", "admin", "--password-stdin"]
    subprocess.run(words, input=PASSWORD, text=True, check=True, capture_output=True)
    headers = {"X-Ingestd": "1", "Content-Type": "application/json", "Origin": f"http://127.0.0.1:{HLS}"}
    for password in (PASSWORD, PASSWORD[::-1]):
        GIVEN.add(password)
        body = json.dumps({"name": "admin", "password": password}).encode()
        url = f"http://127.0.0.1:{HLS}/api/v1/session"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
                assert password == PASSWORD
                GIVEN.add(re.findall(r"ingestd_session=([^;]+)", answer.headers["Set-Cookie"])[0])
        except urllib.error.HTTPError as error:
            assert (password != PASSWORD, error.code) == (True, 401)


def an_upgrade_changes_nothing_of_yours() -> None:
    """Where units stood in /etc once, and lines were changed in place; and where they stand now."""
    settings, nginx = SETTINGS.read_text(), "ingestd-nginx.service"
    kept = ("ingestd.socket", "ingestd-viewers.socket", "ingestd.service")
    for unit in kept:
        shutil.move(UNITS_AT / unit, OWN / unit)
    mine = f"{(OWN / 'ingestd.service').read_text()}\n# mine\n"
    (OWN / "ingestd.service").write_text(mine)
    shutil.copy(UNITS_AT / nginx, OWN / nginx)  # systemctl edit --full
    with edited("ingestd.service", "[Service]\nEnvironment=MINE=kept\n"):
        said = command(*"env PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels".split(), *make("install", "SETUP=:"))
        assert (OWN / "ingestd.service.old").read_text() == mine and "systemctl edit ingestd.service" in said
        for unit in UNITS:
            where = OWN if unit == nginx else UNITS_AT
            assert shown(unit, "FragmentPath") == str(where / unit), unit
            assert command("systemctl", "is-enabled", unit) == "enabled", unit
        command("systemctl", "restart", "ingestd")
        wait_for("ready", ready)
        assert "MINE=kept" in Path(f"/proc/{main_pid()}/environ").read_text()
    assert SETTINGS.read_text() == settings
    assert (UNITS_AT / nginx).exists()
    for path in [OWN / nginx, *OWN.glob("*.old")]:
        path.unlink()
    command("systemctl", "daemon-reload")


def make(*words: str) -> list[str]:
    return ["make", "-s", "-C", "/usr/src/ingestd", *words]


def an_nginx_with_an_old_configuration_is_told_of() -> None:
    assert not told("nginx_configuration_other"), "until here both have the same"
    with changed(("#max_requests = 100", "max_requests = 99")):
        command("systemctl", "restart", "ingestd")
        assert "Restart it." in wait_for("a warning", lambda: told("nginx_configuration_other"))["reason"]
        command("systemctl", "restart", "ingestd-nginx")
        wait_for("the end of it", lambda: told("nginx_configuration_fits"))
    command("systemctl", "restart", "ingestd", "ingestd-nginx")
    wait_for("ready", ready)


# TLS

LINEAGE, AUTHORITY = Path("/root/lineage"), Path("/root/lineage/authority.pem")
KEYS = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -x509 -days 2".split()


def issue() -> int:
    """A certificate, as certbot hands it to its hook; its serial number."""
    LINEAGE.mkdir(exist_ok=True)
    key = LINEAGE / "authority.key"
    if not AUTHORITY.exists():
        command("openssl", "req", *KEYS, "-subj", "/CN=test", "-keyout", str(key), "-out", str(AUTHORITY))
    chain, names = LINEAGE / "fullchain.pem", "subjectAltName=IP:127.0.0.1"
    words = ["-subj", "/CN=127.0.0.1", "-addext", names, "-CA", str(AUTHORITY), "-CAkey", str(key)]
    command("openssl", "req", *KEYS, *words, "-keyout", str(LINEAGE / "privkey.pem"), "-out", str(chain))
    command("env", f"RENEWED_LINEAGE={LINEAGE}", "/opt/ingestd/share/ingestd/certbot-hook")
    return int(command("openssl", "x509", "-noout", "-serial", "-in", str(chain)).partition("=")[2], 16)


def shown_serial(port: int) -> int:
    trust = ssl.create_default_context(cafile=str(AUTHORITY))
    with (
        socket.create_connection(("127.0.0.1", port), 30) as plain,
        trust.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        return int(str((secured.getpeercert() or {})["serialNumber"]), 16)


def get_securely(path: str, server: str = "https://127.0.0.1") -> bytes:
    trust = ssl.create_default_context(cafile=str(AUTHORITY))
    with urllib.request.urlopen(f"{server}{path}", timeout=30, context=trust) as answer:
        return bytes(answer.read())


def speaks_tls() -> None:
    """As the README says, and a certificate is renewed under a live broadcast."""
    first = issue()
    lines = (
        ('#bind = "127.0.0.1"', 'bind = "0.0.0.0"'),
        ('#public_host = ""', 'public_host = "127.0.0.1"'),
        ("# tls_certificate = .*", 'tls_certificate = "/etc/ingestd/tls.pem"'),
        ("# tls_key = .*", 'tls_key = "/etc/ingestd/tls.key"'),
        ("#redirect_port = 0", f"redirect_port = {REDIRECT}"),
        ("#port = 8080", f"port = {HTTPS}"),
        ("#tls_port = 0", f"tls_port = {RTMPS}"),
    )
    (ports,) = re.findall(r"```ini\n(.*?)```", Path("README.md").read_text(), re.DOTALL)
    with changed(*lines), edited("ingestd-nginx.service", ports):
        command("systemctl", "restart", "ingestd", "ingestd-nginx")
        wait_for("ready", ready)
        assert b"<html" in get_securely("/")
        assert b"<html" in get_securely("/", f"http://127.0.0.1:{REDIRECT}")
        assert (shown_serial(HTTPS), shown_serial(RTMPS)) == (first, first)
        assert "ingestd is ready: https://127.0.0.1/" in journal()
        nginx = main_pid("ingestd-nginx")
        publisher = Publisher("--server", "https://127.0.0.1", fetch=get_securely)
        new = issue()
        for port in (HTTPS, RTMPS):
            wait_for("the new certificate", lambda at=port: shown_serial(at) == new)  # type: ignore[misc]
        publisher.ends_whole()
        assert main_pid("ingestd-nginx") == nginx
        command("systemd-analyze", "security", "--threshold=20", "ingestd-nginx.service")
    command("systemctl", "restart", "ingestd", "ingestd-nginx")
    wait_for("ready", ready)


def stops() -> None:
    publisher = Publisher()
    publisher._process.kill()
    publisher._process.wait()
    command("systemctl", "stop", "ingestd*")
    for unit in UNITS:
        assert command("systemctl", "is-active", unit, check=False) == "inactive", unit
        assert shown(unit, "Result") == "success", unit
    left = command("ps", "-o", "pid,args", "-u", "ingestd", "--no-headers", check=False)
    assert left == "", left


def no_journal_has_a_secret() -> None:
    """Of both services, from their first line to their last."""
    files = ("demo.key", "nginx.secret", "secret", "storage.key", "viewers.tag")
    every = GIVEN | {(DATA / name).read_text().strip() for name in files}
    assert len(every) > len(files) and all(len(secret) >= 16 for secret in every)
    for unit in ("ingestd", "ingestd-nginx"):
        said = journal(unit)
        assert said
        assert [len(secret) for secret in every if secret in said] == [], unit


def is_taken_away() -> None:
    command("systemctl", "start", "ingestd")
    command(*make("uninstall"))
    left = command("ps", "-o", "pid,args", "-u", "ingestd", "--no-headers", check=False)
    assert left == "", left
    assert command("systemctl", "list-unit-files", "ingestd*", "--no-legend", check=False) == ""
    assert not Path("/opt/ingestd").exists() and not Path("/usr/local/bin/ingestd").exists()
    assert (DATA / "demo.key").exists() and SETTINGS.exists()


STEPS = (
    units_are_sound,
    starts,
    webrtc_works,
    journal_keeps_no_secret,
    nginx_sees_no_secret,
    publishes,
    survives_kill,
    hang_is_noticed,
    nginx_is_started_again,
    restart_loses_nothing,
    reload_says_what_it_did,
    credentials_are_read,
    a_password_signs_in,
    an_upgrade_changes_nothing_of_yours,
    an_nginx_with_an_old_configuration_is_told_of,
    speaks_tls,
    stops,
    no_journal_has_a_secret,
    is_taken_away,
)


if __name__ == "__main__":
    sys.exit(walk(STEPS))
