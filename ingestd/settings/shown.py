"""The settings as they may be shown to somebody: without secrets. Pure."""

from __future__ import annotations

import re
from typing import Any

from ingestd.settings.model import Settings

HIDDEN = "[hidden]"

_BROADCAST = {"hls", "ingest", "encoder"}  # sections that tell how a broadcast is treated
_SECRET = re.compile(r"secret|key|password|token(?!_lifetime)")
_QUERY = re.compile(r"[?#].*", re.DOTALL)


def shown(settings: Settings, *, everything: bool = True) -> dict[str, Any]:
    """Sections and their values, ready for JSON; else only those that tell how broadcasts are treated.

    A value whose name says that it is secret is hidden, and so is what an address has beside host and
    path (:func:`address`).
    """
    found = settings.model_dump(mode="json")
    return {
        section: {name: _value(name, value) for name, value in fields.items()}
        for section, fields in found.items()
        if everything or section in _BROADCAST
    }


def address(url: str) -> str:
    """Scheme, host and path of an address; not its user, password and query.

    A password that somebody typed may hold any of ``/?#@`` as it is, so it goes as far as the last ``@``,
    whatever a parser says: SQLAlchemy's ends it at the first, and takes its rest for the host.
    """
    scheme, _, rest = url.partition("://")
    user, _, place = rest.rpartition("@")
    if _QUERY.search(user):  # this @ is the password's end, or stands in the query: a part may be a secret
        return f"{scheme}://{HIDDEN}"
    return f"{scheme}://{_QUERY.sub('', place)}"


def _value(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_value(name, one) for one in value]
    if not isinstance(value, str):
        return value
    if value and _SECRET.search(name):
        return HIDDEN
    return address(value) if "://" in value else value
