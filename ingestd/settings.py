"""Every setting: its unit, default and effect stand at its field.

One TOML file, overridden by ``INGESTD_<SECTION>_<KEY>`` environment variables, overridden by
flags. :func:`load` merges the three and names key, value, what is allowed and
where it stood whenever something cannot be used.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ingestd.errors import SettingsError

Port = Annotated[int, Field(ge=0, le=65535, strict=True)]
Seconds = Annotated[float, Field(gt=0, le=86400 * 365)]

_ENV_PREFIX = "INGESTD_"
_NOT_SETTINGS = {"INGESTD_CONFIG", "INGESTD_STREAM_KEY", "INGESTD_TOKEN"}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Section):
    dir: Path | None = Field(
        None,
        description="Directory of secrets, nginx's files and HLS. Default: /var/lib/ingestd as root,"
        " else $XDG_STATE_HOME/ingestd or ~/.local/state/ingestd.",
    )
    min_free: int = Field(
        200, ge=0, description="MiB of free disk below which /readyz says no and no broadcast is taken."
    )
    fsync: bool = Field(
        False,
        description="Whether a segment and its entry in the journal are forced to disk before they are"
        " acknowledged. Without it nothing is lost when processes die, but a power cut may take the last"
        " seconds. With it every segment waits for the disk.",
    )


class Http(_Section):
    bind: str = Field("127.0.0.1", description="Address on which pages, API and HLS are served.")
    port: Port = Field(4000, description="Port of ingestd itself; 0 takes a free one.")
    public_host: str = Field(
        "",
        description="Host name or address that people use to reach this machine, for the links that are"
        " printed. Default: the bind address.",
    )


class Hls(_Section):
    port: Port = Field(
        8080, description="Port of nginx: HLS, and everything else behind one entry; 0 takes a free one."
    )
    segment: float = Field(
        1.0, ge=0.5, le=10, description="Seconds in a segment; a keyframe is forced as often."
    )
    window: Seconds = Field(60.0, description="Seconds of media that a live playlist lists.")
    keep_ended: Seconds = Field(
        86400.0, description="Seconds for which the last window of an ended broadcast stays playable."
    )
    poll: Seconds = Field(0.1, le=5, description="Seconds between two looks at nginx's private playlists.")
    poster_every: float = Field(
        10.0, ge=0, description="Seconds between two posters of a live broadcast; 0 makes none."
    )


class Rtmp(_Section):
    port: Port = Field(1935, description="Port of nginx-rtmp, on loopback; 0 takes a free one.")
    host: str = Field(
        "127.0.0.1", description="Host of nginx-rtmp for the encoders, where nginx runs elsewhere."
    )


class Ingest(_Section):
    max_message: int = Field(
        16, ge=1, le=256, description="MiB in one WebSocket message; a larger one is refused (4413)."
    )
    idle_timeout: Seconds = Field(
        10.0,
        description="Seconds without a byte, or without media, after which a publisher is dropped (4408).",
    )
    silent_after: Seconds = Field(
        3.0,
        description="Seconds without a byte after which a newcomer takes the channel over unasked.",
    )
    resume_window: Seconds = Field(
        60.0, description="Seconds for which a broadcast waits for a publisher that is gone."
    )
    replay_buffer: int = Field(
        32, ge=1, le=1024, description="MiB of media of one recording kept in memory for replay."
    )
    ahead: int = Field(
        4, ge=1, le=256, description="MiB that may wait for the encoder before the socket is no longer read."
    )
    max_broadcasts: int = Field(8, ge=1, description="Broadcasts at one time; one more is refused (1013).")
    max_load: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Share of the machine's processors that may be in use with a new broadcast's encoder"
        " added; beyond it the broadcast is refused (1013). 0 takes every one.",
    )
    token_lifetime: Seconds = Field(
        30 * 86400.0, description="Seconds for which a newly printed token is good."
    )


class Rung(_Section):
    """One rendition of the ladder."""

    height: int = Field(ge=16, le=4320, description="Pixels of the picture's short side.")
    bitrate: int = Field(ge=50, le=100_000, description="Video kb/s.")


class Encoder(_Section):
    ladder: tuple[Rung, ...] = Field(
        (Rung(height=720, bitrate=2500), Rung(height=480, bitrate=1200), Rung(height=360, bitrate=700)),
        min_length=1,
        max_length=8,
        description="Renditions, best first; none is made larger than its source.",
    )
    audio_bitrate: int = Field(96, ge=16, le=512, description="AAC kb/s in every rendition.")
    frame_rate: int = Field(30, ge=5, le=120, description="Frames a second in every rendition.")
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"] = Field(
        "veryfast", description="x264 preset: what CPU time buys in quality."
    )
    ffmpeg: str = Field("ffmpeg", description="The FFmpeg program.")
    ffprobe: str = Field("ffprobe", description="The ffprobe program.")
    stall_timeout: Seconds = Field(
        6.0,
        description="Seconds without a new segment, while media waits, after which the encoder is restarted;"
        " doubled for each restart in a row, up to four times as long.",
    )
    slow_timeout: Seconds = Field(
        10.0,
        description="Seconds for which the encoder may fall behind before the top rendition is dropped.",
    )
    climb_after: Seconds = Field(
        60.0,
        description="Seconds until a dropped rendition is tried again; doubled each time that fails.",
    )
    nice: int = Field(
        5, ge=0, le=19, description="Niceness of encoders: 0 as everybody else, 19 last of all."
    )
    memory_limit: int = Field(
        0, ge=0, description="MiB of memory that one encoder may take (RLIMIT_DATA); 0: no limit."
    )
    max_restarts: int = Field(
        8, ge=0, description="Restarts in a row without a new segment before a broadcast is given up."
    )

    @field_validator("ladder")
    @classmethod
    def _no_twins(cls, ladder: tuple[Rung, ...]) -> tuple[Rung, ...]:
        heights = [rung.height for rung in ladder]
        if len(set(heights)) != len(heights) or heights != sorted(heights, reverse=True):
            raise ValueError("heights that differ, the largest first")
        return ladder


class Nginx(_Section):
    program: str = Field("nginx", description="The nginx program.")
    rtmp_module: str = Field("", description="Path of ngx_rtmp_module.so. Default: where Debian puts it.")
    stop_timeout: Seconds = Field(5.0, description="Seconds between SIGTERM and SIGKILL for nginx.")
    hang_timeout: Seconds = Field(
        5.0, description="Seconds without an answer after which an nginx of `ingestd up` is started again."
    )


class Log(_Section):
    style: Literal["console", "json"] = Field("console", description="Lines for people, or for machines.")
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least that is logged."
    )


class Settings(_Section):
    """The whole configuration, one section for each table of the TOML file."""

    data: Data = Data()
    http: Http = Http()
    hls: Hls = Hls()
    rtmp: Rtmp = Rtmp()
    ingest: Ingest = Ingest()
    encoder: Encoder = Encoder()
    nginx: Nginx = Nginx()
    log: Log = Log()


Source = tuple[str, str]  # section, key

_FLAG_NAMES: dict[Source, str] = {
    ("data", "dir"): "data-dir",
    ("http", "bind"): "bind",
    ("http", "port"): "http-port",
    ("hls", "port"): "hls-port",
    ("rtmp", "port"): "rtmp-port",
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
    layers = [_from_file(file) if file else {}, _from_environment(environ or {}), _from_flags(flags or {})]
    for layer in layers:
        for key, (value, where) in layer.items():
            values[key], origin[key] = value, where
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
    return {key: (_value(text), f"flag --{flag_name(key)}") for key, text in flags.items()}


def flag_name(source: Source) -> str:
    """The flag of a setting: one of its own for what is needed first, ``set`` for all others."""
    return _FLAG_NAMES.get(source) or f"set {source[0]}.{source[1]}"


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
    where = origin.get(tuple(location[:2]), "the command line")
    if item["type"] == "extra_forbidden":
        inside = ".".join(str(part) for part in location[:-1] if isinstance(part, str))
        fields = Rung.model_fields if len(location) > 2 else _fields(location[0])
        return f"{name}: unknown key, at {where}; allowed in [{inside}]: {', '.join(fields)}"
    allowed = item["msg"].removeprefix("Value error, ")
    return f"{name} = {item['input']!r}, at {where}: not allowed: {allowed[0].lower()}{allowed[1:]}"


def _fields(section: str) -> list[str]:
    return [key for other, key in keys() if other == section]


def default_data_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Where data lives when nobody said: /var/lib/ingestd as root, else the XDG state directory."""
    environ = os.environ if environ is None else environ
    if os.geteuid() == 0:
        return Path("/var/lib/ingestd")
    state = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME", "/")) / ".local" / "state"
    return Path(state) / "ingestd"
