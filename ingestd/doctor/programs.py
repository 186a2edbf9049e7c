"""Checks of ``ingestd doctor``: the programs that ingestd starts."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from ingestd.doctor.finding import Check, Verdict, failed, ok, warning
from ingestd.nginx.config import find_rtmp_module
from ingestd.processes import clean_environment
from ingestd.settings import Settings

_SECONDS = 8.0  # for one program to answer: less than a check gets, so that it is reaped
_OLDEST_FFMPEG = (5, 0)

_GET_FFMPEG = "Install FFmpeg 5.0 or newer (Debian, Ubuntu: apt install ffmpeg), or set encoder.ffmpeg."
_GET_FULL_FFMPEG = (
    "Install an FFmpeg that was built with it: Debian's and Ubuntu's are (apt install ffmpeg); "
    "name another one with --set encoder.ffmpeg=PATH."
)
_GET_NGINX = (
    "Install nginx (Debian, Ubuntu: apt install nginx libnginx-mod-rtmp libnginx-mod-stream),"
    " or set nginx.program."
)
_GET_MODULE = (
    "Install it (Debian, Ubuntu: apt install libnginx-mod-rtmp), or set nginx.rtmp_module to its path."
)
_GET_UTIL_LINUX = "Install util-linux (Debian, Ubuntu: apt install util-linux); containers often lack it."

_RTMP = "rtmp { access_log off; server { application live { live on; } } }"
_ENCODERS = ("libx264", "aac")
_DECODERS = ("vp8", "vp9", "h264", "opus")
_WANTED_DECODERS = ("aac", "vorbis", "mp3")  # browsers do not record these; files and encoders have them
# FFmpeg's own "av1" decodes with a graphics card only.
_AV1_DECODERS = ("libdav1d", "libaom-av1", "libgav1")


class Missing(Exception):
    """A program is not there, so nothing can be asked of it."""


def find(program: str) -> str | None:
    """Where a program is, looked for where our children are: PATH, and then the system's directories."""
    return shutil.which(program, path=clean_environment(Path("/"))["PATH"])


