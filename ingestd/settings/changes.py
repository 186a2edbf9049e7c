"""What of a changed configuration can be applied while the server runs. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ingestd.settings.load import SECRETS, Source, keys
from ingestd.settings.model import Settings

APPLICABLE: frozenset[Source] = frozenset(
    {
        ("auth", "failures"),
        ("data", "min_free"),
        ("hls", "keep_ended"),
        ("ingest", "max_broadcasts"),
        ("ingest", "max_load"),
        ("log", "level"),
    }
)
"""Limits that are asked at each use: nothing that processes, sockets or files were made with."""

_POINTERS = {(section, f"{key}_file") for section, key in SECRETS}


@dataclass(frozen=True, slots=True)
class Change:
    """``settings``: those in effect afterwards; names of settings that were applied, and of those that
    take a restart."""

    settings: Settings
    applied: tuple[str, ...]
    restart: tuple[str, ...]


def change(old: Settings, new: Settings) -> Change:
    """Take over what can be; what cannot be stays as it is in ``old``, and is named again next time."""
    differ = [source for source in keys() if _value(old, source) != _value(new, source)]
    applied = [source for source in differ if source in APPLICABLE]
    sections = {
        section: getattr(old, section).model_copy(
            update={key: _value(new, (section, key)) for place, key in applied if place == section}
        )
        for section, _ in applied
    }
    return Change(
        old.model_copy(update=sections),
        tuple(".".join(source) for source in applied),
        tuple(".".join(source) for source in differ if source not in APPLICABLE | _POINTERS),
    )


def _value(settings: Settings, source: Source) -> object:
    return getattr(getattr(settings, source[0]), source[1])
