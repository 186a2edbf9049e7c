"""httpx without what it costs: by itself it reads all the machine's certificates for each request, which
takes a twentieth of a second of CPU, and tests ask many times a second. And with more patience: by itself it
has five seconds, which a busy machine may take."""

from __future__ import annotations

import functools
import ssl

import httpx

_TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # who speaks TLS is asked by httpx itself
_PATIENCE = 60.0  # seconds, unless a test says otherwise

request = functools.partial(httpx.request, verify=_TRUSTS_NOBODY, timeout=_PATIENCE)
get = functools.partial(httpx.get, verify=_TRUSTS_NOBODY, timeout=_PATIENCE)
head = functools.partial(httpx.head, verify=_TRUSTS_NOBODY, timeout=_PATIENCE)
stream = functools.partial(httpx.stream, verify=_TRUSTS_NOBODY, timeout=_PATIENCE)
post = functools.partial(httpx.post, verify=_TRUSTS_NOBODY, timeout=_PATIENCE)
Client = functools.partial(httpx.Client, verify=_TRUSTS_NOBODY, timeout=_PATIENCE)
AsyncClient = functools.partial(httpx.AsyncClient, verify=_TRUSTS_NOBODY, timeout=_PATIENCE)
