"""Offers as clients write them, and what is made of them, as files: see ``sdp/README.md``.

python -m tests.webrtc.goldens     writes what is made of them anew
"""

from __future__ import annotations

from pathlib import Path

from ingestd.webrtc.bridge import bridge, wanted
from ingestd.webrtc.publishing import publish_answer, publish_offer
from ingestd.webrtc.sdp import parse_offer

FOLDER = Path(__file__).parent / "sdp"
OFFERS = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.sdp"))}
PUBLISH = [name for name in OFFERS if "-publish" in name]
PLAY = [name for name in OFFERS if "-play" in name]


def janus(name: str) -> str:
    """What Janus 1.1.2 said: its answer to a publisher's offer, or its own offer for a viewer."""
    return (FOLDER / f"{name}.janus").read_bytes().decode()


def made(name: str) -> dict[str, str]:
    """What is made of an offer: the text of each file, by its suffix."""
    offer = parse_offer(OFFERS[name])
    if name in PUBLISH:
        return {"publish": publish_offer(offer), "answer": publish_answer(offer, janus(name))}
    bridged = bridge(offer, janus(name))
    return {"wanted": f"{wanted(offer)}\n", "answer": bridged.for_viewer, "bridged": bridged.for_janus}


def main() -> None:
    for name in OFFERS:
        for suffix, text in made(name).items():
            (FOLDER / f"{name}.{suffix}").write_bytes(text.encode())


if __name__ == "__main__":
    main()
