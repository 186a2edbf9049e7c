"""librtmp, from which OBS has its own: an RTMP publisher that is not FFmpeg's."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from pathlib import Path

_HEAD = 13  # bytes before a file's first tag
_QUIET = 0  # RTMP_LOGCRIT


def publish(url: str, flv: Path) -> None:
    """Send a file of FLV to ``rtmp://host:port/app/key`` in real time; raises ConnectionError."""
    library = ctypes.CDLL("librtmp.so.1")
    library.RTMP_Alloc.restype = ctypes.c_void_p
    library.RTMP_LogSetLevel(_QUIET)
    address = ctypes.create_string_buffer(url.encode())  # it is taken to pieces, and has to stay
    rtmp = ctypes.c_void_p(library.RTMP_Alloc())
    library.RTMP_Init(rtmp)
    try:
        if not library.RTMP_SetupURL(rtmp, address):
            raise ConnectionError("librtmp does not understand the address")
        library.RTMP_EnableWrite(rtmp)
        if not library.RTMP_Connect(rtmp, None) or not library.RTMP_ConnectStream(rtmp, 0):
            raise ConnectionError("librtmp was not let in")
        began = time.monotonic()
        for at, tag in _tags(flv.read_bytes()):
            time.sleep(max(0.0, began + at - time.monotonic()))
            if library.RTMP_Write(rtmp, tag, len(tag)) != len(tag):
                raise ConnectionError("the server took no more of it")
    finally:
        library.RTMP_Close(rtmp)
        library.RTMP_Free(rtmp)


def _tags(flv: bytes) -> Iterator[tuple[float, bytes]]:
    """Each with its time in seconds, and the size that stands behind it."""
    at = _HEAD
    while at < len(flv):
        size = 11 + int.from_bytes(flv[at + 1 : at + 4], "big") + 4
        yield int.from_bytes(flv[at + 7 : at + 8] + flv[at + 4 : at + 7], "big") / 1000, flv[at : at + size]
        at += size
