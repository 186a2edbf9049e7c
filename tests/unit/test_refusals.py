"""What Janus refuses: which of the refusals it is."""

from __future__ import annotations

import pytest

from ingestd.errors import Code, Refusal, Refused
from ingestd.webrtc.gateway import Away, JanusError
from ingestd.webrtc.refusals import Refusals
from ingestd.webrtc.sdp import BadSdp, Unfit

AWAY, FULL, OTHER = (Refusal(Code.UNAVAILABLE, words) for words in ("away", "full", "other"))
REFUSALS = Refusals(AWAY, FULL, OTHER)


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (Away("It is away."), AWAY),
        (JanusError(490, "No port"), FULL),
        (JanusError(426, "No such room"), OTHER),
        (Unfit("It makes no sense."), OTHER),
    ],
)
def test_what_janus_says_is_one_of_them(error: Exception, refusal: Refusal) -> None:
    with pytest.raises(Refused) as told, REFUSALS.told():
        raise error
    assert told.value.refusal is refusal


@pytest.mark.parametrize("error", [BadSdp("No SDP."), Refused(FULL), OSError()])
def test_what_it_does_not_say_stays_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as told, REFUSALS.told():
        raise error
    assert told.value is error
