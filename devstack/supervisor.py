"""Runs a stack's processes, restarts those that die, and leaves none behind.

One supervisor per home, and one thread of it starts every process: the kernel's parent-death
signal (see `exec_child.py`) is tied to the thread that forked. Every process leads a session of its
own, so a Ctrl-C at the terminal reaches the supervisor alone, which ends the others in order.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, NoReturn, Self

import psutil

from devstack.paths import make_folder

EXEC_CHILD = Path(__file__).with_name("exec_child.py")
MARK = "DEVSTACK_SUPERVISED_FROM"
POLL_S = 0.05
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
STEADY_AFTER_S = 10.0
KILL_WAIT_S = 5.0


class AlreadyRunningError(RuntimeError):
    """Another supervisor holds this home."""


class Signalled(SystemExit, KeyboardInterrupt):
    """SIGTERM or SIGHUP came. A program ends with its status; a test run as it does on Ctrl-C."""


@dataclass(frozen=True)
class Process:
    """A program to keep running.

    `env` is its whole environment (None: ours). `uid` and `gid` name the account it runs under
    (None: ours). `log` defaults to `logs/NAME.log` in the home. It is asked to end by
    `stop_signal`, has `grace_s` seconds for it, and is then killed with its whole session.
    `orphan_signal` ends it when the supervisor itself was killed.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    uid: int | None = None
    gid: int | None = None
    log: Path | None = None
    grace_s: float = 10.0
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL


@dataclass
class _Child:
    spec: Process
    running: subprocess.Popen[bytes] | None = None
    failure: OSError | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    starts: int = 0
    stopping: bool = False


