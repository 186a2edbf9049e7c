"""Fuzz what reads and writes SDP: ``python -m tests.fuzz.fuzz_sdp 60`` (seconds). Needs atheris.

Seeds are the offers of real clients. An input's first byte says as which client's Janus sees it. Nothing
but a refusal may escape, and no line may be written that we never write.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ingestd.webrtc"]):
    from ingestd.webrtc.bridge import bridge, wanted
    from ingestd.webrtc.candidates import janus_candidates, parse_fragment
    from ingestd.webrtc.publishing import publish_answer, publish_offer
    from ingestd.webrtc.sdp import BadSdp, Offer, Unfit, parse_offer

from tests.webrtc.goldens import OFFERS, PUBLISH, janus
from tests.webrtc.grammar import strange_lines

NAMES = sorted(OFFERS)
JANUS = {name: janus(name) for name in NAMES}
LONGEST = 16 << 10


def written(offer: Offer, name: str) -> list[str]:
    """What Janus and the client get."""
    if name in PUBLISH:
        shown = publish_offer(offer, simulcast=True)
        assert parse_offer(shown.encode()).ice
        return [shown, publish_answer(offer, JANUS[name], simulcast=True)]
    wanted(offer)
    bridged = bridge(offer, JANUS[name])
    return [bridged.for_viewer, bridged.for_janus]


def one_input(data: bytes) -> None:
    if not data:
        return
    body = data[1:]
    try:
        for sdp in written(parse_offer(body), NAMES[data[0] % len(NAMES)]):
            assert strange_lines(sdp) == []
    except (BadSdp, Unfit):
        pass
    try:
        for candidate in janus_candidates(parse_fragment(body), "0"):
            assert strange_lines(f"a={candidate['candidate']}\r\n") == []
    except BadSdp:
        pass


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    corpus = Path(tempfile.mkdtemp(prefix="fuzz-sdp-"))
    try:
        for index, name in enumerate(NAMES):
            (corpus / name).write_bytes(bytes([index]) + OFFERS[name])
        # atheris ends the process itself, without coming back here
        options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-rss_limit_mb=1024"]
        atheris.Setup([sys.argv[0], *options, str(corpus)], one_input)
        atheris.Fuzz()
    finally:
        shutil.rmtree(corpus, ignore_errors=True)


if __name__ == "__main__":
    main()
