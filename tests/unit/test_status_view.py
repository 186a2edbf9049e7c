"""What ``ingestd status`` shows of what the API says."""

from __future__ import annotations

from typing import Any

import pytest

from ingestd.cli.status_view import HEADINGS, Status, duration, lines, row

URL = "http://127.0.0.1:4000"
SERVER = {"version": "0.1.0", "uptime": 90061.5, "cpu": 0.34, "disk_bytes": 50e9, "disk_free_bytes": 12.34e9}
ENCODER = {"generation": 3, "restarts": 2, "running": True, "speed": 1.002, "fps": 29.97}


def broadcast(**changes: Any) -> dict[str, Any]:
    renditions = [{"name": name} for name in ("720p", "480p", "360p")]
    made: dict[str, Any] = {
        "channel": "news",
        "state": "live",
        "started_at": "2026-11-21T16:33:12.000Z",
        "encoder": ENCODER,
    }
    made |= {"renditions": renditions, "left_out": 0, "commit_lag": 1.234, "viewers": 14}
    return made | changes


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.9, "0 s"),
        (59, "59 s"),
        (61, "1 min 1 s"),
        (3600, "1 h 0 min"),
        (11520, "3 h 12 min"),
        (90061, "1 d 1 h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_row_has_a_cell_for_each_heading() -> None:
    cells = dict(zip(HEADINGS, row(broadcast()), strict=True))
    assert cells.pop("SINCE").startswith("2026-11-2")
    assert cells == {
        "CHANNEL": "news",
        "STATE": "live",
        "RENDITIONS": "720p 480p 360p",
        "SPEED": "1.00×",
        "FPS": "30.0",
        "LAG": "1.2 s",
        "VIEWERS": "14",
        "RESTARTS": "2",
    }


def test_of_the_viewers_it_is_said_how_many_come_by_webrtc() -> None:
    column = HEADINGS.index("VIEWERS")
    assert row(broadcast(peers={"viewers": 3, "publisher": None}))[column] == "14 (3 WebRTC)"
    assert row(broadcast(viewers=None, peers={"viewers": 3, "publisher": None}))[column] == "(3 WebRTC)"
    assert row(broadcast(peers=None))[column] == "14"


def test_a_rendition_that_is_left_out_stands_in_parentheses() -> None:
    assert "(720p) 480p 360p" in row(broadcast(left_out=1))


def test_what_nobody_knows_is_empty() -> None:
    cells = row(broadcast(encoder=None, viewers=None, renditions=[]))
    assert cells[3:] == ("", "", "", "1.2 s", "", "0")
    assert row(broadcast(encoder=ENCODER | {"speed": None, "fps": None}))[4:6] == ("", "")


def test_a_server_that_is_ready() -> None:
    status = Status(URL, (), (), SERVER)
    first = f"ingestd 0.1.0 at {URL}, up 1 d 1 h, CPU 34%, disk 12.3 of 50.0 GB free"
    assert (status.ready, lines(status)) == (True, [first, "Ready."])


def test_a_disk_that_is_gone_is_no_figure() -> None:
    (first, *_) = lines(Status(URL, (), (), SERVER | {"disk_bytes": None, "disk_free_bytes": None}))
    assert first.endswith(", disk cannot be read")


def test_a_server_that_is_not_says_every_reason() -> None:
    status = Status(URL, ("No nginx.", "No room."), (), SERVER | {"cpu": None})
    assert not status.ready
    first, *more = lines(status)
    assert "CPU not measured yet" in first
    assert more == ["Not ready:", "- No nginx.", "- No room."]


def test_without_a_token_it_says_so() -> None:
    assert lines(Status(URL, (), (), note="Set a token.")) == [f"ingestd at {URL}", "Ready.", "Set a token."]


def test_for_programs() -> None:
    status = Status(URL, ("No room.",), (broadcast(),))
    assert status.as_dict() == {
        "url": URL,
        "ready": False,
        "reasons": ["No room."],
        "server": None,
        "broadcasts": [broadcast()],
    }
