"""Become a supervised program: `exec_child.py PARENT SIGNAL UID GID PROGRAM [ARGUMENT ...]`.

Started by the supervisor in a session of its own, with `python -I -S` so that it costs little and
changes nothing in the environment. On Linux the kernel sends SIGNAL to the program as soon as the
supervisor is gone, however it ended. Elsewhere there is no such thing: there the next supervisor on
the same home ends what a killed one has left (see `supervisor.py`).

UID and GID are numbers, or -1 to stay who we are.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1
CANNOT_RUN = 127


def main(arguments: list[str]) -> NoReturn:
    parent, orphan_signal, uid, gid = (int(value) for value in arguments[:4])
    argv = arguments[4:]
    # Ignored signals would stay ignored across exec: Python's SIGPIPE, nohup's SIGHUP, a script's
    # background SIGINT.
    for number in (
        signal.SIGPIPE,
        signal.SIGXFSZ,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTERM,
        signal.SIGHUP,
    ):
        signal.signal(number, signal.SIG_DFL)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid, which clears it.
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, orphan_signal, 0, 0, 0) != 0:
            sys.exit(f"prctl failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is wanted
    except OSError as error:
        print(f"cannot run {argv[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201
        sys.exit(CANNOT_RUN)


if __name__ == "__main__":
    main(sys.argv[1:])
