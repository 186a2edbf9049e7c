"""How nginx is configured, and how ``ingestd up`` starts its own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ingestd.accounts import private_files
from ingestd.addresses import LOOPBACK, authority, bind, free_port, reachable
from ingestd.errors import StartError
from ingestd.nginx.certificate import Certificate
from ingestd.nginx.config import NginxValues, find_rtmp_module, find_stream_module, foreign_modules, render
from ingestd.nginx.server import Nginx, worker_group, worker_user
from ingestd.safety import own_bind, rtmp_bind
from ingestd.settings import Settings

_HTTPS = 443
_DIGEST = 16  # letters: enough to know one configuration from another
_TRIES = 5  # with port 0: another program may take the port between our look and nginx's


@dataclass(frozen=True, slots=True)
class Ports:
    """nginx's: of HTTP, of RTMP publishers, of the encoders, of our relays, and of its statistics (0: there
    are none)."""

    hls: int
    rtmp: int
    internal: int
    relay: int
    stat: int = 0


Place = tuple[str, int]  # address, port


def places(settings: Settings, ports: Ports, *, far: bool) -> dict[str, Place]:
    """Where an nginx that we have configured answers us, by whom it is asked there; HTTP comes first.

    ``far``: it is on another machine, of which we know one address. What it binds to others may be out of
    our reach.
    """
    http, rtmp = settings.http, settings.rtmp
    public = {
        "viewers": (http.bind, ports.hls),
        "RTMP publishers": (rtmp_bind(settings), ports.rtmp),
        "RTMPS publishers": (rtmp.bind or http.bind, rtmp.tls_port),
    }
    found = {}
    for who, (bound, port) in public.items():
        everywhere = reachable(bound) != bound
        if port and (not far or everywhere or bound == rtmp.host):
            found[who] = rtmp.host if far else reachable(bound), port
    return {**found, "encoders": (rtmp.host, ports.internal), "relays": (rtmp.host, ports.relay)}


class Launch:
    """Writes nginx's configuration below the data directory. ``secret`` is what its callbacks bring.

    ``viewers``: where requests for HLS are logged (``address:port``), and the tag of those lines.
    """

    def __init__(
        self, settings: Settings, data: Path, secret: str, viewers: tuple[str, str] = ("", "")
    ) -> None:
        self._viewers = viewers
        self._settings = settings
        self._data = data
        self._directory = data / "nginx"
        self.secret = secret

    async def start(self, http_port: int) -> tuple[Nginx, Ports]:
        """nginx on the configured ports; with port 0 on free ones, tried again if one was just taken."""
        settings, tries = self._settings, _TRIES
        where = (
            (settings.http.bind, settings.hls.port, "--hls-port"),
            (rtmp_bind(settings), settings.rtmp.port, "--rtmp-port"),
            (settings.rtmp.host, settings.rtmp.internal_port, "--set rtmp.internal_port=N"),
            (settings.rtmp.host, settings.rtmp.relay_port, "--set rtmp.relay_port=N"),
            (settings.rtmp.host, settings.nginx.stat_port, "--set nginx.stat_port=N"),
        )
        tls = (
            (self._public, settings.rtmp.tls_port, "--set rtmp.tls_port=N"),
            (settings.http.bind, settings.http.redirect_port, "--set http.redirect_port=N"),
        )
        for host, port, flag in (*where, *tls):
            if port:
                bind(host, port, flag).close()
        while True:
            ports = Ports(*(port or free_port(host) for host, port, _ in where))
            nginx = self._nginx(http_port, ports)
            try:
                await nginx.start()
            except StartError:
                tries -= 1
                if tries == 0:
                    raise
            else:
                return nginx, ports

    @property
    def _public(self) -> str:
        return self._settings.rtmp.bind or self._settings.http.bind

    def write(self, file: Path, http_port: int, ports: Ports) -> None:
        """Replace the file at once, readable for us alone. Raises StartError."""
        text = self.text(http_port, ports)
        try:
            private_files.replace(file, text)
        except OSError as error:
            raise StartError(f"{file} cannot be written: {error.strerror}.") from None

    def text(self, http_port: int, ports: Ports) -> str:
        """The configuration for these ports; the certificate that it names is handed over. Raises
        StartError."""
        try:
            self._directory.mkdir(exist_ok=True)
            user = self._user
        except OSError as error:
            raise StartError(f"{error.filename} cannot be used: {error.strerror}.") from None
        if self.certificate:
            self.certificate.take()
        module, stream = self._modules()
        values = replace(
            self._values(http_port, ports),
            user=user,
            rtmp_module=module,
            stream_module=stream,
            rtmp_inner=f"{LOOPBACK}:{free_port(LOOPBACK)}",
            digest=self.digest(http_port, ports),
        )
        return render(values)

    def digest(self, http_port: int, ports: Ports) -> str:
        """An nginx that answers with another one has read what other settings, or another version, wrote."""
        text = render(self._values(http_port, ports))
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]

    @cached_property
    def certificate(self) -> Certificate | None:
        """What keeps nginx's copy equal to the operator's files."""
        chain, key = self._settings.http.tls_certificate, self._settings.http.tls_key
        if chain is None or key is None:
            return None
        return Certificate(chain, key, self._copy, worker_group(self._user))

    @property
    def _copy(self) -> Path:
        return self._directory / "tls.pem"

    @cached_property
    def _user(self) -> str:
        return worker_user(self._data, self._data / "hls" / "private")

    def _nginx(self, http_port: int, ports: Ports) -> Nginx:
        settings, config = self._settings, self._directory / "nginx.conf"
        self.write(config, http_port, ports)
        return Nginx(
            settings.nginx.program,
            config,
            list(places(settings, ports, far=False).values()),
            settings.nginx.stop_timeout,
            hang_timeout=settings.nginx.hang_timeout,
            certificate=self.certificate,
        )

    def _modules(self) -> tuple[Path, Path | None]:
        configured = self._settings.nginx.rtmp_module
        if self._settings.nginx.upstream:
            return foreign_modules(configured)
        module = find_rtmp_module(configured)
        if module is None:
            raise StartError(
                "nginx's rtmp module was not found: install libnginx-mod-rtmp, or set nginx.rtmp_module."
                " `ingestd doctor` checks everything."
            )
        return module, find_stream_module()

    def _values(self, http_port: int, ports: Ports) -> NginxValues:
        """All that follows from the settings, and nothing of what this machine or chance adds to it."""
        settings, hls = self._settings, self._data / "hls"
        inner, upstream = settings.rtmp.host, settings.nginx.upstream
        http = authority(reachable(own_bind(settings)), http_port)
        rtmps, rate = settings.rtmp.tls_port, settings.hls.max_requests
        redirect = settings.http.redirect_port
        return NginxValues(
            directory=self._directory,
            hls=hls,
            rtmp_module=Path(),
            rtmp_listen=authority(rtmp_bind(settings), ports.rtmp),
            rtmp_inner="",
            rtmp_relay=authority(inner, ports.relay),
            rtmp_internal=authority(inner, ports.internal),
            rtmp_publishers=upstream or LOOPBACK,
            callbacks=f"http://{http}/internal/{self.secret}/rtmp",
            watch=f"http://{http}/internal/{self.secret}/watch",
            hls_listen=authority(settings.http.bind, ports.hls),
            http_address=http,
            segment_ms=round(settings.hls.segment * 1000),
            certificate=self._copy if settings.http.tls_certificate else None,
            redirect_listen=authority(settings.http.bind, redirect) if redirect else "",
            redirect_port="" if ports.hls == _HTTPS else f":{ports.hls}",
            rtmps_listen=authority(self._public, rtmps) if rtmps else "",
            trusted_proxies=settings.http.trusted_proxies,
            viewers=self._viewers[0],
            viewers_tag=self._viewers[1],
            stat_listen=authority(inner, ports.stat) if ports.stat else "",
            **({"hls_rate": rate, "hls_burst": 2 * rate} if rate else {"unlimited": ("0.0.0.0/0", "::/0")}),
        )
