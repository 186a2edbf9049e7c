"""No secret in any line of the log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd import wiring
from ingestd.log import configure, redact, tell_of_repeats

KEY = "Zk3_9-aQxw7LrT0vKfB2nYcU5hPd8sEj"
TOKEN = jwt.encode({"aud": "ingestd", "scope": "publish", "channel": "demo"}, "s" * 64, "HS256")

HIDDEN = [
    f"GET /ws?streamKey={KEY}&token={TOKEN} HTTP/1.1",
    f"GET /ws?token={TOKEN}&streamKey={KEY}&title=My%20show HTTP/1.1",
    f'upstream: "http://127.0.0.1:4000/ws?streamKey={KEY}", host: "a.example"',
    f"http://a.example/broadcast#channel=demo&streamKey={KEY}&token={TOKEN}",
    f"STREAMKEY={KEY}",
    f"stream_key={KEY} next=1",
    f"secret={KEY}",
    f"key={KEY}#fragment",
    f"Authorization: Bearer {TOKEN}",
    f"authorization: bearer {KEY}",
    f"Sec-WebSocket-Protocol: bearer.{TOKEN}",
    f"a token on its own: {TOKEN}.",
    f"rtmp://127.0.0.1/live/demo?token={TOKEN}",
    f"two of them: {TOKEN} {TOKEN}",
    f"stream_key='{KEY}'",
    f'"stream_key": "{KEY}"',
    f"/login?next=%2Fws%3FstreamKey%3D{KEY}",
    f"/login?next=%2Fws%3Fx%3D{TOKEN}",
    f"/login?next=%2Fws%3Fkey%3D{KEY}%26a%3D1",
    f"/a?next=%2Fb%3Fnext%3D%252Fws%253Fkey%253D{KEY}%2526token%253D{TOKEN}",
    f"Authorization%3A%20Bearer%20{KEY}",
    f"stream-key = {KEY}",
    f"{{'streamKey': ['{KEY}'], 'token': [b'{TOKEN}']}}",
    f"{{'stream_key': \"{KEY}\"}}",
    f"X-Token: {KEY}",
    f"\x1b[36mstream_key\x1b[0m=\x1b[35m{KEY}\x1b[0m \x1b[1mkey\x1b[0m=\x1b[35m'{KEY}'\x1b[0m",
    *(f"streamKey={odd}{KEY}" for odd in ("a,", "a'", "%", "a%26", "(a)", "%22", "gr\\u00fc\\u00df", "~;")),
    f'secret="a\'b\\"{KEY}" next',
    *(f"cannot reach postgresql+psycopg://me:{KEY}{odd}{KEY}@db/ingestd: refused" for odd in "/?#@+':%&=,;"),
    f"https://{KEY}@collector:4318/v1/traces",
    f"postgresql://db/ingestd?password={KEY}",
    f"postgresql://db/ingestd?password=a@{KEY}",
    json.dumps({"line": json.dumps({"url": f"rtmp://me:a\\{KEY}@b/live"})}),
]
KEPT = [
    "",
    "broadcast_started channel=demo title=My key to success",
    "GET /hls/demo/index.m3u8?monkey=1 HTTP/1.1",
    "state=live speed=1.01",
    "the bearer: this file",
    "https://tv.example.org/watch/demo mail me@example.org",
    '{"a": "http://127.0.0.1:8080/hls", "b": "me@example.org"}',
    "password authentication failed for user me",
    "first give it a password: /opt/ingestd/bin/ingestd user password admin",
    "eyJ alone is not a token",
    "the bearer of bad news: the token has expired, the secret: there is none",
    "A token is missing: give token=…, Authorization: Bearer, or bearer.TOKEN.",
    json.dumps("A token is missing: give token=…, Authorization: Bearer, or bearer.TOKEN."),
    "tokens=4 keys=2 hotkey=f donkey%3D1 token= key=",
    '{"token": null, "secret": 12345678901234567890, "stream_key": "", "key": "Enter"}',
    '{"event": "no token=", "level": "info", "which": "stream_key", "why": "token: "}',
]


@pytest.mark.parametrize("text", HIDDEN)
def test_a_secret_is_taken_out(text: str) -> None:
    found = redact(text)
    assert KEY not in found
    assert TOKEN not in found
    assert not set(TOKEN.split(".")) & set(found.replace(".", " ").split())
    assert "[hidden]" in found


@pytest.mark.parametrize("text", KEPT)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_what_stands_beside_a_secret_stays() -> None:
    found = redact(f"GET /ws?a=1&streamKey={KEY}&b=2 HTTP/1.1 token={TOKEN}, host: x")
    assert found == "GET /ws?a=1&streamKey=[hidden]&b=2 HTTP/1.1 token=[hidden], host: x"

    encoded = f"/login?next=%2Fws%3FstreamKey%3D{KEY}%26b%3D2&c=3"
    assert redact(encoded) == "/login?next=%2Fws%3FstreamKey%3D[hidden]%26b%3D2&c=3"
    coloured = f"\x1b[36mtoken\x1b[0m=\x1b[35m{KEY}\x1b[0m \x1b[36mb\x1b[0m=\x1b[35m2\x1b[0m"
    assert redact(coloured) == coloured.replace(KEY, "[hidden]")
    quoted = f'say "key={KEY}", or (secret={KEY}), x'
    assert redact(quoted) == 'say "key=[hidden]", or (secret=[hidden]), x'


def test_of_an_address_host_and_path_stay() -> None:
    found = redact(f"cannot reach postgresql+psycopg://me:{KEY}/@{KEY}@db/ingestd: refused")
    assert found == "cannot reach postgresql+psycopg://[hidden]@db/ingestd: refused"


def test_a_line_of_json_is_as_it_was_but_for_the_secret() -> None:
    entry = {"body": json.dumps({"stream_key": KEY, "a": "\\"}), "token": TOKEN, "b": [1, f"?key={KEY}"]}
    found = json.loads(redact(json.dumps(entry)))
    assert found == {
        "body": json.dumps({"stream_key": "[hidden]", "a": "\\"}),
        "token": "[hidden]",
        "b": [1, "?key=[hidden]"],
    }


words = st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=12)
parts = st.builds("{}={}".format, words, words)
keys = st.text(st.sampled_from("abcXYZ019-_"), min_size=16, max_size=48).map(lambda text: f"~{text}~")
names = st.sampled_from(["streamKey", "stream_key", "token", "key", "secret", "StreamKEY"])


@given(
    st.lists(parts, max_size=4), st.lists(parts, max_size=4), names, keys, st.sampled_from(["?", "#", "&"])
)
@settings(deadline=None)
def test_a_named_secret_anywhere_in_an_address_is_taken_out(
    before: list[str], after: list[str], name: str, key: str, mark: str
) -> None:
    query = "&".join([*before, f"{name}={key}", *after])
    found = redact(f"GET /path{mark}{query} HTTP/1.1")
    assert key not in found
    assert f"{name}=[hidden]" in found


@given(st.text(max_size=40), st.sampled_from([" ", "/", "=", "?", "&", ":", '"', ","]), st.text(max_size=40))
@settings(deadline=None)
def test_a_token_after_any_mark_is_taken_out(before: str, mark: str, after: str) -> None:
    assert TOKEN not in redact(f"{before}{mark}{TOKEN}{mark}{after}")


@given(st.text())
@settings(deadline=None)
def test_redaction_done_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)


pieces = st.sampled_from(
    [
        *"'\"\\[]{}(),:;=&%# …é\n\x1b",
        "token",
        "streamKey",
        "key",
        "secret=",
        "bearer ",
        "token: ",
        "eyJ",
        "%3D",
        "%26",
    ]
    + ["%25", "\x1b[0m", "\x1b[36m", '": "', "': '", '\\"', KEY, TOKEN, "[hidden]", "b'", "\\u00fc", "\\n"]
    + ["://", "a://b:", "@", "password="]
)
texts = st.lists(pieces | st.text(max_size=3), max_size=14).map("".join)
entries = st.recursive(
    texts | st.integers() | st.none(), lambda inner: st.dictionaries(texts, inner, max_size=3), max_leaves=5
)


@given(texts)
@settings(deadline=None, max_examples=60)
def test_redaction_of_what_looks_like_secrets_done_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(st.dictionaries(texts, entries, max_size=4), st.booleans())
@settings(deadline=None, max_examples=60)
def test_redaction_leaves_a_line_of_json_whole(entry: dict[str, Any], ascii: bool) -> None:
    found = json.loads(redact(json.dumps(entry, ensure_ascii=ascii)))
    assert shape(found) == shape(entry) or size(found) < size(entry)  # two keys may have become the same


def size(value: object) -> int:
    """Values in it, whatever is inside of what."""
    return 1 + sum(map(size, value.values())) if isinstance(value, dict) else 1


def shape(value: object) -> object:
    """What a value of JSON is made of, whatever its texts say."""
    if isinstance(value, dict):
        return [shape(inner) for inner in value.values()]
    return "" if isinstance(value, str) else value


@given(
    entry=texts,
    name=st.sampled_from(["stream_key", "streamKey", "token", "secret"]),
    levels=st.integers(0, 2),
)
@settings(deadline=None)
def test_a_secret_is_taken_out_of_json_within_json(entry: str, name: str, levels: int) -> None:
    line: Any = {"entry": entry, name: "Qq9 the secret, 'it' is: long}"}
    for _ in range(levels):
        line = {"body": json.dumps(line)}
    assert "Qq9" not in redact(json.dumps(line))


@pytest.mark.parametrize(
    "unit",
    [*("eyJ", "eyJ.", "eyJa.b", "a.", "a-", "bearer", "bearer ", "bearer.", "token", "token=", "token='")]
    + [
        'token="',
        'token\\"',
        'token"  :',
        "token ",
        "token: ",
        "key%3D",
        "%3D",
        "%25",
        "token=,",
        "\\",
        "\"'",
    ]
    + ["\x1b[0m", "token\x1b[0m", "token=\\u00fc", "key", " ", "token=\\", "://", "://a@", "@", "password="],
)
def test_the_time_it_takes_grows_with_the_text_and_no_faster(unit: str) -> None:
    def seconds(size: int) -> float:
        text, least = f"token={unit * (size // len(unit))}", 1.0
        for _ in range(2):
            started = time.process_time()
            redact(text)
            least = min(least, time.process_time() - started)
        return least

    assert seconds(24_000) < 30 * seconds(3_000) + 0.02  # eight times the text; by its square: 64 times


# The whole logging


@pytest.mark.parametrize("style", ["json", "console"])
def test_no_style_lets_a_secret_through(capsys: pytest.CaptureFixture[str], style: str) -> None:
    configure(style, "info")
    structlog.get_logger("ingestd.test").info("request", line=f"/ws?streamKey={KEY}", token_of=TOKEN)
    logging.getLogger("foreign").warning("GET /ws?token=%s", TOKEN)
    try:
        raise ValueError(f"token={TOKEN}")
    except ValueError:
        structlog.get_logger("ingestd.test").exception("failed")
    said = capsys.readouterr().err
    assert KEY not in said
    assert TOKEN not in said
    assert said.count("[hidden]") >= 4
    assert "ValueError" in said


def test_json_lines_have_event_level_logger_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", "info")
    structlog.get_logger("ingestd.test").warning("gone", code=1006)
    logging.getLogger("foreign").error("bad %s", "luck")
    ours, foreign = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["level"], ours["logger"], ours["code"]) == (
        "gone",
        "warning",
        "ingestd.test",
        1006,
    )
    assert (foreign["event"], foreign["level"], foreign["logger"]) == ("bad luck", "error", "foreign")
    assert ours["timestamp"].endswith("Z")


def test_what_is_below_the_level_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure("console", "warning")
    structlog.get_logger("ingestd.test").info("quiet")
    logging.getLogger("uvicorn.access").info("chatter")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_people_at_a_terminal_get_lines_and_machines_json(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    configure("auto", "info")
    structlog.get_logger("ingestd.test").info("ready", port=4000)
    assert capsys.readouterr().err.startswith("{") is not terminal


def test_the_last_lines_of_a_broadcast_are_kept_as_they_were_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recent = configure("console", "info")
    structlog.get_logger("ingestd.test").warning("ffmpeg", broadcast="b", line=f"/x?token={TOKEN}")
    structlog.get_logger("ingestd.test").warning("ready")
    with structlog.contextvars.bound_contextvars(broadcast="c"):
        structlog.get_logger("ingestd.test").warning("state")
    capsys.readouterr()
    (line,) = recent.of("b")
    assert json.loads(line)["line"] == "/x?token=[hidden]"
    assert [json.loads(one)["event"] for one in recent.of("c")] == ["state"]


def test_what_is_said_too_often_is_said_once_more_with_a_number(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("json", "debug")
    log, foreign, now = structlog.get_logger("ingestd.test"), logging.getLogger("uvicorn.error"), 1000.0
    monkeypatch.setattr("ingestd.log.setup.time.monotonic", lambda: now)
    for number in range(100):
        log.warning("ffmpeg", broadcast="b", line=f"DTS {number}")
        foreign.warning("Invalid HTTP request received.")
        log.info("request", path="/")
        log.debug("detail")
    now += 60
    log.info("stopping")
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    counts = Counter(one["event"] for one in said)
    assert counts["ffmpeg"] == counts["Invalid HTTP request received."] < 100
    assert counts["request"] == counts["detail"] == 100
    held = {
        one["what"]: (one["held_back"], one.get("broadcast")) for one in said if one["event"] == "repeated"
    }
    assert held["ffmpeg"] == (100 - counts["ffmpeg"], "b")
    assert held["Invalid HTTP request received."] == (100 - counts["ffmpeg"], None)
    assert said[-1]["event"] == "stopping"


def test_what_was_held_back_is_told_as_of_whom_it_was(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as of whoever logs the line that happens to come next."""
    configure("json", "info")
    log, now = structlog.get_logger("ingestd.test"), 1000.0
    monkeypatch.setattr("ingestd.log.setup.time.monotonic", lambda: now)
    of_it = {"broadcast": "b", "channel": "demo", "generation": 0}
    with structlog.contextvars.bound_contextvars(**of_it, user="anna", request_id="one"):
        for number in range(30):
            log.warning("ffmpeg", line=f"DTS {number}")
    now += 60
    with structlog.contextvars.bound_contextvars(broadcast="c", generation=7, user="bob", request_id="two"):
        log.info("state")
    *_, told, last = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (told["event"], told["what"], told["held_back"]) == ("repeated", "ffmpeg", 10)
    assert {name: told[name] for name in of_it} == of_it
    assert not {"user", "request_id"} & set(told)
    assert (last["broadcast"], last["request_id"]) == ("c", "two")


def test_what_is_held_back_is_told_although_nothing_more_is_logged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("json", "info")
    log, now = structlog.get_logger("ingestd.test"), 1000.0
    monkeypatch.setattr("ingestd.log.setup.time", SimpleNamespace(monotonic=lambda: now))  # not the loop's
    monkeypatch.setattr(wiring, "_REPEATS_EVERY", 0.01)
    said: list[dict[str, Any]] = []

    def told() -> list[int]:
        said.extend(json.loads(line) for line in capsys.readouterr().err.splitlines())
        return [one["held_back"] for one in said if one["event"] == "repeated"]

    async def story() -> None:
        nonlocal now
        async with contextlib.AsyncExitStack() as stack:
            wiring.repeats(stack)
            for _ in range(30):
                log.warning("again")
            tell_of_repeats()
            assert told() == [], "more of them may come"
            now += 60
            async with asyncio.timeout(60):
                while told() != [10]:  # noqa: ASYNC110 - a line sends no event
                    await asyncio.sleep(0.01)
            for _ in range(25):
                log.warning("again")
        assert told() == [10, 5], "at the end, what has not been told yet"

    asyncio.run(story())
