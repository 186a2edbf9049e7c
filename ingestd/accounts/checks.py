"""What a text may be before it goes into the database: names, titles, labels, addresses.

Everything raises :class:`Refused` with a sentence for whoever typed it. PostgreSQL takes neither NUL
nor a lone surrogate, and a title with a control character in it would break the pages it stands on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from ingestd.accounts.model import SLUG
from ingestd.errors import Code, Refusal, Refused

TITLE, DESCRIPTION, LABEL = 200, 5000, 100  # characters
KEYS = 50  # of one channel
TARGETS = 10  # of one channel
SITES = 20  # on which one channel may be embedded: they all stand in one header
_URL, _SECRET, _TOKEN_ID, _RENDITION = 500, 500, 200, 64
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_IDENTITY = re.compile(r"[0-9a-f]{16}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_SITE = re.compile(rf"\*|https?://(?:\*\.)?{_LABEL}(?:\.{_LABEL}){{0,20}}(?::[1-9][0-9]{{0,4}})?")
_SITE_LENGTH = 100


def refuse(code: Code, words: str) -> Refused:
    return Refused(Refusal(code, words))


def slug(name: str, what: str) -> str:
    """``name`` itself if it may stand in a path."""
    if not SLUG.fullmatch(name):
        words = f"{what} is made of a-z, 0-9 and -, up to 64, and neither begins nor ends with -."
        raise refuse(Code.INVALID, words)
    return name


def is_slug(name: str) -> bool:
    return SLUG.fullmatch(name) is not None


def is_id(identity: str) -> bool:
    return _IDENTITY.fullmatch(identity) is not None


def line(text: str, limit: int, what: str) -> str:
    """``text`` without white space around it; one line of at most ``limit`` characters."""
    return _fitting(text.strip(), text.strip(), limit, what)


def lines(text: str, limit: int, what: str) -> str:
    """The same, with tabs and line ends allowed."""
    text = text.replace("\r\n", "\n").strip()
    return _fitting(text, re.sub(r"[\n\t]", " ", text), limit, what)


def title(text: str) -> str:
    return _present(line(text, TITLE, "A title"), "A title")


def description(text: str) -> str:
    return lines(text, DESCRIPTION, "A description")


def next_title(text: str) -> str:
    return line(text, TITLE, "The title of what is to come")


def label(text: str) -> str:
    return line(text, LABEL, "A label")


def token_id(jti: str) -> str:
    return _present(line(jti, _TOKEN_ID, "A token's id"), "A token's id")


def rendition(name: str) -> str:
    return _present(line(name, _RENDITION, "A rendition's name"), "A rendition's name")


def push_key(key: str) -> str:
    return _present(line(key, _SECRET, "The other place's key"), "The other place's key")


def push_url(url: str) -> str:
    """An address that starts with rtmp:// or rtmps:// and carries no user, password or white space."""
    url = line(url, _URL, "An address")
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        usable = False
    if not usable or parts.scheme not in ("rtmp", "rtmps") or re.search(r"\s", url):
        raise refuse(Code.INVALID, "An address to push to looks like rtmps://live.example.org/app.")
    return url


def sites(given: Iterable[str]) -> tuple[str, ...]:
    """Where a channel may be embedded: origins, ``https://*.`` for all below a domain, or ``*`` alone.

    They go into a header as they stand, so nothing else may.
    """
    found = tuple(dict.fromkeys(site.strip().lower().rstrip("/") for site in given))
    for site in found:
        if len(site) > _SITE_LENGTH or not _SITE.fullmatch(site):
            raise refuse(Code.INVALID, "A site looks like https://www.example.org, without a path; * is all.")
    if len(found) > SITES:
        raise refuse(Code.INVALID, f"A channel may be embedded by at most {SITES} sites, or by all: *.")
    return ("*",) if "*" in found else found


def shown(text: str, limit: int = 200) -> str:
    """What a client says of itself (device, address), made fit to be stored; never refused."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text[:limit])


def _fitting(text: str, examined: str, limit: int, what: str) -> str:
    if len(text) > limit:
        raise refuse(Code.INVALID, f"{what} has at most {limit} characters; this one has {len(text)}.")
    if _UNPRINTABLE.search(examined):
        raise refuse(Code.INVALID, f"{what} must not contain control characters.")
    return text


def _present(text: str, what: str) -> str:
    if not text:
        raise refuse(Code.INVALID, f"{what} must not be empty.")
    return text
