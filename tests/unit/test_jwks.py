"""The keys of an outside provider, which may be slow, gone, mad or mistaken."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from ingestd.accounts.jwks import Broken, Jwks, parse
from ingestd.errors import StartError
from tests.unit.jwks_provider import (
    SIGNERS,
    Provider,
    Writer,
    impostor,
    jwk,
    jwks,
    private,
    provider,
    response,
)

MINUTES = 60.0
RSA = ("RS256", "rsa")


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def fetched(*keys: dict[str, Any]) -> AsyncIterator[tuple[Provider, Jwks, Clock]]:
    clock = Clock()
    async with provider(*keys) as served:
        found = Jwks(served.url, timeout=60.0, clock=clock)
        try:
            yield served, found, clock
        finally:
            await found.close()


def test_each_kind_of_key_is_found_by_its_name_for_its_algorithm_alone() -> None:
    async def story() -> None:
        async with fetched(jwk("rsa"), jwk("ec"), jwk("ed")) as (served, keys, _):
            for algorithm, name in SIGNERS.items():
                for other in SIGNERS:
                    found = await keys.key(other, name)
                    assert (found == private(name).public_key()) is (other == algorithm)
            assert await keys.key("HS256", "rsa") is None
            assert served.asked == 1

    asyncio.run(story())


def test_a_token_that_names_no_key_gets_the_only_one_of_its_kind() -> None:
    async def story() -> None:
        async with fetched(jwk("rsa"), jwk("ec"), jwk("ec", kid="another")) as (_, keys, _clock):
            assert await keys.key("RS256", None) == private("rsa").public_key()
            assert await keys.key("ES256", None) is None

    asyncio.run(story())


def test_keys_are_asked_for_again_after_ten_minutes() -> None:
    async def story() -> None:
        async with fetched(jwk("rsa")) as (served, keys, clock):
            assert await keys.key(*RSA)
            served.answer = response(jwks(jwk("ec")))
            clock.now += 10 * MINUTES - 1
            assert await keys.key(*RSA)
            assert served.asked == 1
            clock.now += 1
            assert await keys.key(*RSA) is None  # withdrawn
            assert served.asked == 2

    asyncio.run(story())


def test_an_unknown_name_is_asked_for_at_most_once_in_ten_seconds() -> None:
    async def story() -> None:
        async with fetched(jwk("rsa")) as (served, keys, clock):
            assert await keys.key(*RSA)
            served.answer = response(jwks(jwk("rsa"), jwk("ec")))
            for _ in range(3):
                clock.now += 3
                assert await keys.key("ES256", "ec") is None
            assert served.asked == 1
            clock.now += 1
            assert await keys.key("ES256", "ec") == private("ec").public_key()
            assert served.asked == 2

    asyncio.run(story())


def test_many_who_ask_at_once_share_one_fetch() -> None:
    async def story() -> None:
        async with fetched(jwk("rsa")) as (served, keys, _):
            found = await asyncio.gather(*(keys.key(*RSA) for _ in range(50)))
            assert found == [private("rsa").public_key()] * 50
            assert served.asked == 1

    asyncio.run(story())


def test_one_who_leaves_does_not_end_the_fetch_of_the_others() -> None:
    async def story() -> None:
        async with fetched(jwk("rsa")) as (served, keys, _):
            first, second = (asyncio.create_task(keys.key(*RSA)) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            assert await second == private("rsa").public_key()
            assert served.asked == 1

    asyncio.run(story())


# Outages


def test_an_outage_is_survived_by_the_cached_keys_for_a_day() -> None:
    async def story() -> None:
        async with fetched(jwk("rsa")) as (served, keys, clock):
            assert await keys.key(*RSA)
            served.answer = response(b"", "503 Service Unavailable")
            clock.now += 10 * MINUTES
            assert await keys.key(*RSA)
            assert (served.asked, keys.down) == (2, True)
            clock.now += 24 * 60 * MINUTES - 10 * MINUTES - 1
            assert await keys.key(*RSA)
            clock.now += 1
            assert await keys.key(*RSA) is None
            clock.now += 10
            served.answer = response(jwks(jwk("rsa")))
            assert await keys.key(*RSA)
            assert not keys.down

    asyncio.run(story())


def test_a_known_key_waits_once_for_a_provider_that_hangs_and_then_no_more() -> None:
    async def story() -> None:
        async with fetched(jwk("rsa")) as (served, keys, clock):
            assert await keys.key(*RSA)
            served.answer, keys.timeout = hang, 0.1
            clock.now += 10 * MINUTES
            assert await keys.key(*RSA)  # after the timeout
            clock.now += 10
            known = keys.key(*RSA)
            with pytest.raises(StopIteration):  # without waiting for anything
                known.send(None)
            assert keys.down

    asyncio.run(story())


def test_known_keys_are_given_at_once_while_a_stranger_waits_for_an_unknown_one() -> None:
    async def story() -> None:
        async with fetched(jwk("rsa")) as (served, keys, clock):
            assert await keys.key(*RSA)
            served.answer, keys.timeout = hang, 0.1
            clock.now += 10
            stranger = asyncio.create_task(keys.key("RS256", "unknown"))
            await asyncio.sleep(0)
            known = keys.key(*RSA)
            with pytest.raises(StopIteration):
                known.send(None)
            assert not stranger.done()
            assert await stranger is None

    asyncio.run(story())


def test_nobody_listens() -> None:
    async def story() -> None:
        async with fetched() as (served, keys, _):
            gone = Jwks("http://127.0.0.1:1/", timeout=1.0)
            assert await gone.key(*RSA) is None
            assert gone.down
            await gone.close()
            assert served.asked == 0

    asyncio.run(story())


async def hang(_: Writer) -> None:
    await asyncio.Event().wait()


async def drip(writer: Writer) -> None:
    """A byte at a time, each within any timeout of a single read."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def endless(writer: Writer) -> None:
    """50 MB, without saying so before."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(800):
        writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
        await writer.drain()


TOO_MANY = [jwk("ec", kid=str(number)) for number in range(101)]
MAD: dict[str, Any] = {
    "hangs": (hang, "TimeoutError"),
    "drips": (drip, "TimeoutError"),
    "endless": (endless, "more than 1048576 bytes"),
    "fifty megabytes": (response(b" " * 50_000_000), "more than 1048576 bytes"),
    "a bomb": (
        response(gzip.compress(b" " * 10_000_000), "200 OK", "Content-Encoding: gzip"),
        "compressed answer",
    ),
    "elsewhere": (response(b"", "302 Found", "Location: /keys"), "status 302"),
    "not found": (response(b"", "404 Not Found"), "status 404"),
    "cut off": (response(jwks(jwk("rsa")))[:-20], "peer closed|incomplete"),
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n", ""),
    "no JSON": (response(b"<html>"), "no JSON"),
    "no UTF-8": (response(b"\xff\xfe\x00"), "no JSON"),
    "a trap": (response(b'{"keys":' * 100_000), "no JSON"),
    "a list": (response(b"[]"), "no JSON"),
    "no list": (response(b'{"keys": {}}'), "no list"),
    "too many keys": (response(jwks(*TOO_MANY)), "no list of at most 100 keys"),
}


@pytest.mark.parametrize(("answer", "words"), MAD.values(), ids=MAD)
def test_a_mad_provider_costs_no_key_and_no_time(answer: Any, words: str) -> None:
    async def story() -> None:
        async with fetched(jwk("rsa")) as (served, keys, clock):
            assert await keys.key(*RSA)
            served.answer = answer
            if answer in (hang, drip):
                keys.timeout = 0.1
            clock.now += 10 * MINUTES
            assert await keys.key(*RSA)
            assert keys.down

    with structlog.testing.capture_logs() as logs:
        asyncio.run(story())
    (line,) = [one for one in logs if one["event"] == "jwks_unavailable"]
    assert any(word in line["reason"] for word in words.split("|"))


@pytest.mark.parametrize("spelling", ["https", "HTTPS"])
def test_keys_are_not_taken_from_an_impostor(spelling: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with provider(jwk("rsa"), tls=impostor(tmp_path)) as served:
            keys = Jwks(served.url.replace("https", spelling, 1), timeout=60.0)
            assert await keys.key(*RSA) is None
            assert served.asked == 0
            await keys.close()

    with structlog.testing.capture_logs() as logs:
        asyncio.run(story())
    (line,) = [one for one in logs if one["event"] == "jwks_unavailable"]
    assert "CERTIFICATE_VERIFY_FAILED" in line["reason"]


def test_compression_is_not_asked_for() -> None:
    async def story() -> None:
        async with fetched(jwk("rsa")) as (served, keys, _):
            await keys.key(*RSA)
            assert b"accept-encoding: identity\r\n" in served.requests[0].lower()

    asyncio.run(story())


# Which keys count

UNSUITABLE: dict[str, dict[str, Any]] = {
    "a weak RSA key": jwk("weak"),
    "a giant RSA key": {**jwk("rsa"), "n": "x" * 100_000},
    "another curve": jwk("p384"),
    "a shared secret": {"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "oct"},
    "a shared secret that says RS256": {"kty": "oct", "k": "c2VjcmV0" * 8, "alg": "RS256"},
    "for encryption": jwk("rsa", use="enc"),
    "not to verify": jwk("rsa", key_ops=["encrypt"]),
    "operations that are no list": jwk("rsa", key_ops="verify"),
    "another hash": jwk("rsa", alg="RS512"),
    "another type's algorithm": jwk("ec", alg="RS256"),
    "private": jwk("rsa", public=False),
    "half a key": jwk("rsa", n=None),
    "a point that is not on the curve": {**jwk("ec"), "x": jwk("ec")["y"]},
    "no numbers": {**jwk("rsa"), "n": 7},
    "no base64": {**jwk("ed"), "x": "ä"},
    "no type": jwk("rsa", kty=None),
    "an unknown type": jwk("rsa", kty="PQ"),
    "a type that is no text": jwk("rsa", kty=["RSA"]),
}


@pytest.mark.parametrize("unsuitable", UNSUITABLE.values(), ids=UNSUITABLE)
def test_a_key_that_must_not_be_used_is_passed_over_and_the_others_count(unsuitable: dict[str, Any]) -> None:
    assert list(parse(jwks(unsuitable, jwk("ed", kid="good")))) == [("EdDSA", "good")]


@pytest.mark.parametrize("entry", [None, 1, "key", [], {}])
def test_what_is_no_key_is_passed_over(entry: Any) -> None:
    assert list(parse(json.dumps({"keys": [entry, jwk("ed")]}).encode())) == [("EdDSA", "ed")]


def test_a_key_says_what_it_is_for() -> None:
    good = jwk("rsa", alg="RS256", use="sig", key_ops=["verify"])
    assert list(parse(jwks(good))) == [RSA]
    assert list(parse(jwks(jwk("rsa", kid=None)))) == [("RS256", None)]


def test_of_two_keys_with_one_name_the_first_counts() -> None:
    keys = parse(jwks(jwk("ec"), jwk("rsa", kid="ec"), jwk("ec", x=jwk("ec")["x"])))
    assert list(keys) == [("ES256", "ec"), ("RS256", "ec")]


def test_a_hundred_keys_are_taken() -> None:
    assert len(parse(jwks(*TOO_MANY[:100]))) == 100
    with pytest.raises(Broken):
        parse(jwks(*TOO_MANY))


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example/keys",
        "ftp://idp.example/",
        "idp.example",
        "file:///etc/keys",
        "https://",
        "http://[::1",
    ],
)
def test_an_address_at_which_keys_could_be_changed_on_the_way_is_refused(url: str) -> None:
    with pytest.raises(StartError, match=r"^auth\.jwks_url"):
        Jwks(url)


@pytest.mark.parametrize("url", ["https://idp.example/keys", "http://localhost:8080/", "http://[::1]/keys"])
def test_https_and_this_machine_are_taken(url: str) -> None:
    async def story() -> None:
        await Jwks(url).close()

    asyncio.run(story())
