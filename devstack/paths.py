"""Where a local stack keeps what must outlive it: one folder with data, logs, secrets and ports."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def home() -> Path:
    """`ORDERBRIDGE_HOME`, or `.orderbridge` in the project. It need not exist yet."""
    return Path(os.environ.get("ORDERBRIDGE_HOME") or PROJECT / ".orderbridge").resolve()


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A home for one test run, gone with all it holds at the end of the block.

    The system's temporary folder is open to every account, so PostgreSQL's own can reach it too.
    """
    with tempfile.TemporaryDirectory(prefix="orderbridge-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        folder.chmod(0o711)
        yield folder


def make_folder(folder: Path, mode: int) -> Path:
    """Create `folder` with exactly this mode whatever the umask; one that exists stays as it is."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)
    return folder


def write_private(file: Path, text: str) -> None:
    """Replace `file` in one step by one that only this account can read."""
    fresh = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    fresh.replace(file)


def kept_secret(file: Path) -> str:
    """The password in `file`; the first call makes one up."""
    if not file.exists():
        write_private(file, secrets.token_hex(24))
    return file.read_text(encoding="utf-8").strip()


def kept_port(file: Path, is_ours: Callable[[int], bool]) -> int:
    """The port of 127.0.0.1 noted in `file`; chosen anew when there is none, or a stranger took it.

    `is_ours` is asked, when the noted port is in use, whether the server there is this stack's own.
    """
    if file.exists():
        noted = int(file.read_text(encoding="utf-8"))
        if _is_free(noted) or is_ours(noted):
            return noted
    port = next(port for port in iter(_any_port, None) if _is_free(port))
    write_private(file, str(port))
    return port


def _any_port() -> int:
    # Below the ports that systems lend to outgoing connections: one of those could take the place
    # of a server that is just being restarted.
    return 20_000 + secrets.randbelow(12_000)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # A server that has just ended leaves connections in TIME_WAIT; they are no one's port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
