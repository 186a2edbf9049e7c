"""What Janus says, taken apart; and what is no message of Janus."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.webrtc.messages import Message, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
NAMES = st.sampled_from(
    ["janus", "transaction", "session_id", "sender", "plugindata", "jsep", "data", "error", "x"]
)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ('{"janus":"ack","session_id":7,"transaction":"t"}', Message("ack", "t", 7)),
        ('{"janus":"success","transaction":"t","data":{"id":5}}', Message("success", "t", data={"id": 5})),
        (
            """{"janus":"event","session_id":7,"sender":8,"transaction":"t",
            "plugindata":{"plugin":"p","data":{"videoroom":"joined"}},"jsep":{"type":"answer","sdp":"v=0"}}""",
            Message("event", "t", 7, 8, {"videoroom": "joined"}, {"type": "answer", "sdp": "v=0"}),
        ),
        (
            '{"janus":"media","session_id":7,"sender":8,"mid":"0","type":"audio","receiving":false}',
            Message("media", "", 7, 8, {"mid": "0", "type": "audio", "receiving": False}),
        ),
        (
            '{"janus":"error","transaction":"t","error":{"code":458,"reason":"No such session"}}',
            Message("error", "t", error=(458, "No such session")),
        ),
    ],
)
def test_a_message_is_taken_apart(text: str, meaning: Message) -> None:
    assert parse(text) == meaning


def test_a_plugin_that_says_no_says_so_in_a_success() -> None:
    data = {"videoroom": "event", "error_code": 426, "error": "No such room"}
    message = parse(json.dumps({"janus": "success", "plugindata": {"data": data}}))
    assert message and message.error == (426, "No such room")


def test_an_error_without_a_code_is_one() -> None:
    message = parse('{"janus":"error"}')
    assert message and message.error == (0, "")


def test_the_number_of_what_was_made_is_told_only_by_a_success() -> None:
    made = [parse(f'{{"janus":"{kind}","data":{{"id":5}}}}') for kind in ("success", "event")]
    assert [one and one.made for one in made] == [5, 0]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"janus":1}', "[" * 100_000, b"\xff\xfe\x00", "1" * 5000, '"janus"'],
    ids=range(9),
)
def test_what_is_no_message_is_none(text: str | bytes) -> None:
    assert parse(text) is None


@given(st.dictionaries(NAMES, JSON), st.text())
def test_whatever_comes_is_of_the_types_that_are_promised(said: dict[str, object], kind: str) -> None:
    message = parse(json.dumps({**said, "janus": kind}))
    assert message is not None and message.kind == kind
    assert all(type(number) is int for number in (message.session, message.sender, message.made))
    assert isinstance(message.transaction, str) and isinstance(message.data, dict)
    assert message.jsep is None or all(isinstance(text, str) for text in message.jsep.values())


@given(st.binary() | st.text())
def test_nothing_that_comes_raises(text: str | bytes) -> None:
    parse(text)
