"""config/ingestd.toml as the settings' own documentation says it.

python -m tests.unit.sample_config > config/ingestd.toml
"""

from __future__ import annotations

import json
import textwrap
import typing
from pathlib import Path
from typing import Any

from ingestd.settings import Rung, keys

FILE = Path(__file__).parents[2] / "config" / "ingestd.toml"
COLUMNS = 95

_HEAD = """\
# The settings of ingestd: every one of them, with its unit, default and effect.

# Lines that begin with "#key =" are settings at their default: take the # away to change one.
# What is not here is a mistake that ingestd names, with its line, instead of starting.

# Say `ingestd up --config FILE`, or put the file's path into INGESTD_CONFIG. Each setting can also
# come from the environment, as INGESTD_<SECTION>_<KEY> (INGESTD_HLS_WINDOW=120), and from the
# command line, as `--set SECTION.KEY=VALUE` (--set hls.window=120); a few have flags of their own
# (`ingestd up --help`). The environment wins over this file, the command line over both.
"""


def text() -> str:
    """The whole file, made from the settings' fields."""
    parts, last = [_HEAD], ""
    for (section, key), field in keys().items():
        if section != last:
            parts.append(f"\n[{section}]\n")
            last = section
        parts.append(f"\n{_comment(_words(field))}{_line(key, field)}")
    return "".join(parts)


def uncommented(sample: str) -> str:
    """The sample with every setting switched on."""
    lines = (
        line[1:] if line[:1] == "#" and line[1:2] not in ("", " ") else line for line in sample.splitlines()
    )
    return "\n".join(lines) + "\n"


def _words(field: Any) -> str:
    words = [field.description]
    if typing.get_origin(field.annotation) is typing.Literal:
        words.append(f"One of: {', '.join(typing.get_args(field.annotation))}.")
    if field.annotation == tuple[Rung, ...]:
        words += [f"{name}: {part.description}" for name, part in Rung.model_fields.items()]
    return " ".join(words)


def _comment(words: str) -> str:
    return textwrap.fill(words, COLUMNS, initial_indent="# ", subsequent_indent="# ") + "\n"


def _line(key: str, field: Any) -> str:
    default = field.default
    if default is None:
        return f'# {key} = "{field.examples[0]}", for example\n'
    if default and isinstance(default, tuple) and isinstance(default[0], Rung):
        rungs = (f"#{{ height = {rung.height}, bitrate = {rung.bitrate} }},\n" for rung in default)
        return f"#{key} = [\n{''.join(rungs)}#]\n"
    return f"#{key} = {json.dumps(default)}\n"


if __name__ == "__main__":
    print(text(), end="")
