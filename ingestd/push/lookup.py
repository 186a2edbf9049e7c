"""What the system knows of hosts: the addresses of others, by DNS, and its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

import psutil

from ingestd.push.allowed import Resolver

LOOKUP_SECONDS = 10.0
_EACH = 16  # hosts that are looked up for one owner at a time

_Answer = list[str] | OSError


class Unanswered(OSError):
    """Nobody has said yet whether there is such a host; that is no fault of the host's."""


class Lookups:
    """The system's resolver, which cannot be interrupted: so each lookup has a thread to itself.

    What is looked up already is not looked up twice; beyond that, each owner of channels has only so
    many under way, so that names which are slow to resolve hold up nobody else's, nor take threads
    without end.
    """

    def __init__(self) -> None:
        self._under_way: dict[tuple[str, str], asyncio.Future[_Answer]] = {}  # by owner and host

    def of(self, owner: str) -> Resolver:
        """Every address of a host; raises OSError, among them :class:`Unanswered`."""

        async def resolve(host: str) -> list[str]:
            try:
                async with asyncio.timeout(LOOKUP_SECONDS):
                    found = await asyncio.shield(self._lookup(owner, host))
            except TimeoutError:
                raise Unanswered("no answer in time") from None
            if isinstance(found, OSError):
                raise found
            return found

        return resolve

    def _lookup(self, owner: str, host: str) -> asyncio.Future[_Answer]:
        key = owner, host
        if known := self._under_way.get(key):
            return known
        if sum(one == owner for one, _ in self._under_way) >= _EACH:
            raise Unanswered("too many other names are waited for")
        loop = asyncio.get_running_loop()
        made: asyncio.Future[_Answer] = loop.create_future()

        def settle(answer: _Answer) -> None:
            del self._under_way[key]
            made.set_result(answer)

        def work() -> None:
            answer = _ask(host)
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, answer)

        # a daemon: who waits for a name server does not keep the server from ending
        threading.Thread(target=work, name="push-dns", daemon=True).start()
        self._under_way[key] = made
        return made


def _ask(host: str) -> _Answer:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except socket.gaierror as error:
        return Unanswered("try again") if error.errno == socket.EAI_AGAIN else error
    except OSError as error:
        return error
    except ValueError as error:  # UnicodeError: a name that cannot be
        return OSError(str(error))
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def own_addresses() -> set[str]:
    """Of all interfaces of this machine, as they are now."""
    families = (socket.AF_INET, socket.AF_INET6)
    interfaces = psutil.net_if_addrs().values()
    return {one.address for addresses in interfaces for one in addresses if one.family in families}
