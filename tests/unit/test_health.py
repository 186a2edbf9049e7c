"""Every reason for which /readyz says no."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ingestd.broadcast.registry import Broadcasts
from ingestd.journal.journal import SUFFIX, BroadcastRow, Journal
from ingestd.nginx.launch import Ports, places
from ingestd.record import Record
from ingestd.settings import Settings
from ingestd.web import health as health_module
from ingestd.web.health import Health
from ingestd.wiring import health
from tests.unit.live import LIMITS, running

HOST = "127.0.0.1"
PORTS = Ports(hls=8080, rtmp=1935, internal=1940, relay=1941)


@dataclass
class Nginx:
    """Something that answers on each of nginx's ports, as long as it is not silenced there."""

    health: Health
    servers: dict[str, asyncio.Server]


@asynccontextmanager
async def ready(registry: Broadcasts, *written: Path, record: Record | None = None) -> AsyncIterator[Nginx]:
    servers = {}
    for who in ("viewers", "RTMP publishers", "encoders", "relays"):
        servers[who] = await asyncio.start_server(lambda _, writer: writer.close(), HOST, 0)
    at = {who: (HOST, server.sockets[0].getsockname()[1]) for who, server in servers.items()}
    found = Nginx(Health(registry, "sh", at, record, written), servers)
    assert await found.health.reasons() == []
    try:
        yield found
    finally:
        for server in servers.values():
            server.close()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is there is heard, however busy the machine is; who is not is known at once."""
    monkeypatch.setattr(health_module, "_CONNECT_SECONDS", 60.0)


@contextmanager
def away(path: Path) -> Iterator[None]:
    elsewhere = path.rename(path.with_name("elsewhere"))
    try:
        yield
    finally:
        elsewhere.rename(path)


def test_a_server_that_stops_takes_nothing_more(tmp_path: Path) -> None:
    async def story() -> list[str]:
        async with running(tmp_path) as registry, ready(registry) as nginx:
            registry.refuse_publishers()
            return await nginx.health.reasons()

    assert asyncio.run(story()) == ["The server is restarting; come back in a moment."]


@pytest.mark.parametrize("who", ["viewers", "RTMP publishers", "encoders", "relays"])
def test_each_port_of_nginx_that_is_silent_is_named(tmp_path: Path, who: str) -> None:
    async def story() -> tuple[list[str], str]:
        async with running(tmp_path) as registry, ready(registry) as nginx:
            nginx.servers[who].close()
            host, port = nginx.health.nginx_at[who]
            return await nginx.health.reasons(), f"nginx does not answer on {host}:{port} (for {who})."

    found, expected = asyncio.run(story())
    assert found == [expected]


def test_an_nginx_that_is_gone_is_one_reason_with_what_is_known_of_it(tmp_path: Path) -> None:
    record = Record(lambda: 0.5)

    async def story() -> list[str]:
        async with running(tmp_path) as registry, ready(registry, record=record) as nginx:
            for server in nginx.servers.values():
                server.close()
            record.note(0.0, 1.0, "nginx crashed.", None)
            return await nginx.health.reasons()

    (reason,) = asyncio.run(story())
    assert reason.count(f"{HOST}:") == 4
    assert reason.endswith("(for relays). nginx crashed. It is being started again.")


def test_a_disk_that_is_gone_is_a_reason_as_long_as_it_is(tmp_path: Path) -> None:
    async def story() -> None:
        hls = tmp_path / "hls"
        async with running(tmp_path) as registry, ready(registry, hls) as nginx:
            with away(hls):
                assert await nginx.health.reasons() == [
                    f"The server cannot write to {hls}: read-only, or gone.",
                    "The server's disk cannot be used: No such file or directory. Try again in 15 s.",
                ]
            assert await nginx.health.reasons() == []

    asyncio.run(story())


def test_a_disk_without_room_or_inodes_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry, ready(registry) as nginx:
            registry.limit(replace(LIMITS, free_disk=2**62), 0.0)
            (reason,) = await nginx.health.reasons()
            assert "MiB are free, too few" in reason
            registry.limit(LIMITS, 0.0)
            real = os.statvfs(tmp_path)
            none = os.statvfs_result((*real[:5], 1000, 0, 0, *real[8:]))
            monkeypatch.setattr("os.statvfs", lambda _: none)
            (reason,) = await nginx.health.reasons()
            assert "it takes 0 more files (inodes)" in reason

    asyncio.run(story())


def test_without_descriptors_that_is_the_reason_and_not_nginx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> list[str]:
        async with running(tmp_path) as registry, ready(registry) as nginx:
            with monkeypatch.context() as patch:
                patch.setattr("os.open", refuse)
                for server in nginx.servers.values():
                    server.close()
                return await nginx.health.reasons()

    def refuse(*_: object) -> int:
        raise OSError(24, "Too many open files")

    assert asyncio.run(story()) == ["The server cannot open another file or connection: Too many open files."]


def test_a_broadcast_that_could_not_be_restored_yet_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk, on which its journal cannot be opened."""
    journals = tmp_path / "journals"
    journals.mkdir()
    Journal.create(journals, BroadcastRow("00aa", "demo", "", 0.0, True), fsync=False).close()
    real, full = Journal.open, True

    def opened(path: Path, *, fsync: bool) -> object:
        if full:
            raise OSError(28, "No space left on device")
        return real(path, fsync=fsync)

    monkeypatch.setattr(Journal, "open", opened)
    monkeypatch.setattr("ingestd.broadcast.registry._AGAIN_SECONDS", 0.01)

    async def story() -> None:
        nonlocal full
        async with running(tmp_path) as registry:
            found = Health(registry, "sh", {})
            (reason,) = await found.reasons()
            assert "1 broadcast(s) could not yet be gone on with" in reason
            full = False
            async with asyncio.timeout(60):
                while await found.reasons():  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)

    asyncio.run(story())
    assert list(journals.glob(f"*{SUFFIX}"))


