"""Offers that nobody would write: each is refused in a sentence, or what is written of it is clean."""

from __future__ import annotations

import random
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.webrtc.bridge import bridge, wanted
from ingestd.webrtc.candidates import janus_candidates, parse_fragment
from ingestd.webrtc.publishing import publish_answer, publish_offer, publish_tag
from ingestd.webrtc.sdp import BadSdp, Unfit, parse_offer
from tests.webrtc.goldens import OFFERS, PLAY, PUBLISH, janus
from tests.webrtc.grammar import strange_lines

LINES = sorted({line for offer in OFFERS.values() for line in offer.splitlines(keepends=True)})
EVIL = [
    b"\r\na=candidate:1 1 udp 1 192.0.2.9 9 typ host",
    b"\n",
    b"\r",
    b"\x00",
    b"%0d%0a",
    b" ",
    "\u2028".encode(),
]


def mutated(offer: bytes, seed: int) -> bytes:
    """Some lines dropped, doubled, swapped, put in from others; some bytes changed, something put between."""
    rng = random.Random(seed)
    lines = offer.splitlines(keepends=True)

    def drop() -> None:
        lines.pop(rng.randrange(len(lines)))

    def double() -> None:
        lines.insert(rng.randrange(len(lines)), rng.choice(lines))

    def swap() -> None:
        one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]

    def foreign() -> None:
        lines.insert(rng.randrange(len(lines)), rng.choice(LINES))

    def flip() -> None:
        at = rng.randrange(len(lines))
        line = bytearray(lines[at])
        line[rng.randrange(len(line))] = rng.randrange(256)
        lines[at] = bytes(line)

    def inject() -> None:
        at = rng.randrange(len(lines))
        cut = rng.randrange(len(lines[at]))
        lines[at] = lines[at][:cut] + rng.choice(EVIL) + lines[at][cut:]

    ways: list[Callable[[], None]] = [drop, double, swap, foreign, flip, inject]
    for _ in range(rng.randint(1, 4)):
        rng.choice(ways)()
    return b"".join(lines)


def all_that_is_written(body: bytes, name: str) -> list[str]:
    """Every SDP that comes of an offer, Janus being as with the offer ``name``."""
    offer = parse_offer(body)
    if name in PUBLISH:
        publish_tag(offer)
        shown = [publish_offer(offer), publish_offer(offer, simulcast=True)]
        try:
            return [
                *shown,
                publish_answer(offer, janus(name)),
                publish_answer(offer, janus(name), simulcast=True),
            ]
        except Unfit:  # Janus would have said something else
            return shown
    wanted(offer)
    try:
        bridged = bridge(offer, janus(name))
    except Unfit:
        return []
    return [bridged.for_viewer, bridged.for_janus]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([*PUBLISH, *PLAY]), st.integers(0, 2**32))
def test_a_mutated_offer_is_refused_or_what_is_written_is_clean(name: str, seed: int) -> None:
    try:
        written = all_that_is_written(mutated(OFFERS[name], seed), name)
    except BadSdp as refused:
        assert str(refused).endswith(".") and len(str(refused)) < 200 and str(refused).isprintable()
        return
    assert [line for sdp in written for line in strange_lines(sdp)] == []
    for sdp in written:
        parse_offer(sdp.encode())


def test_mutations_are_read_as_well_as_refused() -> None:
    results = []
    for seed in range(300):
        try:
            results.append(
                bool(all_that_is_written(mutated(OFFERS["chromium-publish"], seed), "chromium-publish"))
            )
        except BadSdp:
            results.append(False)
    assert 50 < sum(results) < 250


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(LINES), max_size=60).map(b"".join)))
def test_of_any_bytes_nothing_but_a_refusal_escapes(body: bytes) -> None:
    for read in (parse_offer, parse_fragment):
        try:
            read(body)
        except BadSdp as refused:
            assert str(refused).endswith(".")


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(OFFERS)), st.integers(0, 2**32))
def test_the_candidates_of_a_mutated_fragment_are_written_clean(name: str, seed: int) -> None:
    kept = (b"m=", b"a=mid", b"a=candidate", b"a=ice-", b"a=end")
    offer = OFFERS[name].splitlines(keepends=True)
    body = b"".join(line for line in offer if line.startswith(kept))
    try:
        fragment = parse_fragment(mutated(body, seed))
    except BadSdp:
        return
    for candidate in janus_candidates(fragment, "0"):
        assert strange_lines(f"a={candidate['candidate']}\r\n") == []


def test_the_grammar_of_what_is_written_knows_strange_lines() -> None:
    for line in ("a=candidate:1 1 udp 1 x.local 9 typ host", "a=ice-pwd:short", "a=x", "a=mid:0\na=x", ""):
        assert strange_lines(f"{line}\r\n") == [line]
    assert strange_lines("v=0") == ["v=0"]
