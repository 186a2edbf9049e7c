"""Flags that become settings: shared by every command that reads the configuration."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection
from pathlib import Path

from ingestd.errors import SettingsError
from ingestd.settings import Settings, Source, flag_name, keys, load

# Flags of their own; every other setting is reached by --set SECTION.KEY=VALUE.
_FLAGS: dict[Source, str] = {
    ("data", "dir"): "DIR",
    ("http", "bind"): "ADDR",
    ("http", "port"): "N",
    ("hls", "port"): "N",
    ("rtmp", "port"): "N",
    ("http", "insecure"): "",  # takes no value
}


def add_settings(command: argparse.ArgumentParser, only: Collection[Source] = tuple(_FLAGS)) -> None:
    """Give a command ``--config``, a flag for each setting of the first need, and ``--set``.

    ``only``: those of them that mean something to the command.
    """
    group = command.add_argument_group("settings")
    group.add_argument("--config", metavar="FILE", type=Path, help="TOML file (also INGESTD_CONFIG)")
    fields = keys()
    for source in only:
        field, metavar = fields[source], _FLAGS[source]
        default = "" if field.default in (None, "", False) else f" (default: {field.default})"
        form: dict[str, str] = {"metavar": metavar} if metavar else {"action": "store_const", "const": "true"}
        group.add_argument(
            f"--{flag_name(source)}",
            **form,  # type: ignore[arg-type]
            dest=_dest(source),
            help=f"{field.description}{default}",
        )
    group.add_argument(
        "--set",
        metavar="SECTION.KEY=VALUE",
        action="append",
        default=[],
        help="any other setting, for example --set hls.window=120",
    )


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings of this invocation: file, then environment, then flags."""
    flags = {
        source: value for source in _FLAGS if (value := getattr(arguments, _dest(source), None)) is not None
    }
    for text in arguments.set:
        source, value = _parse(text)
        flags[source] = value
    return load(settings_file(arguments), os.environ, flags)


def settings_file(arguments: argparse.Namespace) -> Path | None:
    """The file of this invocation; None: there is none."""
    named: Path | None = arguments.config
    return named or (Path(os.environ["INGESTD_CONFIG"]) if "INGESTD_CONFIG" in os.environ else None)


def _parse(text: str) -> tuple[Source, str]:
    name, found, value = text.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (found and dot) or (section, key) not in keys():
        allowed = ", ".join(".".join(source) for source in keys())
        raise SettingsError(f"--set {name}: say SECTION.KEY=VALUE with one of: {allowed}")
    return (section, key), value.strip()


def _dest(source: Source) -> str:
    return "_".join(("setting", *source))