def test_without_ffmpeg_nothing_is_encoded(tmp_path: Path) -> None:
    async def story() -> list[str]:
        async with running(tmp_path) as registry:
            return await Health(registry, "no-such-program", {}).reasons()

    assert asyncio.run(story()) == ["FFmpeg is missing: no-such-program is not an executable program."]


# Where nginx is asked


def made(**sections: object) -> Settings:
    return Settings.model_validate(sections)


def test_an_nginx_of_ours_is_asked_wherever_it_listens() -> None:
    settings = made(
        http={"bind": "0.0.0.0", "tls_certificate": "/c", "tls_key": "/k"}, rtmp={"tls_port": 1936}
    )
    assert places(settings, PORTS, far=False) == {
        "viewers": (HOST, 8080),
        "RTMP publishers": (HOST, 1935),
        "RTMPS publishers": (HOST, 1936),
        "encoders": (HOST, 1940),
        "relays": (HOST, 1941),
    }
    assert next(iter(places(settings, PORTS, far=False))) == "viewers", "nginx is watched there"


@pytest.mark.parametrize("bind", ["0.0.0.0", "10.0.0.3"])
def test_one_on_another_machine_is_asked_at_its_address(bind: str) -> None:
    settings = made(http={"bind": bind, "insecure": True}, rtmp={"host": "10.0.0.3"})
    assert places(settings, PORTS, far=True) == {
        "viewers": ("10.0.0.3", 8080),
        "RTMP publishers": ("10.0.0.3", 1935),
        "encoders": ("10.0.0.3", 1940),
        "relays": ("10.0.0.3", 1941),
    }


def test_what_it_binds_to_its_own_loopback_or_elsewhere_is_not_asked() -> None:
    settings = made(http={"bind": "192.0.2.1"}, rtmp={"host": "10.0.0.3", "bind": "127.0.0.1"})
    assert list(places(settings, PORTS, far=True)) == ["encoders", "relays"]


def test_of_an_nginx_that_somebody_configured_as_he_likes_only_what_encoders_need_is_known(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            for relay, known in ((0, {"encoders"}), (1941, {*places(made(), PORTS, far=False)})):
                settings = made(rtmp={"relay_port": relay})
                assert set(health(settings, tmp_path, registry, PORTS, None).nginx_at) == known

    asyncio.run(story())
