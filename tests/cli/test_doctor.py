"""``ingestd doctor`` on this machine, and on machines that lack something."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestd.cli import doctor
from ingestd.doctor import machine, programs, tls, webrtc
from ingestd.doctor.finding import Check, Finding, Status, Verdict, failed, ok, warning
from ingestd.settings import Data, Encoder, Http, Nginx, Rtmp, Settings, WebRtc
from ingestd.webrtc import janus
from tests.cli.sink import Ended, ingestd
from tests.support.authority import Authority

FREE = ["--http-port", "0", "--hls-port", "0", "--rtmp-port", "0"]


def ask(*words: str, **environment: str) -> Ended:
    return asyncio.run(ingestd("doctor", *words, **environment))


def findings(finished: Ended) -> dict[str, dict[str, str]]:
    report: dict[str, Any] = json.loads(finished.out)
    assert report["ok"] == (finished.code == 0)
    return {finding["name"]: finding for finding in report["findings"]}


def look(check: str, settings: Settings) -> Finding:
    checks = {one.name: one for one in [*programs.CHECKS, *webrtc.CHECKS, *tls.CHECKS, *machine.CHECKS]}
    return doctor.examine(checks[check], settings)


def test_this_machine(tmp_path: Path) -> None:
    finished = ask(*FREE, "--data-dir", str(tmp_path), PYTHONIOENCODING="utf-8")
    wrong = [line for line in finished.out.splitlines() if line.startswith("✗") and "Pages" not in line]
    assert not wrong, finished.out
    assert len(finished.out.splitlines()) >= 19
    assert not finished.err
    assert not list(tmp_path.iterdir()), "nothing is changed"


def test_json_says_the_same(tmp_path: Path) -> None:
    told = findings(ask(*FREE, "--data-dir", str(tmp_path), "--json"))
    assert len(told) == len([*programs.CHECKS, *webrtc.CHECKS, *tls.CHECKS, *machine.CHECKS])
    assert told["FFmpeg"]["status"] == "ok"
    assert told["nginx's rtmp module"]["status"] == "ok"
    for finding in told.values():
        assert set(finding) == {"name", "status", "detail", "remedy"}
        assert bool(finding["remedy"]) == (finding["status"] != "ok")


def test_with_an_empty_path_every_failure_has_a_remedy(tmp_path: Path) -> None:
    finished = ask(*FREE, "--data-dir", str(tmp_path), PATH="", PYTHONIOENCODING="utf-8")
    assert finished.code == 1
    lines = finished.out.splitlines()
    wrong = [at for at, line in enumerate(lines) if line.startswith("✗")]
    assert len(wrong) >= 4
    assert all(lines[at + 1].startswith("  → ") for at in wrong)
    assert "✗ FFmpeg: ffmpeg not found" in lines
    assert "apt install ffmpeg" in finished.out and "apt install util-linux" in finished.out
    assert "checks failed" in lines[-1]


def test_plain_marks_where_the_terminal_has_no_others(tmp_path: Path) -> None:
    finished = ask(*FREE, "--data-dir", str(tmp_path), PATH="", PYTHONIOENCODING="ascii")
    assert "FAIL FFmpeg: ffmpeg not found" in finished.out
    assert "     -> Install FFmpeg" in finished.out
    assert finished.out.isascii()


def test_an_nginx_that_runs_elsewhere_is_not_looked_for(tmp_path: Path) -> None:
    """As in a container, in which FFmpeg is and nginx is not."""
    elsewhere = {"INGESTD_NGINX_UPSTREAM": "127.0.0.1", "INGESTD_RTMP_HOST": "10.0.0.3"}
    elsewhere |= {"INGESTD_NGINX_PROGRAM": "no-such-nginx", "INGESTD_NGINX_RTMP_MODULE": "/no/such/module.so"}
    where = ("--http-port", "0", "--data-dir", str(tmp_path / "data"))
    told = findings(ask(*where, "--json", **elsewhere))
    assert [name for name in told if told[name]["status"] == "failed" and name != "Pages"] == []
    assert "runs elsewhere, on 10.0.0.3" in told["nginx"]["detail"]
    assert not [name for name in told if "module" in name or name in ("Port of HLS", "Port of RTMP")]


def test_a_used_port_is_told_with_its_user() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        told = findings(ask("--http-port", str(number), "--hls-port", "0", "--rtmp-port", "0", "--json"))
    port = told["Port of ingestd"]
    assert port["status"] == "failed"
    assert f"{number} on 127.0.0.1 is in use by" in port["detail"]
    assert "--http-port" in port["remedy"]


def test_wrong_settings_are_said_as_everywhere() -> None:
    finished = ask("--http-port", "many")
    assert finished.code != 0
    assert "http.port" in finished.err


def test_an_address_of_another_machine() -> None:
    finding = look("Port of ingestd", Settings(http=Http(bind="192.0.2.1", port=4000)))
    assert finding.status is Status.FAILED
    assert "--bind" in finding.remedy


def test_a_port_that_needs_a_privilege(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_host: str, _number: int) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(machine, "_bind", denied)
    finding = look("Port of RTMP", Settings(rtmp=Rtmp(port=80)))
    assert finding.status is Status.FAILED
    assert "ip_unprivileged_port_start" in finding.remedy


def test_a_port_that_ingestd_itself_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_is_ours", lambda *_: True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        finding = look("Port of RTMP", Settings(rtmp=Rtmp(port=taken.getsockname()[1])))
    assert finding.status is Status.OK
    assert "runs already" in finding.detail


def test_whose_command_line_is_ours() -> None:
    assert machine._runs_ingestd(["/venv/bin/python", "/venv/bin/ingestd", "up", "--bind", "x"])
    assert machine._runs_ingestd(["python", "-m", "ingestd", "serve"])
    assert not machine._runs_ingestd(["ingestd", "doctor"])
    assert not machine._runs_ingestd(["vim", "ingestd"])


def test_a_data_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finding = look("Data directory", Settings(data=Data(dir=tmp_path / "file" / "data")))
    assert finding.status is Status.FAILED
    assert "--data-dir" in finding.remedy


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a directory that even root cannot write")
def test_a_data_directory_that_cannot_be_written() -> None:
    finding = look("Data directory", Settings(data=Data(dir=Path("/proc/self/data"))))
    assert finding.status is Status.FAILED
    assert "cannot be written" in finding.detail


def test_too_little_room(tmp_path: Path) -> None:
    finding = look("Disk", Settings(data=Data(dir=tmp_path / "new", min_free=10**9)))
    assert finding.status is Status.FAILED


@pytest.mark.parametrize(
    ("mode", "status"), [(0o600, Status.OK), (0o640, Status.FAILED), (0o604, Status.FAILED)]
)
def test_secrets_are_secret(mode: int, status: Status, tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0o600)
    (tmp_path / "storage.key").touch()
    (tmp_path / "storage.key").chmod(mode)
    finding = look("Secrets", Settings(data=Data(dir=tmp_path)))
    assert finding.status is status
    assert ("chmod 600" in finding.remedy) == (status is Status.FAILED)


def program(path: Path, answer: str, code: int = 0) -> str:
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("ffmpeg version 4.4.2-0ubuntu1 Copyright (c) …", Status.FAILED),
        ("ffmpeg version n7.1 Copyright (c) …", Status.OK),
        ("ffmpeg version 5.0 Copyright (c) …", Status.OK),
        ("ffmpeg version N-118000-gabcdef Copyright (c) …", Status.OK),
    ],
)
def test_versions_of_ffmpeg(answer: str, status: Status, tmp_path: Path) -> None:
    encoder = Encoder(ffmpeg=program(tmp_path / "ffmpeg", answer))
    assert look("FFmpeg", Settings(encoder=encoder)).status is status


def test_an_ffmpeg_that_does_not_run(tmp_path: Path) -> None:
    finding = look("FFmpeg", Settings(encoder=Encoder(ffmpeg=program(tmp_path / "ffmpeg", "", 127))))
    assert finding.status is Status.FAILED
    assert "does not run" in finding.detail


@pytest.mark.parametrize(
    ("check", "listing", "status"),
    [
        ("FFmpeg's encoders", " V....D libx264  x\n A....D aac  x", Status.OK),
        ("FFmpeg's encoders", " A....D aac  x", Status.FAILED),
        ("FFmpeg's decoders", " V....D vp8 x\n V vp9 x\n V h264 x\n A opus x\n V av1 x", Status.WARNING),
        ("FFmpeg's decoders", " V....D vp8 x\n V vp9 x\n V h264 x", Status.FAILED),
        ("FFmpeg's output", "  E flv  FLV\nInput:\n  file\nOutput:\n  rtmp\n", Status.OK),
        ("FFmpeg's output", "  E flv  FLV\nInput:\n  rtmp\nOutput:\n  file\n", Status.FAILED),
    ],
)
def test_what_ffmpeg_was_built_with(check: str, listing: str, status: Status, tmp_path: Path) -> None:
    encoder = Encoder(ffmpeg=program(tmp_path / "ffmpeg", listing))
    finding = look(check, Settings(encoder=encoder))
    assert finding.status is status
    assert bool(finding.remedy) == (status is not Status.OK)


@pytest.mark.parametrize(
    ("answer", "lacks", "status", "words"),
    [
        (
            "Janus version: 1102 (1.1.2)\nUnknown option --version",
            "",
            Status.OK,
            "version 1.1.2, and its plugins",
        ),
        ("Janus version: 1300 (1.3.0)", "", Status.OK, "version 1.3.0, and"),
        ("Janus version: 104 (0.10.4)", "", Status.WARNING, "version 0.10.4 is too old"),
        ("What?", "", Status.WARNING, "does not tell its version"),
        ("Janus version: 1102 (1.1.2)", "streaming", Status.WARNING, "but not libjanus_streaming.so"),
    ],
)
def test_versions_of_janus_and_what_it_loads(
    answer: str, lacks: str, status: Status, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "plugins/libjanus_videoroom.so",
        "plugins/libjanus_streaming.so",
        "transports/libjanus_websockets.so",
    ):
        file = tmp_path / "janus" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not lacks or lacks not in name:
            file.touch()
    monkeypatch.setattr(janus, "_INSTALLED", (f"{tmp_path.relative_to('/')}/janus",))
    finding = look("Janus", Settings(webrtc=WebRtc(program=program(tmp_path / "program", answer, 1))))
    assert (finding.status, words in finding.detail) == (status, True), finding
    assert bool(finding.remedy) == (status is not Status.OK)


def test_without_janus_there_is_a_warning_where_it_is_wanted() -> None:
    missing = look("Janus", Settings(webrtc=WebRtc(program="no-such-janus")))
    assert missing.status is Status.WARNING and "apt install janus" in missing.remedy
    off = look("Janus", Settings(webrtc=WebRtc(program="no-such-janus", enabled=False)))
    assert off.status is Status.OK and "switched off" in off.detail


@contextmanager
def stun_server(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """``host:port`` of one that answers each of its datagrams so."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as place:
        place.bind(("127.0.0.1", 0))

        def serve() -> None:
            while asked := place.recvfrom(2048):
                if not asked[0]:
                    return
                place.sendto(answer(asked[0]), asked[1])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{place.getsockname()[1]}"
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", place.getsockname())
            thread.join()


