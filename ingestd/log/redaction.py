"""Takes secrets out of a line, whatever it says and however it was rendered. Pure."""

from __future__ import annotations

import re

# What a secret looks like in foreign text (nginx's error lines quote whole requests) and in our own
# lines after a renderer has escaped or coloured them. The time taken grows with the text and no
# faster, and no quote is taken that was not opened: a line of JSON stays one.
_NAME = r"(?:stream[_-]?key|token|secret)"
_FIELD = rf"(?:{_NAME}|password)"  # which also stands in sentences
# a word of its own, also behind an escape or a colour: not the end of "monkey"
_KEY = r"(?:(?<![\w-])|(?<=%[\da-f]{2})|(?<=%25[\da-f]{2})|(?<=\\[nrt])|(?<=\x1b\[\dm)|(?<=\x1b\[\d\dm))key"
_COLOUR = r"(?:\x1b\[[\d;]*m)*"
_QUOTE = r"\\{0,7}[\"'](?![\s,:}\]]|$)"  # one that opens: what closes in JSON is followed by these
_OPENED = rf"(?:\[?b?(?P<quote>{_QUOTE}))?"
_QUOTED = r"(?:(?!(?P=quote))(?:\\.|[^\\\"\n]))++"
# up to the next parameter or word; … stands for a secret in our own messages
_LETTER = (
    r"(?:[^&\s\"'#%\\\x1b,;)}…]|\\u(?!2026)[\da-f]{4}"
    r"|['),;}](?![\s\"'\\\x1b),;}]|$))"  # punctuation, unless it ends a phrase
)
_HINTS = ("key", "token", "secret", "password", "bearer", "eyj")  # none in the text: nothing to look for
# scheme://user:password@host, up to the next space or double quote: a password that was typed as it is
# may hold any of /?#@
_ADDRESS = re.compile(r"(?<=://)(?:[^\s\"\\\x1b]|\\[^\"nrt])++")
_PATTERNS = [
    re.compile(f"(?i){pattern}")
    for pattern in (
        r"(?P<before>bearer(?:[ .+]|%20){1,3})[\w~.+/=-]{16,}",
        r"(?<![\w-])(?P<before>(?>[\w-]*?(?=(?-i:eyJ))))[\w-]++\.[\w-]++\.[\w-]++",  # JWT
        # streamKey=…, and in an address within another: streamKey%3D…%26
        rf"(?P<before>(?:{_FIELD}|{_KEY}){_COLOUR}={_COLOUR}{_OPENED})(?(quote){_QUOTED}|(?:{_LETTER}|%)++)",
        rf"(?P<before>(?:{_FIELD}|{_KEY})%(?:25)*3D)(?:{_LETTER}|%(?!(?:25)*2[36]))++",
        # "stream_key": "…", of JSON and of Python, and stream_key: …
        rf"(?P<before>{_FIELD}(?P<close>\\{{0,7}}[\"'])\s*:\s*\[?b?(?P<quote>(?P=close)|{_QUOTE})){_QUOTED}",
        rf"(?P<before>{_NAME}{_COLOUR} *[:=]{_COLOUR} *{_OPENED})(?(quote){_QUOTED}|[\w~.+/-]{{16,}})",
    )
]


def redact(text: str) -> str:
    """Take stream keys, tokens, passwords and anything that looks like a JWT out of a text."""
    if "://" in text and "@" in text:
        text = _ADDRESS.sub(_without_user, text)
    lower = text.lower()
    if not any(hint in lower for hint in _HINTS):
        return text
    for pattern in _PATTERNS:
        text = pattern.sub(r"\g<before>[hidden]", text)
    return text


def _without_user(found: re.Match[str]) -> str:
    user, at, place = found[0].rpartition("@")
    if "?" in user or "#" in user:  # this @ is the password's end, or stands in the query
        return "[hidden]"
    return f"[hidden]@{place}" if at else found[0]
