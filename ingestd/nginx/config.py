"""nginx's configuration, made from the template in ``nginx-rtmp/``."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, fields
from pathlib import Path

from ingestd.errors import StartError

_TEMPLATE = Path("nginx-rtmp") / "nginx.conf.template"
_MODULE = "ngx_rtmp_module.so"
_MODULE_DIRECTORIES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules")


@dataclass(frozen=True, slots=True)
class NginxValues:
    """What the template needs; each field fills the double braces of its name."""

    directory: Path  # pid file and temporary files
    hls: Path
    rtmp_module: Path
    rtmp_listen: str  # address:port
    rtmp_publishers: str  # address or network from which encoders push
    hls_listen: str  # address:port
    http_address: str  # ingestd's, as nginx reaches it
    segment_ms: int
    connections: int = 4096
    user: str = ""  # a whole directive, or nothing where nginx is not started as root


def render(values: NginxValues) -> str:
    """The configuration file; raises StartError for a path that nginx could misread."""
    filled = {field.name: str(getattr(values, field.name)) for field in fields(values)}
    for name in ("directory", "hls", "rtmp_module"):
        if re.search(r"[\s;{}\"'$\\#]", filled[name]):
            raise StartError(
                f"{filled[name]!r} cannot stand in nginx's configuration: choose a path without blanks."
            )
    text = resource(_TEMPLATE).read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: filled[match[1]], text)


def resource(path: Path) -> Path:
    """A file that is shipped beside the package: in a checkout, or below sys.prefix/share/ingestd."""
    checkout = Path(__file__).resolve().parents[2] / path
    return checkout if checkout.exists() else Path(sys.prefix) / "share" / "ingestd" / path


def find_rtmp_module(configured: str) -> Path | None:
    """Where ngx_rtmp_module.so is: as configured, or where distributions put it.

    The path has to be absolute: nginx runs with a prefix of its own.
    """
    candidates = [configured] if configured else [f"{where}/{_MODULE}" for where in _MODULE_DIRECTORIES]
    return next((Path(path).absolute() for path in candidates if Path(path).is_file()), None)