SUCCESS = bytes.fromhex("01010000")


def test_the_servers_that_peers_are_told_of_are_asked() -> None:
    said = []
    with stun_server(lambda asked: said.append(asked) or SUCCESS + asked[4:20]) as good:  # type: ignore[func-returns-value]
        stun, turn = f"stun:{good}", f"turn:{good}?transport=udp"
        found = look("STUN and TURN", Settings(webrtc=WebRtc(stun=(stun,), turn=(turn,), turn_secret="x")))
        assert (found.status, found.detail) == (Status.OK, f"{stun}, {turn}")
        assert len(said) == 2 and all(len(one) == 20 and one[:2] == b"\0\1" for one in said)
        lacks = look("STUN and TURN", Settings(webrtc=WebRtc(turn=(turn,))))
        assert lacks.status is Status.WARNING and "turn_secret_file" in lacks.remedy
    gone = look("STUN and TURN", Settings(webrtc=WebRtc(stun=(stun,), turn=(f"turn:{good}?transport=tcp",))))
    assert (
        gone.status is Status.WARNING and gone.detail == f"no answer from {stun}, turn:{good}?transport=tcp"
    )


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: b"nonsense",
        lambda asked: asked,
        lambda _: SUCCESS + bytes(16),
        lambda asked: bytes.fromhex("01110000") + asked[4:20],
    ],
)
def test_what_is_no_answer_of_a_stun_server_is_none(answer: Callable[[bytes], bytes]) -> None:
    with stun_server(answer) as other:
        found = look("STUN and TURN", Settings(webrtc=WebRtc(stun=(f"stun:{other}",))))
    assert found.status is Status.WARNING and found.remedy


