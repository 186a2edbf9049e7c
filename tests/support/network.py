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
    """So many UDP packets in a hundred are lost in this network, on their way from anybody to anybody; but on
    127.0.0.1, by which our own processes talk.

    What goes to an own address goes by ``lo``. Not by netem, which not every kernel has: a filter (classic
    BPF) compares a random number with a bound. Behind the Ethernet header of 14 bytes, at offset 23 is IPv4's
    protocol, 17 is UDP; at 30 the destination; 2 is TC_ACT_SHOT.
    """
    bound = min(int(percent / 100 * 2**32), 2**32 - 1)
    random = 0xFFFFF000 + 56  # SKF_AD_OFF + SKF_AD_RANDOM (linux/filter.h)
    code = ["48 0 0 23", "21 0 5 17", "48 0 0 30", "21 3 0 127", f"32 0 0 {random}", f"37 1 0 {bound}"]
    with _filtered(",".join([*code, "6 0 0 2", "6 0 0 0"])):
        yield


@contextmanager
def udp_blocked(but: tuple[int, int] = (0, 0)) -> Iterator[None]:
    """No UDP gets through in this network, as behind many a firewall, but from or to those ports, the first
    and the last of them; and on 127.0.0.1. At offset 34 is the port that a packet comes from, then the other.
    """
    first, last = but
    code = [
        *["48 0 0 30", "21 9 0 127", "48 0 0 23", "21 0 7 17"],
        *["40 0 0 34", f"53 0 1 {first}", f"37 0 4 {last}"],  # at least the first; not more than the last
        *["40 0 0 36", f"53 0 1 {first}", f"37 0 1 {last}"],
        *["6 0 0 2", "6 0 0 0"],
    ]
    with _filtered(",".join(code)):
        yield


@contextmanager
def _filtered(code: str) -> Iterator[None]:
    """Packets to own addresses pass a filter: instructions of classic BPF, each "code jt jf k"."""
    _run("tc qdisc add dev lo clsact")
    try:
        _run("tc filter add dev lo egress bpf da bytecode", f"{code.count(',') + 1},{code}")
        yield
    finally:
        _run("tc qdisc del dev lo clsact")


def _run(script: str, *last: str) -> None:
    for line in filter(None, map(str.strip, script.splitlines())):
        subprocess.run([*line.split(), *last], check=True, capture_output=True, text=True, env=_TOOLS)
