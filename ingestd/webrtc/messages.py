"""What Janus says over its API, taken apart. Pure.

Its documentation: janus.conf.meetecho.com/docs/rest.html. A message is one JSON object; ``janus`` says what
it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ENVELOPE = {"janus", "transaction", "session_id", "sender", "plugindata", "jsep", "data", "error"}


@dataclass(frozen=True, slots=True)
class Message:
    """One of them. ``transaction``: that of the request that it answers, else empty; ``session`` and
    ``sender`` (a handle): 0 where it names none; ``data``: what a plugin says, or all that stands beside the
    envelope; ``error``: code and words, of Janus or of a plugin."""

    kind: str
    transaction: str = ""
    session: int = 0
    sender: int = 0
    data: dict[str, Any] = field(default_factory=dict)
    jsep: dict[str, str] | None = None
    error: tuple[int, str] | None = None

    @property
    def made(self) -> int:
        """The number of what was made: a session or a handle; 0: none was."""
        return _number(self.data.get("id")) if self.kind == "success" else 0


def parse(text: str | bytes) -> Message | None:
    """None: it is no message of Janus."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("janus"), str):
        return None
    plugin = _mapping(_mapping(said.get("plugindata")).get("data"))
    rest = {name: value for name, value in said.items() if name not in _ENVELOPE}
    transaction = said.get("transaction")
    return Message(
        said["janus"],
        transaction if isinstance(transaction, str) else "",
        _number(said.get("session_id")),
        _number(said.get("sender")),
        plugin or _mapping(said.get("data")) or rest,
        _jsep(said.get("jsep")),
        _error(said, plugin),
    )


def _error(said: Mapping[str, Any], plugin: Mapping[str, Any]) -> tuple[int, str] | None:
    """A plugin says its own within a message that is none."""
    if code := _number(plugin.get("error_code")):
        return code, str(plugin.get("error", ""))
    if said["janus"] != "error":
        return None
    error = _mapping(said.get("error"))
    return _number(error.get("code")), str(error.get("reason", ""))


def _jsep(value: Any) -> dict[str, str] | None:
    """An offer or answer: ``type`` and ``sdp``."""
    found = {name: text for name, text in _mapping(value).items() if isinstance(text, str)}
    return found if {"type", "sdp"} <= found.keys() else None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