def test_no_server_is_asked_where_none_is_told_of() -> None:
    for settings in (WebRtc(), WebRtc(turn=("turns:192.0.2.1",), turn_secret="x"), WebRtc(enabled=False)):
        found = look("STUN and TURN", Settings(webrtc=settings))
        assert (found.status, found.detail) == (Status.OK, "none")


def test_a_module_that_nginx_does_not_load(tmp_path: Path) -> None:
    module = tmp_path / "ngx_rtmp_module.so"
    module.write_bytes(b"not a library")
    finding = look("nginx's rtmp module", Settings(nginx=Nginx(rtmp_module=str(module))))
    assert finding.status is Status.FAILED
    assert "does not load" in finding.detail and "same source" in finding.remedy


def test_a_module_that_is_not_there(tmp_path: Path) -> None:
    settings = Settings(nginx=Nginx(rtmp_module=str(tmp_path / "none.so"), program="no-such-nginx"))
    assert "not found" in look("nginx's rtmp module", settings).detail
    assert "not found" in look("nginx", settings).detail


def test_a_server_that_others_could_reach_without_tls() -> None:
    finding = look("TLS", Settings(http=Http(bind="0.0.0.0")))
    assert finding.status is Status.FAILED
    assert "http.tls_certificate" in finding.remedy and "--insecure" in finding.remedy
    for safe in (Http(), Http(bind="0.0.0.0", insecure=True)):
        assert look("TLS", Settings(http=safe)).status is Status.OK


