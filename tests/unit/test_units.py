"""The units of systemd and what ``make install`` writes fit together; ``make test-boxes`` runs them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ingestd import service
from ingestd.addresses import authority
from ingestd.cli.main import parser
from ingestd.cli.nginx_config import configuration
from ingestd.nginx.config import find_rtmp_module
from ingestd.safety import own_bind, unsafe
from ingestd.settings import Settings, load

ROOT = Path(__file__).resolve().parents[2]
UNITS = {path.name: path for path in sorted((ROOT / "config").glob("ingestd*.s*"))}
SERVICES = [name for name in UNITS if name.endswith(".service")]
MOST_EXPOSED = 20  # tenths, of `systemd-analyze security`
PATIENCE = 60.0


def values(unit: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNITS[unit].read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Those of a first installation."""
    file = tmp_path_factory.mktemp("settings") / "ingestd.toml"
    written = subprocess.run([ROOT / ".ci" / "service", "settings"], check=True, capture_output=True)
    file.write_bytes(written.stdout)
    return load(file)


def test_all_of_them_are_installed() -> None:
    (named,) = re.findall(r"^units=\((.*)\)$", (ROOT / ".ci" / "service").read_text(), re.MULTILINE)
    assert set(named.split()) == set(UNITS)


def test_the_sockets_are_where_the_settings_say(settings: Settings) -> None:
    assert values("ingestd.socket", "ListenStream") == [authority(own_bind(settings), settings.http.port)]
    assert values("ingestd-viewers.socket", "ListenDatagram") == [settings.viewers.listen]
    assert values("ingestd.socket", "FileDescriptorName") == [service._HTTP]
    assert values("ingestd-viewers.socket", "FileDescriptorName") == [service._VIEWERS]


def test_a_first_installation_can_start(settings: Settings) -> None:
    assert unsafe(settings) is None
    assert settings.data.dir == Path("/var/lib") / values("ingestd.service", "StateDirectory")[0]
    assert settings.nginx.stat_port and settings.rtmp.relay_port


@pytest.mark.skipif(find_rtmp_module("") is None, reason="nginx's rtmp module is not installed")
def test_nginx_has_all_that_the_settings_can_give_it(settings: Settings, tmp_path: Path) -> None:
    here = settings.model_copy(update={"data": settings.data.model_copy(update={"dir": tmp_path})})
    text = configuration(here)
    assert f"syslog:server={settings.viewers.listen}," in text
    assert f"listen 127.0.0.1:{settings.nginx.stat_port};" in text
    (read,) = values("ingestd-nginx.service", "ExecStart")
    assert read.endswith(f" -c {settings.data.dir}/nginx/nginx.conf")


def test_what_the_service_runs_is_a_command_line_of_ours(settings: Settings) -> None:
    lines = [*values("ingestd.service", "ExecStart"), *values("ingestd.service", "ExecReload")]
    ours = [line.partition("/bin/ingestd ")[2] for line in lines if "/bin/ingestd " in line]
    start, check = [parser().parse_args(line.split()) for line in ours]
    assert start.nginx_config == Path(f"{settings.data.dir}/nginx/nginx.conf")
    assert not start.check and check.check and start.config == check.config


@pytest.mark.parametrize("name", UNITS)
def test_no_line_waits_to_be_changed_in_a_file_that_is_replaced(name: str) -> None:
    text = UNITS[name].read_text()
    assert re.findall(r"^#\w+=.*$", text, re.MULTILINE) == []
    assert f"`systemctl edit {name.removesuffix('.service')}`" in text.replace("\n# ", " ")


@pytest.fixture(scope="module")
def readable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With programs that every machine has: systemd wants to find them."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    place = tmp_path_factory.mktemp("units")
    for name, path in UNITS.items():
        text = re.sub(r"^(Exec\w+=)/\S+", r"\1/bin/true", path.read_text(), flags=re.MULTILINE)
        (place / name).write_text(text)
    return place


def analyze(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": "/usr/bin:/bin", "SYSTEMD_UNIT_PATH": f"{place}:"}
    return subprocess.run(
        ["systemd-analyze", *words], env=environ, capture_output=True, text=True, timeout=PATIENCE
    )


@pytest.mark.parametrize("name", UNITS)
def test_systemd_understands_every_line(name: str, readable: Path) -> None:
    done = analyze(readable, "verify", str(readable / name))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_services_are_confined(name: str, readable: Path) -> None:
    words = ["--offline=true", f"--threshold={MOST_EXPOSED}", str(readable / name)]
    done = analyze(readable, "security", *words)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze knows no --offline")
    assert done.returncode == 0, done.stdout + done.stderr
