"""``.ci/setup`` against stand-ins for Python and npm: what it does again, what it leaves, what it says."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What the script may call besides the stand-ins.
PROGRAMS = (
    "bash cat chmod cut dirname echo env find flock grep head id ls mkdir rm sed sha256sum sort tail uname"
    " xargs"
)

PYTHON = """#!/bin/bash
echo "python $*" >>"$CALLS"
case "$1 $2" in
  "-c import sys"*) echo "${PYTHON_IS:-3.11}" ;;
  "-m venv")
    mkdir -p .venv/bin .venv/lib/python3.11/site-packages/pip
    echo "VIRTUAL_ENV='$PWD/.venv'" >.venv/bin/activate
    cat "$0" >.venv/bin/python && chmod +x .venv/bin/python ;;
  "-m pip") mkdir -p .venv/lib/python3.11/site-packages/ingestd.dist-info && echo >.venv/bin/ingestd ;;
esac
"""

NPM = """#!/bin/bash
echo "npm $*" >>"$CALLS"
[ -z "$NPM_SAYS" ] || { echo "$NPM_SAYS" >&2; exit 1; }
case $1 in
  ci) rm -rf node_modules; mkdir -p node_modules/{hls.js,media-chrome,esbuild,uplot,.bin}
      for name in hls.js media-chrome esbuild uplot; do echo {} >node_modules/$name/package.json; done
      case $* in *--include=dev*) echo >node_modules/.bin/tsc ;; esac ;;
  run) rm -rf dist; mkdir dist; cat src/* >dist/page.html ;;
esac
"""


class Checkout:
    """A checkout with the scripts and no more than they look at."""

    def __init__(self, path: Path) -> None:
        self.path = path / "a checkout"
        self.bin = path / "bin"
        self.calls = path / "calls"
        shutil.copytree(ROOT / ".ci", self.path / ".ci")
        for name in ("setup.cfg", "pyproject.toml"):
            shutil.copy(ROOT / name, self.path)
        (self.path / "web" / "src").mkdir(parents=True)
        for name in ("package.json", "package-lock.json", "build.mjs", "src/index.html"):
            (self.path / "web" / name).write_text("{}")
        self.bin.mkdir()
        for program in PROGRAMS.split():
            if found := shutil.which(program):
                (self.bin / program).symlink_to(found)
        self.program("python3", PYTHON)
        self.program("npm", NPM)
        self.program("node", "#!/bin/bash\necho v18.20.4\n")
        for name in ("ffmpeg", "ffprobe", "nginx", "janus"):
            self.program(name, "#!/bin/bash\n")

    def program(self, name: str, text: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def setup(self, mode: str = "run", **environ: str) -> subprocess.CompletedProcess[str]:
        self.calls.write_text("")
        return subprocess.run(
            [str(self.path / ".ci" / "setup"), mode],
            env={"PATH": str(self.bin), "CALLS": str(self.calls), "LANG": "C.UTF-8", **environ},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def steps(self, mode: str = "run", **environ: str) -> list[str]:
        """The lines that a set-up which succeeds prints."""
        done = self.setup(mode, **environ)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        return done.stdout.splitlines()

    def complaint(self, mode: str = "run", **environ: str) -> str:
        """The words of a set-up that fails."""
        done = self.setup(mode, **environ)
        assert done.returncode == 1, done.stdout + done.stderr
        return done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    if not list(Path("/usr/lib/nginx/modules").glob("ngx_rtmp_module.so")):
        pytest.skip("without Debian's libnginx-mod-rtmp the set-up would want to install it")
    return Checkout(tmp_path)


@pytest.fixture
def ready(checkout: Checkout) -> Checkout:
    checkout.steps("run")
    return checkout


def test_first_time_says_each_step(checkout: Checkout) -> None:
    assert checkout.steps() == [
        "==> Python: a new .venv",
        "==> Python packages: ingestd",
        "==> npm packages for the pages",
        "==> Pages",
    ]


def test_second_time_does_nothing(ready: Checkout) -> None:
    assert ready.steps() == []
    assert "pip" not in ready.calls.read_text()
    assert "npm" not in ready.calls.read_text()


def test_tools_for_tests_come_on_top_and_stay(ready: Checkout) -> None:
    assert ready.steps("check") == [
        "==> Python packages: ingestd with what it needs for test",
        "==> npm packages for the pages, with the tools for tests",
    ]
    assert ready.steps("run") == ready.steps("check") == []
    assert ready.steps("fuzz") == ["==> Python packages: ingestd with what it needs for test, fuzz"]
    assert ready.steps("check") == ready.steps("run") == []


def _edit(name: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_text((root / name).read_text() + "\n")


def _remove(name: str) -> Callable[[Path], object]:
    return lambda root: shutil.rmtree(root / name)


VENV, PIP, MODULES, PAGES = (
    "Python: a new .venv",
    "Python packages: ingestd",
    "npm packages for the pages",
    "Pages",
)


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        pytest.param(_remove(".venv"), [VENV, PIP], id="no .venv"),
        pytest.param(
            _remove(".venv/lib/python3.11/site-packages/ingestd.dist-info"), [PIP], id="uninstalled"
        ),
        pytest.param(
            _remove(".venv/lib/python3.11/site-packages/pip"),
            [f"{VENV} (the old one has no pip)", PIP],
            id="no pip",
        ),
        pytest.param(_edit("setup.cfg"), [PIP], id="setup.cfg"),
        pytest.param(_edit("web/package-lock.json"), [MODULES], id="lock file"),
        pytest.param(_remove("web/node_modules/hls.js"), [MODULES], id="a module is gone"),
        pytest.param(_edit("web/src/index.html"), [PAGES], id="a page"),
        pytest.param(lambda root: (root / "web/src/new.js").touch(), [PAGES], id="a new page"),
        pytest.param(lambda root: (root / "web/dist/page.html").unlink(), [PAGES], id="a built page is gone"),
        pytest.param(_remove("web/dist"), [PAGES], id="no built pages"),
    ],
)
def test_only_what_is_touched_is_done_again(
    ready: Checkout, change: Callable[[Path], object], steps: list[str]
) -> None:
    change(ready.path)
    assert ready.steps() == [f"==> {step}" for step in steps]
    assert ready.steps() == []


def test_moved_checkout_gets_a_new_venv(ready: Checkout) -> None:
    old, ready.path = ready.path, ready.path.with_name("elsewhere")
    old.rename(ready.path)
    assert ready.steps() == [f"==> {VENV} (the old one was made at {old}/.venv)", f"==> {PIP}"]


def test_venv_of_another_python_is_made_again(ready: Checkout) -> None:
    ready.program("python3.12", PYTHON.replace("${PYTHON_IS:-3.11}", "3.12"))
    assert (
        ready.steps(PYTHON="python3.12")[0]
        == f"==> {VENV} (the old one is of Python 3.11, python3.12 is 3.12)"
    )


def test_python_too_old(checkout: Checkout) -> None:
    assert "python3 is Python 3.9" in checkout.complaint(PYTHON_IS="3.9")


def test_node_too_old(checkout: Checkout) -> None:
    checkout.program("node", "#!/bin/bash\necho v12.22.12\n")
    assert "node is 12.22.12" in checkout.complaint()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("npm ERR! request failed, reason: getaddrinfo EAI_AGAIN", "no network"),
        ("npm ERR! code SELF_SIGNED_CERT_IN_CHAIN", "a certificate is not trusted"),
        (
            "npm ERR! `npm ci` can only install packages when",
            "web/package-lock.json does not fit",
        ),
        ("npm ERR! ENOSPC: no space left on device", "the disk is full"),
        ("something else altogether", "the reason stands in the log above"),
    ],
)
def test_a_failure_shows_its_log_and_its_cause(checkout: Checkout, said: str, told: str) -> None:
    words = checkout.complaint(NPM_SAYS=said)
    assert f"  | {said}" in words
    assert f"Set-up stopped: {told}" in words
    assert checkout.steps() == [f"==> {MODULES}", f"==> {PAGES}"]  # and goes on from there


def _without_ffmpeg(checkout: Checkout) -> None:
    (checkout.bin / "ffmpeg").unlink()


def test_missing_program_without_apt(checkout: Checkout) -> None:
    _without_ffmpeg(checkout)
    assert "missing here: ffmpeg." in checkout.complaint()


def test_missing_program_without_root(checkout: Checkout) -> None:
    _without_ffmpeg(checkout)
    checkout.program("apt-get", "#!/bin/bash\nexit 9\n")
    checkout.program("id", "#!/bin/bash\necho 1000\n")
    words = checkout.complaint()
    assert "you are not root, and there is no sudo" in words
    assert "Ask the administrator for: apt-get install --no-install-recommends ffmpeg\n" in words


def test_interrupted_installation_is_taken_up_again(ready: Checkout) -> None:
    """Programs may be unpacked and not set up: that the command is there proves nothing."""
    (ready.path / ".stamps" / "packages-begun").write_text("nginx\n")
    ready.program("apt-get", "#!/bin/bash\nexit 9\n")
    ready.program("id", "#!/bin/bash\necho 1000\n")
    assert "Debian packages are missing (nginx)" in ready.complaint()


def test_wrong_argument(checkout: Checkout) -> None:
    assert checkout.setup("everything").returncode == 2


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_files_of_root(ready: Checkout) -> None:
    (ready.path / ".venv").chmod(0o555)
    assert "is not yours to write" in ready.complaint()