def ask(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; its words."""
    found = find(program)
    if found is None:
        raise Missing(program)
    return subprocess.run(
        [found, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_SECONDS,
        env=clean_environment(Path("/tmp")),
    )


def ffmpeg(settings: Settings) -> Verdict:
    """FFmpeg is there, and not older than what the encoder's command line needs."""
    return _version_of(settings.encoder.ffmpeg, _OLDEST_FFMPEG)


def ffprobe(settings: Settings) -> Verdict:
    """ffprobe, which looks at files that are to be published."""
    return _version_of(settings.encoder.ffprobe, _OLDEST_FFMPEG)


def _version_of(program: str, oldest: tuple[int, int]) -> Verdict:
    try:
        ended = ask(program, "-version")
    except Missing:
        return failed(f"{program} not found", _GET_FFMPEG)
    version = parse_version(ended.stdout)
    if ended.returncode or not ended.stdout:
        last = (ended.stderr.strip().splitlines() or ["no word"])[-1]
        return failed(f"{program} does not run: {last}", _GET_FFMPEG)
    if version is None:  # a build from git calls itself N-12345-gabcdef
        return ok(f"{find(program)}, {ended.stdout.splitlines()[0][:60]}")
    words = f"{find(program)}, version {version[0]}.{version[1]}"
    return ok(words) if version >= oldest else failed(f"{words} is too old", _GET_FFMPEG)


def parse_version(text: str) -> tuple[int, int] | None:
    """``ffmpeg version 5.1.9-0+deb12u1 …`` is (5, 1); None where the build has no number."""
    found = re.match(r"\S+ version n?(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def _names(settings: Settings, listing: str) -> set[str] | None:
    """The second column of a listing such as ``-encoders``; None without FFmpeg."""
    try:
        listed = ask(settings.encoder.ffmpeg, "-hide_banner", f"-{listing}").stdout
    except Missing:
        return None
    rows = [line.split() for line in listed.splitlines()]
    return {name for row in rows if len(row) > 1 for name in row[1].split(",")}


def _without_ffmpeg() -> Verdict:
    return failed("cannot be asked: FFmpeg was not found", "Install FFmpeg first.")


def encoders(settings: Settings) -> Verdict:
    """What the renditions are made with."""
    there = _names(settings, "encoders")
    if there is None:
        return _without_ffmpeg()
    missing = [name for name in _ENCODERS if name not in there]
    return failed(f"{_list(missing)} missing", _GET_FULL_FFMPEG) if missing else ok(_list(_ENCODERS))


def decoders(settings: Settings) -> Verdict:
    """What browsers record, and what other encoders send."""
    there = _names(settings, "decoders")
    if there is None:
        return _without_ffmpeg()
    missing = [name for name in _DECODERS if name not in there]
    if missing:
        return failed(f"{_list(missing)} missing", _GET_FULL_FFMPEG)
    wanted = [name for name in _WANTED_DECODERS if name not in there]
    if not there & set(_AV1_DECODERS):
        wanted.append(f"av1 ({' or '.join(_AV1_DECODERS)})")
    if wanted:
        return warning(f"{_list(wanted)} missing: recordings with it cannot be taken", _GET_FULL_FFMPEG)
    return ok(_list((*_DECODERS, "av1", *_WANTED_DECODERS)))


def outputs(settings: Settings) -> Verdict:
    """How the renditions reach nginx: FLV over RTMP."""
    muxers, protocols = _names(settings, "muxers"), _protocols(settings)
    if muxers is None:
        return _without_ffmpeg()
    missing = [] if "flv" in muxers else ["muxer flv"]
    missing += [] if "rtmp" in protocols else ["protocol rtmp"]
    return failed(f"{_list(missing)} missing", _GET_FULL_FFMPEG) if missing else ok("flv over rtmp")


def _protocols(settings: Settings) -> set[str]:
    try:
        listed = ask(settings.encoder.ffmpeg, "-hide_banner", "-protocols").stdout
    except Missing:
        return set()
    return set(listed.partition("Output:")[2].split())


def nginx(settings: Settings) -> Verdict:
    """nginx is there; only ``ingestd up`` needs it, for ``serve`` has it elsewhere."""
    program = settings.nginx.program
    if settings.nginx.upstream:
        return ok(f"runs elsewhere, on {settings.rtmp.host} (nginx.upstream): it and its ports are left out")
    try:
        ended = ask(program, "-v")
    except Missing:
        return failed(f"{program} not found (nor in /usr/sbin)", _GET_NGINX)
    words = ended.stderr.strip().rpartition("version: ")[2] or "no version"
    return (
        failed(f"{program} does not run: {words}", _GET_NGINX)
        if ended.returncode
        else ok(f"{find(program)}, {words}")
    )


def rtmp_module(settings: Settings) -> Verdict:
    """The module is where it is looked for, and this nginx loads it: versions have to match."""
    module = find_rtmp_module(settings.nginx.rtmp_module)
    if module is None:
        where = settings.nginx.rtmp_module or "where distributions put it"
        return failed(f"ngx_rtmp_module.so not found at {where}", _GET_MODULE)
    try:
        error = complaint(settings.nginx.program, module, _RTMP)
    except Missing:
        return failed(f"{module} is there, but nginx was not found", "Install nginx first.")
    if error:
        remedy = (
            "Install module and nginx from the same source; a module fits only the nginx it was built for."
        )
        return failed(f"nginx does not load {module}: {error}", remedy)
    return ok(f"{module}, and nginx loads it")


def complaint(program: str, module: Path | None, block: str) -> str:
    """Let nginx try a configuration with the module, if it is one, and a block of it; what it says."""
    with TemporaryDirectory(prefix="ingestd-doctor-") as scratch:
        config = Path(scratch) / "nginx.conf"
        config.write_text(
            (f"load_module {module};\n" if module else "")
            + f"pid {scratch}/pid;\nerror_log stderr;\nevents {{ }}\n{block}\n"
        )
        ended = ask(program, "-t", "-q", "-p", scratch, "-c", str(config))
    complaints = [line for line in ended.stderr.splitlines() if "[emerg]" in line]
    return (complaints or ended.stderr.splitlines() or ["no word"])[0].strip() if ended.returncode else ""


def guards(_settings: Settings) -> Verdict:
    """The programs that bind every child's life and limits to ours."""
    missing = [name for name in ("setpriv", "prlimit") if find(name) is None]
    return failed(f"{_list(missing)} not found", _GET_UTIL_LINUX) if missing else ok("setpriv, prlimit")


def _list(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names)


CHECKS = (
    Check("FFmpeg", ffmpeg),
    Check("FFmpeg's encoders", encoders),
    Check("FFmpeg's decoders", decoders),
    Check("FFmpeg's output", outputs),
    Check("ffprobe", ffprobe),
    Check("nginx", nginx),
    Check("nginx's rtmp module", rtmp_module, of_nginx=True),
    Check("util-linux", guards),
)
