"""Checks of ``ingestd doctor``: the machine, its ports and its disk."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import sys
import tempfile
from functools import partial
from pathlib import Path

import psutil

from ingestd.broadcast.load import memory_limit
from ingestd.doctor.finding import Check, Verdict, failed, ok, warning
from ingestd.nginx.config import resource
from ingestd.safety import own_bind, rtmp_bind
from ingestd.settings import Settings, default_data_dir

_MIB = 1024 * 1024
_OLDEST_PYTHON = (3, 11)
_CORES = 2  # a ladder of three costs 0.6 of one; nginx, the daemon and a second broadcast want some too
_MEMORY = 512  # MiB: an encoder takes about 120, a replay buffer up to 32
_MORE = f"Have {_MEMORY} MiB free: each broadcast takes up to 150 MiB."
_PRIVATE = ("secret", "secret.previous", "storage.key", "demo.key", "nginx.secret", "ingestd.db")

_LOW_PORT = (
    "Ports below 1024 need a privilege: choose a higher one, or "
    "sysctl net.ipv4.ip_unprivileged_port_start=80, or AmbientCapabilities=CAP_NET_BIND_SERVICE in systemd."
)


def python(_settings: Settings) -> Verdict:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _OLDEST_PYTHON:
        return failed(f"{version} is too old", "Install Python 3.11 or newer, and make the environment anew.")
    return ok(f"{version}, {sys.executable}")


def processors(_settings: Settings) -> Verdict:
    """CPUs that this process may use."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if count < _CORES:
        remedy = "Make the ladder smaller, or use preset ultrafast: --set encoder.preset=ultrafast."
        return warning(f"{count} CPU; one broadcast with the default ladder takes 0.6 of it", remedy)
    return ok(f"{count} CPUs")


def memory(_settings: Settings) -> Verdict:
    available = psutil.virtual_memory().available // _MIB
    limit = memory_limit()
    if limit is not None and limit < _MEMORY * _MIB:
        return warning(f"this container may take {limit // _MIB} MiB", _MORE)
    if available < _MEMORY:
        return warning(f"{available} MiB available", _MORE)
    return ok(f"{available} MiB available")


def pages(_settings: Settings) -> Verdict:
    """The pages that browsers get: without them nobody can publish or watch, but files and APIs work."""
    index = resource(Path("web") / "dist") / "index.html"
    if index.is_file():
        return ok(str(index.parent))
    return failed("not built", "Run `make run`, or `npm ci && npm run build` in web/ (Node 18 or newer).")


def data_directory(settings: Settings) -> Verdict:
    """It can be written, or made; nothing is changed."""
    directory = _data(settings)
    remedy = f"Make it and give it to this user, or choose another: --data-dir DIR (now {directory})."
    existing = _nearest(directory)
    if not existing.is_dir():
        return failed(f"{existing} is not a directory", remedy)
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        return failed(f"{existing} cannot be written: {error.strerror}", remedy)
    return ok(str(directory) if existing == directory else f"{directory} (will be made)")


def disk(settings: Settings) -> Verdict:
    """Free space where segments will lie."""
    free = shutil.disk_usage(_nearest(_data(settings))).free // _MIB
    least = settings.data.min_free
    if free < least:
        remedy = "Make room, choose another --data-dir, or set data.min_free lower."
        return failed(f"{free} MiB free; no broadcast is taken below {least}", remedy)
    return ok(f"{free} MiB free")


def secrets(settings: Settings) -> Verdict:
    """Nobody else can read the stream keys and the secret that signs tokens."""
    files = [_data(settings) / name for name in _PRIVATE]
    there = [file for file in files if file.exists()]
    open_ones = [str(file) for file in there if stat.S_IMODE(file.stat().st_mode) & 0o077]
    if open_ones:
        names = " ".join(open_ones)
        return failed(f"others can read {names}", f"chmod 600 {names}; if others did read them, delete them.")
    return ok(f"{len(there)} files, mode 0600" if there else "will be made at the first start")


def _data(settings: Settings) -> Path:
    return (settings.data.dir or default_data_dir()).absolute()


def _nearest(path: Path) -> Path:
    """The path itself, or the first of its parents that exists."""
    return next(each for each in (path, *path.parents) if os.path.exists(each))  # and may be seen


def port(section: str, settings: Settings) -> Verdict:
    """Whether a port can be had, or who has it."""
    host, number = {
        "http": (own_bind(settings), settings.http.port),
        "hls": (settings.http.bind, settings.hls.port),
        "rtmp": (rtmp_bind(settings), settings.rtmp.port),
    }[section]
    if number == 0:
        return ok("any free one")
    try:
        _bind(host, number)
    except OSError as error:
        return _taken(section, host, number, error, _data(settings))
    return ok(f"{number} on {host} is free")


def _bind(host: str, number: int) -> None:
    family, _, _, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
    with socket.socket(family) as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do: TIME_WAIT is no hindrance
        probe.bind(address)


def _taken(section: str, host: str, number: int, error: OSError, data: Path) -> Verdict:
    if error.errno == errno.EACCES:
        return failed(f"{number} on {host}: this user may not use it", _LOW_PORT)
    if error.errno != errno.EADDRINUSE:
        return failed(
            f"{number} on {host}: {error.strerror}", "Choose an address of this machine: --bind ADDR."
        )
    holder = _holder(number)
    if holder and _is_ours(holder, data):
        return ok(f"{number} is in use by ingestd itself, which runs already")
    who = f"{_name(holder)} (process {holder.pid})" if holder else "another program"
    return failed(
        f"{number} on {host} is in use by {who}", f"End that program, or choose another: --{section}-port N."
    )


def _holder(number: int) -> psutil.Process | None:
    """Who listens there; None where we may not know."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and tuple(connection.laddr)[1:2] == (number,) and connection.pid:
                return psutil.Process(connection.pid)
    except psutil.Error:
        pass
    return None


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return "a program"


def _is_ours(process: psutil.Process, data: Path) -> bool:
    """An ``ingestd up`` or ``serve``, or the nginx that it started in this data directory."""
    try:
        family = [process, *process.parents()]
        lines = [member.cmdline() for member in family]
    except psutil.Error:
        return False
    return any(_runs_ingestd(line) or str(data) in " ".join(line) for line in lines)


def _runs_ingestd(command: list[str]) -> bool:
    """``…/ingestd up`` or ``python -m ingestd up``."""
    words = [Path(word).name for word in command[:5]]
    return any(
        first == "ingestd" and second in ("up", "serve")
        for first, second in zip(words, words[1:], strict=False)
    )


CHECKS = (
    Check("Port of ingestd", partial(port, "http")),
    Check("Port of HLS", partial(port, "hls"), of_nginx=True),
    Check("Port of RTMP", partial(port, "rtmp"), of_nginx=True),
    Check("Data directory", data_directory),
    Check("Disk", disk),
    Check("Secrets", secrets),
    Check("Pages", pages),
    Check("Python", python),
    Check("Processors", processors),
    Check("Memory", memory),
)
