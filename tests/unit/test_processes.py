"""Children with real processes: what they get, what they cost, and that none is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvloop

from ingestd import processes
from ingestd.errors import StartError
from ingestd.processes import Account, Child, Exit, end_orphans

Runner = Callable[[Coroutine[Any, Any, Any]], Any]
LOOPS = pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
STEP = 0.01  # seconds between two looks
PATIENCE = 60.0


def wait_until(what: str, probe: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not probe():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(STEP)


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def descriptors() -> int:
    """How many are open in this process."""
    return len(os.listdir("/proc/self/fd"))


async def back_to(count: int) -> None:
    """Until no more than so many are open: a loop closes pipes when it comes to it."""
    deadline = time.monotonic() + PATIENCE
    while (found := descriptors()) > count:
        assert time.monotonic() < deadline, f"{found} descriptors are open, and there were {count}"
        await asyncio.sleep(STEP)


async def said(cwd: Path, script: str, **limits: int) -> tuple[list[str], Exit]:
    """What a shell script prints, and how it ends."""
    child = await Child.start(["sh", "-c", script], name="test", cwd=cwd, **limits)  # type: ignore[arg-type]
    lines = [line async for line in child.output()]
    return lines, await child.wait()


def test_a_child_is_as_nice_and_as_small_as_it_is_told(tmp_path: Path) -> None:
    ours = os.nice(0)
    lines, ended = asyncio.run(said(tmp_path, "nice; ulimit -d; ulimit -Hd", nice=7, memory=300))
    assert (lines, ended.ok) == ([str(ours + 7), str(300 * 1024), str(300 * 1024)], True)


def test_the_stdout_of_a_child_that_talks_is_heard_and_remembered_like_its_stderr(tmp_path: Path) -> None:
    async def story() -> tuple[list[str], Exit]:
        heard: list[str] = []
        script = "echo out; echo quiet; echo error >&2; exit 3"
        child = await Child.start(
            ["sh", "-c", script],
            name="test",
            cwd=tmp_path,
            on_line=heard.append,
            ignore=("quiet",),
            talks=True,
        )
        return heard, await child.wait()

    heard, ended = asyncio.run(story())
    assert sorted(heard) == sorted(ended.lines) == ["error", "out"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make it another")
def test_a_child_of_another_account_has_none_of_our_rights(tmp_path: Path) -> None:
    nobody = Account(65534, 65534)

    async def story() -> list[str]:
        script = "id -u; id -G; grep -E 'Cap|NoNew' /proc/self/status | cut -f2 | sort -u"
        child = await Child.start(["sh", "-c", script], name="test", cwd=tmp_path, account=nobody)
        lines = [line async for line in child.output()]
        await child.wait()
        return lines

    assert asyncio.run(story()) == ["65534", "65534", "0000000000000000", "1"]


def test_a_secret_in_what_a_child_says_is_neither_kept_nor_handed_on(tmp_path: Path) -> None:
    async def story() -> tuple[list[str], Exit]:
        heard: list[str] = []
        script = 'echo "no route to /ws?token=a-token-of-somebody HTTP/1.1" >&2; exit 3'
        child = await Child.start(["sh", "-c", script], name="test", cwd=tmp_path, on_line=heard.append)
        return heard, await child.wait()

    heard, ended = asyncio.run(story())
    assert heard == list(ended.lines) == ["no route to /ws?token=[hidden] HTTP/1.1"]
    assert str(ended).startswith("exit code 3: no route")


def test_nothing_is_taken_from_a_child_unasked(tmp_path: Path) -> None:
    lines, _ = asyncio.run(said(tmp_path, "nice; ulimit -d"))
    assert lines == [str(os.nice(0)), "unlimited"]


@pytest.mark.parametrize(("expendable", "score"), [(True, "500"), (False, "")])
def test_for_want_of_memory_an_expendable_child_is_killed_before_us(
    tmp_path: Path, expendable: bool, score: str
) -> None:
    ours = Path("/proc/self/oom_score_adj").read_text().strip()
    script = f"until grep -qx '{score or ours}' /proc/$$/oom_score_adj; do sleep 0.01; done"
    _, ended = asyncio.run(said(tmp_path, script, expendable=expendable))
    assert ended.ok


def test_a_child_that_wants_more_memory_than_it_may_have_fails_by_itself(tmp_path: Path) -> None:
    hungry = f"exec {sys.executable} -c 'bytearray(400 << 20)'"
    _, ended = asyncio.run(said(tmp_path, hungry, memory=200))
    assert ended.code == 1
    assert "MemoryError" in ended.lines[-1]
    assert asyncio.run(said(tmp_path, hungry, memory=1000))[1].ok


def test_a_program_that_is_not_there_is_an_exit_in_plain_words(tmp_path: Path) -> None:
    async def start() -> Exit:
        child = await Child.start(["/no/such/program"], name="test", cwd=tmp_path, nice=1)
        return await child.wait()

    ended = asyncio.run(start())
    assert ended.code == 127
    assert "No such file" in str(ended)


def test_a_scratch_directory_that_is_gone_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="test cannot be started"):
        asyncio.run(said(tmp_path / "gone", "true"))


def test_a_child_knows_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGESTD_SECRET", "x")
    lines, _ = asyncio.run(said(tmp_path, "env", nice=1, memory=100))
    names = {line.partition("=")[0] for line in lines}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "LANG", "HOME", "TMPDIR"}


@LOOPS
def test_a_child_gets_none_of_our_descriptors(tmp_path: Path, runner: Runner) -> None:
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    try:
        lines, _ = runner(said(tmp_path, "echo /proc/$$/fd/*", nice=1))
    finally:
        os.close(read_end)
        os.close(write_end)
    numbers = {int(path.rpartition("/")[2]) for path in lines[0].split()}
    assert numbers <= {0, 1, 2, 3}  # the fourth is the shell's own, reading that directory


@LOOPS
def test_fifty_starts_leave_no_descriptor_and_no_task(tmp_path: Path, runner: Runner) -> None:
    """Also of children whose stdout nobody reads, and of what leaves a pipe to others."""
    scripts = ["true", "echo out; echo err >&2", "exit 3", "kill -9 $$", "head -c 400000 /dev/zero"]

    async def fifty() -> None:
        at_first = 0
        for number in range(55):
            child = await Child.start(
                ["sh", "-c", scripts[number % 5]], name="test", cwd=tmp_path, nice=1, memory=500
            )
            if number % 5 == 4:
                await child.stop(0.05)  # its pipe is full, so it does not end by itself
            await child.wait()
            await asyncio.sleep(0)  # pipes are closed by the loop
            at_first = max(at_first, descriptors()) if number < 5 else at_first
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await back_to(at_first)

    runner(fifty())


@LOOPS
def test_a_thread_keeps_its_descriptors_while_children_come_and_go(tmp_path: Path, runner: Runner) -> None:
    """A pipe that is closed twice takes away what a thread opened in between."""
    over = threading.Event()

    def opens() -> int:
        taken = 0
        while not over.is_set():
            mine = [os.open("/dev/null", os.O_RDONLY) for _ in range(4)]
            for one in mine:
                try:
                    os.close(one)
                except OSError:
                    taken += 1
        return taken

    async def children() -> list[int]:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(4) as threads:
            openers = [loop.run_in_executor(threads, opens) for _ in range(4)]
            try:
                for _ in range(150):
                    await said(tmp_path, "exec true")
            finally:
                over.set()
            return await asyncio.gather(*openers)

    assert runner(children()) == [0] * 4


def test_a_grandchild_that_holds_the_pipes_keeps_none_of_our_ends(tmp_path: Path) -> None:
    async def hold() -> None:
        await said(tmp_path, "true")
        before = descriptors()
        child = await Child.start(["sh", "-c", "setsid sleep 60 & echo $! >pid"], name="test", cwd=tmp_path)
        await child.wait()
        await back_to(before)

    try:
        asyncio.run(hold())
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_a_child_dies_with_its_parent_whatever_its_limits(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from ingestd.processes import Child\n"
        "async def main():\n"
        "    here = Path(sys.argv[1])\n"
        "    child = await Child.start(['sleep', '60'], name='test', cwd=here, nice=3, memory=200)\n"
        "    print(child.pid, flush=True)\n"
        "    await child.wait()\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    wait_until("the child", lambda: psutil.Process(pid).name() == "sleep")
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until("the child to die", lambda: not alive(pid))


# What an earlier life left behind


@pytest.fixture
def leave(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Starts a shell script whose parent is gone, in a session of its own; its number."""
    monkeypatch.setattr(processes, "_ORPHANS_SECONDS", PATIENCE)  # a busy machine takes its time to end one
    left: list[int] = []

    def start(cwd: Path, script: str = "exec sleep 60") -> int:
        command = ["sh", "-c", f"setsid sh -c '{script}' >/dev/null 2>&1 & echo $!"]
        pid = int(subprocess.run(command, cwd=cwd, capture_output=True, check=True).stdout)
        left.append(pid)
        wait_until("its session", lambda: os.getsid(pid) == pid)
        return pid

    yield start
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def test_orphans_in_our_directories_are_ended(tmp_path: Path, leave: Callable[..., int]) -> None:
    (tmp_path / "scratch" / "deep").mkdir(parents=True)
    (tmp_path / "scratch-of-others").mkdir()
    ours = {leave(tmp_path / "scratch"), leave(tmp_path / "scratch" / "deep")}
    others = {leave(tmp_path), leave(tmp_path / "scratch-of-others")}
    ending = end_orphans([tmp_path / "scratch", tmp_path / "never-made"])
    ended = asyncio.run(asyncio.wait_for(ending, PATIENCE / 2))  # not for as long as it may take
    assert set(ended) == ours
    assert not any(alive(pid) for pid in ours)
    assert all(alive(pid) for pid in others)


