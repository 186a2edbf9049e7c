"""What is known of a broadcast afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.contextvars import bind_contextvars, merge_contextvars

from ingestd import wiring
from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.publication import Publication
from ingestd.broadcast.registry import Broadcasts
from ingestd.container.model import InitSegment
from ingestd.errors import Code, Refusal
from ingestd.log import Recent
from ingestd.monitor.diagnosis import Diagnosis, packed
from ingestd.monitor.versions import versions
from ingestd.settings import Ingest, Settings
from tests.unit.live import running
from tests.unit.test_publication import Wire

ADDRESS = "192.0.2.7"


def diagnosis(registry: Broadcasts, lines: Recent | None = None) -> Diagnosis:
    async def told() -> Mapping[str, str]:
        return {"ffmpeg": "ffmpeg version 5"}

    return Diagnosis(registry, lines or Recent(), lambda everything: {"everything": everything}, told)


def begun(registry: Broadcasts, channel: str = "demo") -> tuple[Publication, Broadcast]:
    publication = registry.begin(channel, "Title")
    assert publication.broadcast
    publication.visit.way, publication.visit.address = "websocket", ADDRESS
    return publication, publication.broadcast


def unpacked(data: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = {member.name: tar.extractfile(member) for member in tar}
        return {name: file.read().decode() for name, file in found.items() if file}


def test_the_timeline_and_the_connections_of_publishers(tmp_path: Path) -> None:
    async def story() -> dict[str, Any]:
        async with running(tmp_path) as registry:
            first, one = begun(registry)
            first.count(100)
            first.close()
            again = registry.resume("demo", one.id, 0, 0)
            assert isinstance(again, Publication)
            again.count(50)
            again.fence(Refusal(Code.FORBIDDEN, "No longer."))
            one.stop()
            await one.over.wait()
            return diagnosis(registry).of(one, admin=True)

    found = asyncio.run(story())
    assert [(turn["event"], turn["state"]) for turn in found["timeline"]] == [
        ("started", "starting"),
        ("publisher_left", "interrupted"),
        ("publisher_back", "starting"),
        ("stop", "ending"),
        ("delivered", "ended"),
    ]
    assert all(turn["at"] and turn["sentence"] for turn in found["timeline"])
    first, second = found["publishers"]
    assert (first["received_bytes"], first["address"], first["resumed_at"]) == (100, ADDRESS, None)
    assert first["until"] >= first["since"]
    assert (second["received_bytes"], second["resumed_at"], second["epoch"]) == (50, 0, 0)


def test_addresses_are_for_admins(tmp_path: Path) -> None:
    async def story() -> list[str]:
        async with running(tmp_path) as registry:
            _, one = begun(registry)
            made = diagnosis(registry)
            told = made.of(one, admin=False), unpacked(await made.archive(one, admin=False))
            return [json.dumps(one) for one in told]

    assert all(ADDRESS not in text for text in asyncio.run(story()))


def test_a_connection_tells_how_it_ended(tmp_path: Path) -> None:
    async def story() -> list[dict[str, Any]]:
        async with running(tmp_path) as registry:
            wire = await Wire(registry).resumable()
            wire.say(type="start", mime="video/webm")
            ready = await wire.hear("ready")
            wire.hang_up(1001)
            await wire.gone()
            again = await Wire(registry).resumable()
            again.say(type="resume", broadcast=ready["broadcast"], epoch=0)
            await again.hear("ready")
            again.say(type="no such thing")
            await again.gone()
            one = registry.find(ready["broadcast"])
            assert one
            found: list[dict[str, Any]] = diagnosis(registry).of(one, admin=True)["publishers"]
            return found

    first, second = asyncio.run(story())
    assert (first["way"], first["close_code"], first["reason"]) == ("websocket", 1001, "")
    assert (second["close_code"], bool(second["reason"]), second["resumed_at"]) == (4400, True, 0)
    assert first["until"] and second["until"]


def test_a_plain_publisher_is_among_them(tmp_path: Path) -> None:
    async def story() -> int:
        async with running(tmp_path) as registry:
            publication = registry.claim("demo", "Title")
            publication.count(10)
            publication.begin(InitSegment(b"init", "matroska", ()))
            assert publication.broadcast
            (visit,) = diagnosis(registry).of(publication.broadcast, admin=True)["publishers"]
            received: int = visit["received_bytes"]
            return received

    assert asyncio.run(story()) == 10


def test_a_sample_each_second_while_it_is_open(tmp_path: Path) -> None:
    async def story() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        async with running(tmp_path) as registry:
            publication, one = begun(registry)
            made = diagnosis(registry)
            publication.count(500)
            made.measure(1000.0)
            publication.count(1000)
            made.measure(1001.0)
            publication.count(1000)
            made.measure(1001.5)  # a little early, in a step that has been measured
            publication.count(3000)
            made.measure(1004.5)  # and late: two steps were missed
            open_ = made.of(one, admin=True)["samples"]
            one.stop()
            await one.over.wait()
            made.measure(1005.0)
            ended = made.of(one, admin=True)["samples"]
            registry._ended.clear()
            made.measure(1006.0)
            return open_, ended, made.of(one, admin=True)["samples"]

    open_, ended, forgotten = asyncio.run(story())
    assert open_["bitrate"] == [None, 16000, None, None, 8000]
    assert (open_["speed"], open_["lag"]) == ([None] * 5, [0, 0, None, None, 0])
    assert ended["bitrate"] == open_["bitrate"]
    assert forgotten == {"seconds_ago": None, "bitrate": [], "speed": [], "lag": []}


def test_it_measures_by_itself_and_ends(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            _, one = begun(registry)
            made = diagnosis(registry)
            made.start()
            await asyncio.sleep(0)
            assert made.of(one, admin=True)["samples"]["lag"]
            await made.close()

    asyncio.run(story())


def test_the_archive_holds_all_of_it(tmp_path: Path) -> None:
    async def story() -> tuple[str, dict[str, str]]:
        async with running(tmp_path) as registry:
            _, one = begun(registry)
            lines = Recent()
            for number in range(60):
                lines.add(one.id, json.dumps({"event": "state", "number": number}))
            return one.id, unpacked(await diagnosis(registry, lines).archive(one, admin=True))

    name, files = asyncio.run(story())
    names = ("diagnosis.json", "generations.json", "settings.json", "versions.json", "log.jsonl")
    assert set(files) == {f"ingestd-{name}/{file}" for file in names}
    told = {path.partition("/")[2]: text for path, text in files.items()}
    assert json.loads(told["settings.json"]) == {"everything": True}
    assert json.loads(told["versions.json"]) == {"ffmpeg": "ffmpeg version 5"}
    assert json.loads(told["generations.json"]) == []
    assert len(json.loads(told["diagnosis.json"])["lines"]) == 50
    assert [json.loads(line)["number"] for line in told["log.jsonl"].splitlines()] == list(range(60))


def test_an_archive_takes_any_text() -> None:
    assert unpacked(packed("x", {"a": "é\udc80"}, 1e9)) == {"x/a": "é?\n"}


def test_programs_tell_their_versions_and_why_they_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestd.monitor.versions._SECONDS", 60.0)  # a busy machine's FFmpeg has one, too
    found = asyncio.run(versions("ffmpeg", "no-such-nginx", tmp_path))
    assert found["ffmpeg"].startswith("ffmpeg version")
    assert found["python"].startswith("CPython 3.")
    assert "no-such-nginx" in found["nginx"]


def test_a_broadcast_s_lines_name_it_and_not_the_request_that_began_it(tmp_path: Path) -> None:
    async def story() -> tuple[str, list[Any]]:
        with structlog.testing.capture_logs(processors=[merge_contextvars]) as logs:
            async with running(tmp_path) as registry:
                bind_contextvars(request_id="r")
                _, one = begun(registry)
                logs.clear()
                one.stop()
                await one.over.wait()
                return one.id, list(logs)

    name, logs = asyncio.run(story())
    ended = {entry["event"]: entry for entry in logs}["broadcast_over"]
    assert (ended["broadcast"], ended["channel"]) == (name, "demo")
    assert "request_id" not in ended


def test_the_settings_that_are_shown_are_those_that_hold_now(tmp_path: Path) -> None:
    """Also after a reload."""

    async def story() -> list[Any]:
        async with running(tmp_path) as registry, contextlib.AsyncExitStack() as stack:
            _, one = begun(registry)
            now, seen = [Settings()], []
            made = wiring.diagnosis(stack, lambda: now[-1], tmp_path, registry, Recent())
            for most in (8, 3):
                now.append(Settings(ingest=Ingest(max_broadcasts=most)))
                archive = unpacked(await made.archive(one, admin=True))
                seen.append(
                    json.loads(archive[f"ingestd-{one.id}/settings.json"])["ingest"]["max_broadcasts"]
                )
            return seen

    assert asyncio.run(story()) == [8, 3]
