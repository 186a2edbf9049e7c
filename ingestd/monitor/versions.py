"""Which programs run here, as they say it themselves."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

from ingestd.errors import StartError
from ingestd.processes import run

_SECONDS = 5.0  # for a program to tell its version


async def versions(ffmpeg: str, nginx: str, scratch: Path) -> dict[str, str]:
    """The first line of what each says of itself; why not, where it does not."""
    return {
        "ingestd": version("ingestd"),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        "ffmpeg": await _told([ffmpeg, "-version"], scratch),
        "nginx": await _told([nginx, "-v"], scratch),
    }


async def _told(argv: list[str], scratch: Path) -> str:
    try:
        ended, said = await run(argv, name=argv[0], cwd=scratch, seconds=_SECONDS)
    except (StartError, OSError) as error:
        return str(error)
    lines = [*said.splitlines(), *ended.lines]
    return lines[0] if lines else str(ended)
