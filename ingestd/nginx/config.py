"""nginx's configuration, made from the template in ``nginx-rtmp/``."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from ingestd.errors import StartError

_TEMPLATE = Path("nginx-rtmp") / "nginx.conf.template"
_RTMP_MODULE, _STREAM_MODULE = "ngx_rtmp_module.so", "ngx_stream_module.so"
_MODULE_DIRECTORIES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules")
_LOOPBACK = ("127.0.0.0/8", "::1/128")

# {{#name}} … {{/name}} stays if the value says something, and is repeated for each of a tuple, which
# stands where {{.}} is; {{^name}} … {{/name}} stays if it does not. Each on a line of its own.
_SECTION = re.compile(r"^[ \t]*\{\{([#^])(\w+)\}\}\n(.*?)^[ \t]*\{\{/\2\}\}\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class NginxValues:
    """What the template needs; each field fills the double braces of its name."""

    directory: Path  # pid file and temporary files
    hls: Path
    rtmp_module: Path
    rtmp_listen: str  # address:port, for publishers
    rtmp_inner: str  # address:port on loopback, where nginx hands them to itself
    rtmp_relay: str  # address:port, for ingestd's relays
    rtmp_internal: str  # address:port, for encoders
    rtmp_publishers: str  # address or network from which encoders push, and relays ask
    callbacks: str  # http://address:port/path, in which a secret stands
    watch: str  # the same, for whether somebody may watch a private channel
    hls_listen: str  # address:port
    http_address: str  # ingestd's, as nginx reaches it
    segment_ms: int
    connections: int = 8192
    rtmp_of_one: int = 16  # connections of publishers from one address
    rtmp_of_all: int = 512  # and from all
    user: str = ""  # a whole directive, or nothing where nginx is not started as root
    certificate: Path | None = None  # chain and key in one file, which the workers can read: TLS
    redirect_listen: str = ""  # address:port of plain HTTP, which is sent on to HTTPS
    redirect_port: str = ""  # there; with its colon, empty where it is HTTPS's own
    stream_module: Path | None = None  # None: built into nginx
    rtmps_listen: str = ""  # address:port; takes a certificate
    viewers: str = ""  # address:port (UDP) to which every request for HLS is logged; empty: none is
    viewers_tag: str = ""  # letters and digits that those lines carry
    stat_listen: str = ""  # address:port of nginx-rtmp's statistics; empty: nobody gets them
    digest: str = ""  # which stands beside them: by it this configuration is known from others
    trusted_proxies: tuple[str, ...] = _LOOPBACK  # networks
    hls_rate: int = 100  # requests a second from one address
    hls_burst: int = 200  # so many at once
    unlimited: tuple[str, ...] = _LOOPBACK  # networks for which neither counts


def render(values: NginxValues) -> str:
    """The configuration file; raises StartError for a path that nginx could misread."""
    given = {field.name: getattr(values, field.name) for field in fields(values)}
    for value in given.values():
        if isinstance(value, Path) and re.search(r"[\s;{}\"'$\\#]", str(value)):
            raise StartError(
                f"{str(value)!r} cannot stand in nginx's configuration: choose a path without blanks."
            )
    text = resource(_TEMPLATE).read_text(encoding="utf-8")
    text = _SECTION.sub(lambda match: _section(match[1], given[match[2]], match[3]), text)
    return re.sub(r"\{\{(\w+)\}\}", lambda match: str(given[match[1]]), text)


def _section(kind: str, value: object, inside: str) -> str:
    if kind == "^":
        return "" if value else inside
    if isinstance(value, tuple):
        return "".join(inside.replace("{{.}}", each) for each in value)
    return inside if value else ""


def resource(path: Path) -> Path:
    """A file that is shipped beside the package: in a checkout, or below sys.prefix/share/ingestd."""
    checkout = Path(__file__).resolve().parents[2] / path
    return checkout if checkout.exists() else Path(sys.prefix) / "share" / "ingestd" / path


def find_rtmp_module(configured: str) -> Path | None:
    """Where ngx_rtmp_module.so is: as configured, or where distributions put it.

    The path has to be absolute: nginx runs with a prefix of its own.
    """
    return _first([configured]) if configured else _module(_RTMP_MODULE)


def find_stream_module() -> Path | None:
    """Where ngx_stream_module.so is; None also where it is built into nginx."""
    return _module(_STREAM_MODULE)


def foreign_modules(configured: str) -> tuple[Path, Path]:
    """Both of an nginx on another machine, where nobody can look for them: as configured, or Debian's."""
    rtmp = Path(configured or f"{_MODULE_DIRECTORIES[0]}/{_RTMP_MODULE}")
    return rtmp, rtmp.with_name(_STREAM_MODULE)


def _module(name: str) -> Path | None:
    return _first([f"{where}/{name}" for where in _MODULE_DIRECTORIES])


def _first(candidates: Sequence[str]) -> Path | None:
    return next((Path(path).absolute() for path in candidates if Path(path).is_file()), None)
