"""A network namespace of a test's own, with an interface that is not loopback: WebRTC uses no other.

Whatever is started meanwhile (ingestd, Janus, FFmpeg, a browser) lives in it, and reaches nothing outside.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

ADDRESS = "198.51.100.1"  # TEST-NET-2 (RFC 5737)
INTERFACE = "lan0"

_CLONE_NEWNET = 0x40000000
_GATEWAY = "198.51.100.2"  # nobody: programs that want a default route get one
_TOOLS = {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
_libc = ctypes.CDLL(None, use_errno=True)

# A cable with both of its ends here (veth): kernels that know no `dummy` interfaces know these.
_CABLE = f"""
    ip link set lo up
    ip link add {INTERFACE} type veth peer name {INTERFACE}end
    ip link set {INTERFACE}end up
    ip address add {ADDRESS}/24 dev {INTERFACE}
    ip link set {INTERFACE} up
    ip route add default via {_GATEWAY}
"""


def why_none() -> str:
    """Why there can be no such network here; empty: there can."""
    if os.geteuid() != 0:
        return "a network of the test's own takes root"
    if not shutil.which("ip", path=_TOOLS["PATH"]):
        return "a network of the test's own takes iproute2"
    allowed = subprocess.run(["unshare", "--net", "true"], capture_output=True, env=_TOOLS, check=False)
    return "" if allowed.returncode == 0 else "no new network is allowed here"


@contextmanager
def own_network() -> Iterator[None]:
    """Move this thread, and what it starts from now on, into a new network; and back. Skips the test where
    that is not allowed."""
    if reason := why_none():
        pytest.skip(reason)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if _libc.unshare(_CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "no new network is allowed here")
        try:
            _run(_CABLE)
            yield
        finally:
            if _libc.setns(before, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "the network of before cannot be gone back to")
    finally:
        os.close(before)


@contextmanager
def loss(percent: float) -> Iterator[None]:
    """So many UDP packets in a hundred are lost in this network, on their way from anybody to anybody.

    What goes to an own address goes by ``lo``. Not by netem, which not every kernel has: a filter (classic
    BPF) compares a random number with a bound. At offset 23 behind the Ethernet header of 14 bytes is IPv4's
    protocol, 17 is UDP; 2 is TC_ACT_SHOT.
    """
    bound = min(int(percent / 100 * 2**32), 2**32 - 1)
    random = 0xFFFFF000 + 56  # SKF_AD_OFF + SKF_AD_RANDOM (linux/filter.h)
    code = f"7,48 0 0 23,21 0 4 17,32 0 0 {random},37 0 1 {bound},6 0 0 0,6 0 0 2,6 0 0 0"
    _run("tc qdisc add dev lo clsact")
    try:
        _run("tc filter add dev lo egress bpf da bytecode", code)
        yield
    finally:
        _run("tc qdisc del dev lo clsact")


def _run(script: str, *last: str) -> None:
    for line in filter(None, map(str.strip, script.splitlines())):
        subprocess.run([*line.split(), *last], check=True, capture_output=True, text=True, env=_TOOLS)
