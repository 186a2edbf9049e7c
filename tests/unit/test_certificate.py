"""The operator's certificate: what is taken, what is not, and how it is said."""

from __future__ import annotations

import asyncio
import base64
import itertools
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ingestd.errors import StartError
from ingestd.nginx.certificate import Certificate, read_pair
from tests.support.authority import Authority

AUTHORITY = Authority()
_EC = bytes.fromhex("06072a8648ce3d0201")  # id-ecPublicKey (RFC 5480)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    AUTHORITY.issue(tmp_path / "chain.pem", tmp_path / "key.pem")
    return tmp_path / "chain.pem", tmp_path / "key.pem"


def test_a_pair_is_both_files_and_tells_when_it_expires(files: tuple[Path, Path]) -> None:
    pair = read_pair(*files)
    assert pair.pem == files[0].read_bytes() + b"\n" + files[1].read_bytes()
    assert 0.9 < pair.days < 1


def test_an_expired_one_is_still_a_pair(files: tuple[Path, Path]) -> None:
    """Whoever starts at night with a certificate that ran out serves better with it than not at all."""
    AUTHORITY.issue(*files, left=timedelta(days=-2))
    assert -2.1 < read_pair(*files).days < -1.9


def test_what_is_wrong_is_said(files: tuple[Path, Path], tmp_path: Path) -> None:
    chain, key = files
    AUTHORITY.issue(tmp_path / "other.pem", tmp_path / "other.key")
    (tmp_path / "text").write_text("-----BEGIN CERTIFICATE-----\nnone\n")
    wrong = [
        ((chain, tmp_path / "other.key"), "is not the key of the certificate"),
        ((tmp_path / "text", key), "no certificate in PEM"),
        ((key, key), "no certificate in PEM"),
        ((chain, tmp_path / "text"), "no private key in PEM"),
        ((chain, chain), "no private key in PEM"),
        ((tmp_path / "none", key), "none cannot be read: No such file"),
    ]
    for pair, words in wrong:
        with pytest.raises(StartError, match=words):
            read_pair(*pair)


def of_another_kind(file: Path) -> Path:
    """The same with a kind of key that nobody knows."""
    kind, body = file.read_text().split("-----")[1].removeprefix("BEGIN "), file.read_text().split("-----")[2]
    changed = base64.b64decode(body).replace(_EC, _EC[:-1] + b"\x7f")
    assert _EC not in changed
    new = file.with_name(f"odd-{file.name}")
    new.write_text(f"-----BEGIN {kind}-----\n{base64.encodebytes(changed).decode()}-----END {kind}-----\n")
    return new


@pytest.mark.parametrize("which", [0, 1], ids=["certificate", "key"])
def test_a_kind_of_key_that_nobody_knows_is_refused_in_words(files: tuple[Path, Path], which: int) -> None:
    pair = [*files]
    pair[which] = of_another_kind(pair[which])
    with pytest.raises(StartError, match="that can be used"):
        read_pair(*pair)


def test_the_copy_is_ours_alone_and_never_half_of_a_renewal(files: tuple[Path, Path], tmp_path: Path) -> None:
    copy = tmp_path / "tls.pem"
    made = Certificate(*files, copy, None)
    made.take()
    first = copy.read_bytes()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    key = files[1].read_bytes()
    AUTHORITY.issue(*files)
    new = files[1].read_bytes()
    files[1].write_bytes(key)  # the chain is new already, the key is not
    with pytest.raises(StartError, match="is not the key"):
        made.take()
    assert copy.read_bytes() == first
    files[1].write_bytes(new)
    made.take()
    assert copy.read_bytes() == read_pair(*files).pem != first


def test_what_is_wrong_with_a_renewal_is_said_once(files: tuple[Path, Path], tmp_path: Path) -> None:
    made = Certificate(*files, tmp_path / "tls.pem", None)
    looks = itertools.count(1)

    def take() -> None:
        if next(looks) == 5:
            raise asyncio.CancelledError
        Certificate.take(made)

    files[0].unlink()
    made.take = take  # type: ignore[method-assign]
    with capture_logs() as logged, pytest.raises(asyncio.CancelledError):
        asyncio.run(made.follow(0))
    assert [line["event"] for line in logged] == ["certificate_not_taken"]