class Supervisor:
    """Keeps processes alive from its creation to `stop_all`; times are `time.monotonic` seconds.

    As a context manager it also turns SIGTERM and SIGHUP into Signalled, so that the block is
    left and everything ends in order; Ctrl-C does so by itself.
    """

    def __init__(self, home: Path) -> None:
        """Raises AlreadyRunningError when another supervisor holds `home`."""
        self._home = make_folder(home.resolve(), 0o711)
        self._logs = make_folder(self._home / "logs", 0o700)
        self._lock = _lock(self._home / "stack.lock")
        _end_leftovers(self._home)
        self._children: dict[str, _Child] = {}
        self._changed = threading.Condition()
        self._ended = False
        self._handlers: dict[signal.Signals, Any] = {}
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._watcher.start()

    def start(self, spec: Process) -> None:
        """Start a process and keep it running. Raises OSError when it can not even be forked."""
        _keep_one_generation(self._log(spec))
        child = _Child(spec)
        with self._changed:
            if self._ended:
                raise RuntimeError("the supervisor has ended")
            if spec.name in self._children:
                raise ValueError(f"a process called {spec.name} is supervised already")
            self._children[spec.name] = child
            self._changed.notify_all()
            self._changed.wait_for(lambda: child.starts > 0 or child.failure is not None)
            if child.failure is not None:
                del self._children[spec.name]
                raise child.failure

    def pid(self, name: str) -> int | None:
        """The main process's id; None while it waits to be restarted."""
        with self._changed:
            running = self._children[name].running
            return None if running is None else running.pid

    def pids(self, name: str) -> list[int]:
        """The main process's id and those of all that descend from it."""
        pid = self.pid(name)
        return [] if pid is None else [process.pid for process in _family(pid)]

    def alive(self, name: str) -> bool:
        """Whether the main process runs at this moment."""
        with self._changed:
            running = self._children[name].running
            return running is not None and running.poll() is None

    def restarts(self, name: str) -> int:
        """How often the process was started again after it had died."""
        with self._changed:
            return max(0, self._children[name].starts - 1)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal: SIGKILL to the main process and its group, any other to the main one."""
        with self._changed:
            running = self._children[name].running
            if running is None or running.poll() is not None:
                return
            if number == signal.SIGKILL:
                _kill_group(running.pid)
            else:
                running.send_signal(number)

    def stop(self, name: str) -> None:
        """End one process and forget it; it may be started again afterwards."""
        with self._changed:
            child = self._children[name]
            child.stopping = True
            running = child.running
        if running is not None:
            _end(running, child.spec)
        with self._changed:
            del self._children[name]

    def stop_all(self) -> None:
        """End everything, the last started first, and let go of the home. May be called again."""
        while self._children:
            self.stop(next(reversed(self._children)))
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._watcher.join()
        self._lock.close()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                # nohup's SIGHUP stays ignored
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._handlers[number] = signal.signal(number, _leave)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A second Ctrl-C must not cut the ending short: it is bounded by the graces anyway.
        main = threading.current_thread() is threading.main_thread()
        if main:
            self._handlers[signal.SIGINT] = signal.getsignal(signal.SIGINT)
            for number in self._handlers:
                signal.signal(number, signal.SIG_IGN)
        try:
            self.stop_all()
        finally:
            if main:
                for number, handler in self._handlers.items():
                    signal.signal(number, handler)

    def _watch(self) -> None:
        with self._changed:
            while not self._ended:
                for child in self._children.values():
                    self._look_after(child, time.monotonic())
                self._changed.wait(POLL_S)

    def _look_after(self, child: _Child, now: float) -> None:
        if child.stopping:
            return
        if child.running is not None:
            if child.running.poll() is None:
                return
            _kill_group(child.running.pid)  # what it left of its own
            child.running = None
            if now - child.started_at >= STEADY_AFTER_S:
                child.pause_s = FIRST_PAUSE_S
            child.due_at = now + child.pause_s
            child.pause_s = min(2 * child.pause_s, LONGEST_PAUSE_S)
        if now < child.due_at:
            return
        try:
            child.running = self._fork(child.spec)
        except OSError as error:
            child.failure = error
            child.due_at = now + LONGEST_PAUSE_S
        else:
            child.started_at = now
            child.starts += 1
        self._changed.notify_all()

    def _fork(self, spec: Process) -> subprocess.Popen[bytes]:
        env = dict(os.environ if spec.env is None else spec.env)
        uid = -1 if spec.uid is None else spec.uid
        gid = -1 if spec.gid is None else spec.gid
        shim = [sys.executable, "-I", "-S", str(EXEC_CHILD)]
        numbers = [str(n) for n in (os.getpid(), int(spec.orphan_signal), uid, gid)]
        with self._log(spec).open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - the stack's own programs
                [*shim, *numbers, *spec.argv],
                env={**env, MARK: str(self._home)},
                cwd=spec.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _log(self, spec: Process) -> Path:
        return spec.log or self._logs / f"{spec.name}.log"


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise Signalled(128 + number)


def _lock(file: Path) -> IO[str]:
    lock = file.open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise AlreadyRunningError(
            f"a stack runs in {file.parent} already, under process {holder}: end that one first,"
            " or set ORDERBRIDGE_HOME to another folder"
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _end_leftovers(home: Path) -> None:
    """Kill what an earlier, killed supervisor of this home started and the kernel did not end."""
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == str(home) and process.pid != os.getpid():
                process.kill()
                left.append(process)
    psutil.wait_procs(left, timeout=KILL_WAIT_S)


def _keep_one_generation(log: Path) -> None:
    with suppress(FileNotFoundError):
        log.replace(log.with_name(f"{log.name}.1"))


def _family(pid: int) -> list[psutil.Process]:
    try:
        main = psutil.Process(pid)
        return [main, *main.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _end(running: subprocess.Popen[bytes], spec: Process) -> None:
    family = _family(running.pid)
    running.send_signal(spec.stop_signal)
    try:
        running.wait(spec.grace_s)
    except subprocess.TimeoutExpired:
        # Some made a session of their own, as PostgreSQL's backends do: no group has them all.
        family = _family(running.pid)
        _kill_group(running.pid)
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _kill_group(running.pid)
    with suppress(subprocess.TimeoutExpired):  # stuck in the kernel: the others must end still
        running.wait(KILL_WAIT_S)
