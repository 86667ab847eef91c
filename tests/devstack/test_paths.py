from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from devstack.paths import PROJECT, home, kept_port, kept_secret, make_folder, write_private


def mode_of(entry: Path) -> int:
    return stat.S_IMODE(entry.stat().st_mode)


def refuse(port: int) -> bool:
    raise AssertionError(f"asked about {port}")


def test_home_is_in_the_project_unless_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORDERBRIDGE_HOME", raising=False)
    assert home() == PROJECT / ".orderbridge"
    monkeypatch.setenv("ORDERBRIDGE_HOME", str(tmp_path))
    assert home() == tmp_path.resolve()


def test_a_new_folder_has_the_mode_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        folder = make_folder(tmp_path / "new", 0o711)
    finally:
        os.umask(before)
    assert mode_of(folder) == 0o711


def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    assert make_folder(tmp_path, 0o711) == tmp_path
    assert mode_of(tmp_path) == 0o750


def test_a_private_file_replaces_an_open_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text(), mode_of(file)) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [file]


def test_a_secret_is_made_up_once(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert kept_secret(one) == kept_secret(one) != kept_secret(other)
    assert len(kept_secret(one)) == 48


def test_a_port_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "port"
    assert kept_port(file, refuse) == kept_port(file, refuse)


@pytest.mark.parametrize("ours", [True, False])
def test_a_port_in_use_is_kept_only_when_it_is_ours(tmp_path: Path, ours: bool) -> None:
    file = tmp_path / "port"
    port = kept_port(file, refuse)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        after = kept_port(file, lambda asked: ours and asked == port)
    assert (after == port) is ours
    assert file.read_text() == str(after)