def test_rtmp_without_tls_beside_https() -> None:
    http = Http(bind="0.0.0.0", tls_certificate=Path("/c.pem"), tls_key=Path("/k.pem"))
    assert look("TLS", Settings(http=http)).status is Status.OK
    finding = look("TLS", Settings(http=http, rtmp=Rtmp(bind="0.0.0.0")))
    assert finding.status is Status.WARNING
    assert "rtmp.tls_port=1936" in finding.remedy


@pytest.mark.parametrize(
    ("days", "status", "words"),
    [(90, Status.OK, "until"), (3, Status.WARNING, "3 days"), (-1, Status.FAILED, "expired")],
)
def test_a_certificate_that_runs_out(days: int, status: Status, words: str, tmp_path: Path) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    Authority().issue(chain, key, timedelta(days=days, hours=1))
    http = Http(tls_certificate=chain, tls_key=key)
    finding = look("Certificate", Settings(http=http))
    assert finding.status is status
    assert words in finding.detail
    Authority().issue(tmp_path / "other.pem", key)
    finding = look("Certificate", Settings(http=http))
    assert finding.status is Status.FAILED
    assert "not the key" in finding.detail


def test_rtmp_takes_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look("nginx's stream module", Settings()).status is Status.OK
    monkeypatch.setattr(tls, "find_stream_module", lambda: None)
    finding = look("nginx's stream module", Settings())
    assert finding.status is Status.FAILED
    assert "libnginx-mod-stream" in finding.remedy


def test_a_check_that_raises_and_one_that_hangs_stop_no_other() -> None:
    released = threading.Event()

    def breaks(_settings: Settings) -> Verdict:
        raise ZeroDivisionError("oh")

    def hangs(_settings: Settings) -> Verdict:
        released.wait()
        return ok("late")

    broken = doctor.examine(Check("broken", breaks), Settings())
    hanging = doctor.examine(Check("hanging", hangs), Settings(), seconds=0.05)
    released.set()
    assert broken.status is hanging.status is Status.FAILED
    assert "ZeroDivisionError" in broken.detail
    assert "no answer within" in hanging.detail


def test_warnings_are_no_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(programs, "CHECKS", (Check("a", lambda _: warning("slow", "make it fast")),))
    monkeypatch.setattr(machine, "CHECKS", (Check("b", lambda _: ok("fine")),))
    monkeypatch.setattr(tls, "CHECKS", ())
    monkeypatch.setattr(webrtc, "CHECKS", ())
    monkeypatch.setattr(os, "environ", {**os.environ})
    assert run() == 0
    monkeypatch.setattr(machine, "CHECKS", (Check("b", lambda _: failed("bad", "mend it")),))
    assert run() == 1
    assert "1 of 2 checks failed." in capsys.readouterr().out


def run() -> int:
    parser = argparse.ArgumentParser()
    doctor.register(parser.add_subparsers())
    return int((arguments := parser.parse_args(["doctor"])).run(arguments))


def test_help_teaches() -> None:
    finished = ask("--help")
    assert finished.code == 0
    for words in ("exit codes", "--json", "examples", "--set"):
        assert words in finished.out