def test_a_path_by_way_of_a_link_is_the_same_place(tmp_path: Path, leave: Callable[..., int]) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    pid = leave(tmp_path / "real")
    assert asyncio.run(end_orphans([tmp_path / "link"])) == [pid]


def test_stopped_orphans_and_masters_with_workers_elsewhere_are_ended(
    tmp_path: Path, leave: Callable[..., int]
) -> None:
    """As nginx does it: a master that makes a new worker as soon as one dies."""
    script = "while :; do (cd / && exec sleep 60); done"
    master = leave(tmp_path, script)
    wait_until("its worker", lambda: psutil.Process(master).children())
    worker = psutil.Process(master).children()[0].pid
    os.kill(leave(tmp_path), signal.SIGSTOP)
    ended = asyncio.run(end_orphans([tmp_path]))
    assert len(ended) == 3
    assert {master, worker} <= set(ended)
    assert not any(alive(pid) for pid in ended)
    assert not [one for one in psutil.process_iter() if master in _group(one.pid)]


def _group(pid: int) -> set[int]:
    try:
        return {os.getpgid(pid)} if alive(pid) else set()
    except ProcessLookupError:
        return set()


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[int]:
    """Somebody who looks around there, in a terminal; the number of that process, whose parent is gone."""
    held, terminal = os.openpty()
    code = f"import os, time; os.setsid(); os.open({os.ttyname(terminal)!r}, os.O_RDWR)\n"
    code += "print(os.getpid(), flush=True); os.close(1); time.sleep(60)"
    command = ["sh", "-c", '"$0" -c "$1" &', sys.executable, code]
    pid = int(subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, check=True).stdout)
    assert Path(f"/proc/{pid}/cwd").resolve() == tmp_path
    yield pid
    os.kill(pid, signal.SIGKILL)
    os.close(held)
    os.close(terminal)


def test_children_of_this_life_and_who_looks_around_are_spared(tmp_path: Path, operator: int) -> None:
    async def look() -> list[int]:
        child = await Child.start(["sleep", "60"], name="test", cwd=tmp_path)
        ended = await end_orphans([tmp_path])
        assert child.running
        await child.stop(0)
        return ended

    assert asyncio.run(look()) == []
    assert alive(operator)


def test_nothing_to_end_costs_no_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_ORPHANS_POLL", 3600.0)
    assert asyncio.run(asyncio.wait_for(end_orphans([tmp_path]), PATIENCE)) == []
