"""Settings from one TOML file, the environment and flags: merged, and checked.

``INGESTD_<SECTION>_<KEY>`` environment variables override the file, flags override both. A secret
may stand in a file of its own: the one that ``<key>_file`` names, or a credential of systemd's with
the name ``<section>.<key>``. Whenever something cannot be used, :func:`load` names key, value, what
is allowed and where it stood.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ingestd.errors import SettingsError
from ingestd.settings.model import Rung, Settings

_ENV_PREFIX = "INGESTD_"
_NOT_SETTINGS = {"INGESTD_COMMAND", "INGESTD_CONFIG", "INGESTD_STREAM_KEY", "INGESTD_TOKEN"}

Source = tuple[str, str]  # section, key

SECRETS: tuple[Source, ...] = (
    ("auth", "secret"),
    ("auth", "previous_secret"),
    ("database", "url"),
    ("webrtc", "turn_secret"),
)
"""The settings that may stand in files of their own."""

_FLAG_NAMES: dict[Source, str] = {
    ("data", "dir"): "data-dir",
    ("http", "bind"): "bind",
    ("http", "port"): "http-port",
    ("hls", "port"): "hls-port",
    ("rtmp", "port"): "rtmp-port",
    ("http", "insecure"): "insecure",
}


def keys() -> dict[Source, Any]:
    """Every setting as ``(section, key)`` with its field, in the order of the sample file."""
    sections = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {
        (section, key): field
        for section, model in sections.items()
        for key, field in model.model_fields.items()  # type: ignore[union-attr]
    }


def load(
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[Source, str] | None = None,
) -> Settings:
    """Merge file, environment and flags; raises :class:`SettingsError` with every fault found."""
    values: dict[Source, Any] = {}
    origin: dict[Source, str] = {}
    environ = environ or {}
    layers = [_from_file(file) if file else {}, _from_credentials(environ)]
    layers += [_from_environment(environ), _from_flags(flags or {})]
    for layer in layers:
        for key, (value, where) in layer.items():
            values[key], origin[key] = value, where
    _read_secrets(values, origin)
    nested: dict[str, dict[str, Any]] = {}
    for (section, name), value in values.items():
        nested.setdefault(section, {})[name] = value
    try:
        return Settings.model_validate(nested)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(item, origin) for item in _innermost(error))) from None


def _from_file(file: Path) -> dict[Source, tuple[Any, str]]:
    try:
        text = file.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not valid TOML: {error}") from None
    found: dict[Source, tuple[Any, str]] = {}
    for section, table in tables.items():
        if section not in Settings.model_fields or not isinstance(table, dict):
            allowed = ", ".join(f"[{name}]" for name in Settings.model_fields)
            raise SettingsError(
                f"{section}: unknown, at {file}:{_line(text, section, None)}; allowed sections: {allowed}"
            )
        for key, value in table.items():
            found[section, key] = value, f"{file}:{_line(text, section, key)}"
    return found


def _line(text: str, section: str, key: str | None) -> int:
    """The line on which a key stands: TOML readers do not tell."""
    inside = False
    for number, quoted in enumerate(text.splitlines(), 1):
        line = quoted.replace('"', "").replace("'", "")
        heading = re.match(r"\s*\[+\s*([\w.-]+)\s*\]+", line)
        if heading:
            inside = heading[1].split(".")[0] == section
            if inside and (key is None or heading[1] == f"{section}.{key}"):
                return number
        elif (key is None or inside) and re.match(rf"\s*{re.escape(key or section)}\s*[.=]", line):
            return number
        elif re.match(rf"\s*{re.escape(section)}\s*\.\s*{re.escape(key or '')}\s*[.=]", line):
            return number
    return _line(text, section, None) if key else 1  # inside of a table on one line


def _from_credentials(environ: Mapping[str, str]) -> dict[Source, tuple[Any, str]]:
    """What ``LoadCredential=auth.secret:FILE`` and its like have put where only this service reads."""
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return {}
    try:
        there = set(os.listdir(directory))
    except OSError as error:
        raise SettingsError(f"credentials: {directory} cannot be read: {error.strerror}") from None
    names = {source: ".".join(source) for source in SECRETS}
    return {
        source: (_secret(name, Path(directory, name)), f"credential {name}")
        for source, name in names.items()
        if name in there
    }


def _read_secrets(values: dict[Source, Any], origin: dict[Source, str]) -> None:
    """Put what stands in the files that are named ``<key>_file`` in the place of ``<key>``."""
    for source in SECRETS:
        pointer = source[0], f"{source[1]}_file"
        named = values.get(pointer)
        if not isinstance(named, str) or not named:  # what is no path is told with all the other faults
            continue
        if values.get(source):
            both = f"{'.'.join(source)} (at {origin[source]}) and {'.'.join(pointer)} (at {origin[pointer]})"
            raise SettingsError(f"{both} are both set: leave one of them out.")
        values[source] = _secret(".".join(pointer), Path(named))
        origin[source] = f"the file {named}, which {origin[pointer]} names"


def _secret(name: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{name}: {file} cannot be read: {error.strerror}") from None
    except ValueError:  # of what it holds, or of its path
        raise SettingsError(f"{name}: {str(file)!r} holds no text") from None


def _from_environment(environ: Mapping[str, str]) -> dict[Source, tuple[Any, str]]:
    names = {f"{_ENV_PREFIX}{section}_{key}".upper(): (section, key) for section, key in keys()}
    found: dict[Source, tuple[Any, str]] = {}
    for variable, text in environ.items():
        if not variable.startswith(_ENV_PREFIX) or variable in _NOT_SETTINGS:
            continue
        if variable not in names:
            raise SettingsError(
                f"{variable}: unknown environment variable; allowed: {', '.join(sorted(names))}"
            )
        found[names[variable]] = _value(text), f"environment variable {variable}"
    return found


def _from_flags(flags: Mapping[Source, str]) -> dict[Source, tuple[Any, str]]:
    for key in filter(_is_secret, flags):
        name, variable = ".".join(key), "_".join(key).upper()
        raise SettingsError(
            f"{name} is a secret, and everybody on this machine can read a command line: set"
            f" {_ENV_PREFIX}{variable} in the environment, or {name} in the file of --config."
        )
    return {key: (_value(text), f"flag --{flag_name(key)}") for key, text in flags.items()}


def flag_name(source: Source) -> str:
    """The flag of a setting: one of its own for what is needed first, ``set`` for all others."""
    return _FLAG_NAMES.get(source) or f"set {source[0]}.{source[1]}"


def _is_secret(source: Source) -> bool:
    return source in keys() and not keys()[source].repr


def _value(text: str) -> Any:
    """A value as TOML would read it; anything that is not TOML is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _innermost(error: ValidationError) -> list[Any]:
    """Its faults, but of those inside one another the inner: of a ladder's rungs, not of the ladder."""
    found = error.errors()
    outer = {item["loc"][:size] for item in found for size in range(len(item["loc"]))}
    return [item for item in found if item["loc"] not in outer]


def _explain(item: Any, origin: Mapping[Source, str]) -> str:
    location = item["loc"]
    name = ".".join(str(part) for part in location)
    where = origin.get(tuple(location[:2]), "its default")
    if item["type"] == "extra_forbidden":
        inside = ".".join(str(part) for part in location[:-1] if isinstance(part, str))
        fields = Rung.model_fields if len(location) > 2 else _fields(location[0])
        return f"{name}: unknown key, at {where}; allowed in [{inside}]: {', '.join(fields)}"
    allowed = item["msg"].removeprefix("Value error, ")
    said = name if _is_secret(tuple(location[:2])) else f"{name} = {item['input']!r}"
    return f"{said}, at {where}: not allowed: {allowed[0].lower()}{allowed[1:]}"


def _fields(section: str) -> list[str]:
    return [key for other, key in keys() if other == section]


def default_data_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Where data lives when nobody said: /var/lib/ingestd as root, else the XDG state directory."""
    environ = os.environ if environ is None else environ
    if os.geteuid() == 0:
        return Path("/var/lib/ingestd")
    state = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME", "/")) / ".local" / "state"
    return Path(state) / "ingestd"
