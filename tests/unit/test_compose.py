"""compose.yaml says what ingestd understands; ``make test-boxes`` runs it."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from ingestd.cli.nginx_config import configuration
from ingestd.safety import own_bind, unsafe
from ingestd.settings import load

ROOT = Path(__file__).resolve().parents[2]
PLAIN = (ROOT / "compose.yaml").read_text()
IMAGES = {path: (ROOT / path).read_text() for path in ("Dockerfile", "nginx-rtmp/Dockerfile")}
TLS = (ROOT / "config" / "compose.tls.yaml").read_text()


def environment(*files: str, **said: str) -> dict[str, str]:
    """Of ingestd, with every default taken but for what is ``said``, as in .env."""
    found: dict[str, str] = {}
    for text in files:
        filled = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda match: said.get(match[1], match[2]), text)
        found |= dict(re.findall(r'^ {6}(INGESTD_\w+): (?:&\w+ )?"?(.*?)"?$', filled, re.MULTILINE))
    return found


@pytest.mark.parametrize("files", [[PLAIN], [PLAIN, TLS]], ids=["plain", "tls"])
def test_its_environment_is_made_of_settings_with_which_ingestd_starts(files: list[str]) -> None:
    given = environment(*files)
    settings = load(ROOT / "config" / "ingestd.toml", given)
    assert unsafe(settings) is None
    assert own_bind(settings) == given["INGESTD_NGINX_UPSTREAM"]
    assert not settings.http.insecure


@pytest.mark.parametrize("address", ["0.0.0.0", "[::]", "192.0.2.1"])
def test_open_to_others_it_does_not_start_without_a_certificate(address: str, tmp_path: Path) -> None:
    said = unsafe(load(None, environment(PLAIN, INGESTD_LISTEN=address)))
    assert said and "INGESTD_LISTEN" in said
    assert unsafe(load(None, environment(PLAIN, TLS, INGESTD_LISTEN=address))) is None
    settings = tmp_path / "ingestd.toml"
    settings.write_text("[http]\ninsecure = true\n")
    assert unsafe(load(settings, environment(PLAIN, INGESTD_LISTEN=address))) is None


def test_nginx_gets_a_configuration_for_the_inner_network(tmp_path: Path) -> None:
    given = environment(PLAIN) | {"INGESTD_DATA_DIR": str(tmp_path)}
    text = configuration(load(None, given))
    ingestd, nginx = given["INGESTD_NGINX_UPSTREAM"], given["INGESTD_RTMP_HOST"]
    assert f"server {ingestd}:4000;" in text
    assert f"allow publish {ingestd};" in text
    assert re.findall(rf"listen {re.escape(nginx)}:(\d+)", text) == ["1941", "1940", "1942"]
    assert f"syslog:server={given['INGESTD_VIEWERS_LISTEN']}," in text


def test_its_network_is_none_that_docker_gives_to_another() -> None:
    """Which goes through its own from one network to the next: some day this one would be taken."""
    given = environment(PLAIN)["INGESTD_NGINX_UPSTREAM"]
    pools = [ip_network(f"172.{second}.0.0/16") for second in range(17, 32)] + [ip_network("192.168.0.0/16")]
    assert ip_address(given).is_private
    assert [pool for pool in pools if ip_address(given) in pool] == []


def test_what_it_mounts_is_there() -> None:
    mounted = re.findall(r"- (\./[\w./-]+):/", PLAIN)
    assert "./config/ingestd.toml" in mounted
    assert [path for path in mounted if not (ROOT / path).exists()] == []


def test_what_webrtc_takes_is_published_at_its_own_ports_for_whom_the_pages_are() -> None:
    given = environment(PLAIN)
    for name in ("PUBLISH", "WATCH"):
        ports = f"${{INGESTD_WEBRTC_{name}_PORTS:-{given[f'INGESTD_WEBRTC_{name}_PORTS']}}}"
        assert f"- ${{INGESTD_LISTEN:-127.0.0.1}}:{ports}:{ports}/udp\n" in PLAIN
    assert load(None, environment(PLAIN, INGESTD_WEBRTC_PUBLIC_ADDRESS="192.0.2.1")).webrtc.public_address


def test_the_turn_server_leads_to_ingestd_alone_by_a_secret_that_both_read() -> None:
    given = environment(PLAIN)
    filled = PLAIN.replace(
        "${INGESTD_NETWORK:-172.16.255}", given["INGESTD_NGINX_UPSTREAM"].rpartition(".")[0]
    )
    assert f"- --allowed-peer-ip={given['INGESTD_NGINX_UPSTREAM']}\n" in filled
    (relay,) = re.findall(r"- --relay-ip=(\S+)\n", filled)
    assert f'inner: {{ ipv4_address: "{relay}" }}' in filled
    (net,) = re.findall(r"- subnet: (\S+)", filled)
    (others,) = re.findall(r"ip_range: (\S+)", filled)
    assert ip_address(relay) in ip_network(net) and ip_address(relay) not in ip_network(others)
    said = (ROOT / "config" / "turnserver.conf").read_text().splitlines()
    assert {"use-auth-secret", "denied-peer-ip=0.0.0.0-255.255.255.255", "no-cli"} <= set(said)
    assert not [line for line in said if re.match("static-auth-secret|allowed-peer-ip|relay-ip|user=", line)]
    assert "</run/secrets/turn_secret)" in IMAGES["Dockerfile"] and "secrets: [turn_secret]" in PLAIN
    assert "turn_secret: { file: config/secrets/turn_secret }" in PLAIN


def test_images_say_what_they_are_of_and_the_version_is_ours() -> None:
    version = re.findall(r"^version = (.*)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    for text in IMAGES.values():
        assert re.findall(r"^ARG VERSION=(.*)$", text, re.MULTILINE) == version
        assert 'image.base.name="${DEBIAN}"' in text
        (base,) = re.findall(r"^ARG DEBIAN=(.*)$", text, re.MULTILINE)
        assert base.startswith("docker.io/library/debian:"), "in full, as the label has to be"


def test_no_port_in_the_settings_leads_away_from_where_the_health_check_asks(tmp_path: Path) -> None:
    """Of the settings in a container the image's environment and Compose's win."""
    own = dict(re.findall(r"^ {4}(INGESTD_\w+)=([^ \n]*)", IMAGES["Dockerfile"], re.MULTILINE))
    settings = tmp_path / "ingestd.toml"
    settings.write_text('[http]\nport = 5000\n[nginx]\nupstream = "127.0.0.1"\n[data]\ndir = "/elsewhere"\n')
    found = load(settings, own | environment(PLAIN))
    assert "/dev/tcp/${INGESTD_NGINX_UPSTREAM:-127.0.0.1}/$INGESTD_HTTP_PORT" in IMAGES["Dockerfile"]
    assert str(found.http.port) == own["INGESTD_HTTP_PORT"]
    assert own_bind(found) == environment(PLAIN)["INGESTD_NGINX_UPSTREAM"]
    assert str(found.data.dir) == own["INGESTD_DATA_DIR"]
    scraped = (ROOT / "config" / "prometheus" / "targets.compose.yml").read_text()
    assert f"ingestd:{found.http.port}" in scraped


def test_both_images_run_as_the_same_user_and_are_nobodys_root() -> None:
    users = {re.findall(r"^USER (.*)$", text, re.MULTILINE)[-1] for text in IMAGES.values()}
    assert users == {"10001:10001"}
