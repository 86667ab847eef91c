from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from devstack.supervisor import EXEC_CHILD, MARK, AlreadyRunningError, Process, Supervisor
from tests.devstack.waiting import is_gone, until

DRIVER = "tests.devstack.driver"
PROJECT = Path(__file__).parents[2]


def a_program(name: str, code: str, *, grace_s: float = 10.0) -> Process:
    return Process(name, (sys.executable, "-I", "-S", "-c", code), grace_s=grace_s)


def first_line(file: Path) -> str:
    until(lambda: file.exists() and "\n" in file.read_text(), f"a line in {file.name}")
    return file.read_text().splitlines()[0]


def test_a_process_that_dies_is_started_again_and_counted(supervisor: Supervisor) -> None:
    supervisor.start(Process("one", ("sleep", "600")))
    before = supervisor.pid("one")
    assert supervisor.restarts("one") == 0
    supervisor.kill("one")
    until(lambda: supervisor.restarts("one") == 1, "the restart")
    assert supervisor.alive("one")
    assert supervisor.pid("one") not in (None, before)


def test_one_that_dies_at_once_is_tried_again_and_again(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start(a_program("short", "print('here', flush=True)"))
    until(lambda: supervisor.restarts("short") >= 2, "two restarts")
    log = tmp_path / "home" / "logs" / "short.log"
    assert set(log.read_text().splitlines()) == {"here"}


def test_a_program_that_is_not_there_says_so_in_its_log(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start(Process("ghost", ("/nowhere/ghost",)))
    line = first_line(tmp_path / "home" / "logs" / "ghost.log")
    assert line == "cannot run /nowhere/ghost: No such file or directory"


def test_one_that_can_not_be_forked_is_refused(supervisor: Supervisor, tmp_path: Path) -> None:
    nowhere = Process("lost", ("sleep", "600"), cwd=tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        supervisor.start(nowhere)
    supervisor.start(Process("lost", ("sleep", "600")))
    assert supervisor.alive("lost")


def test_a_name_is_given_once(supervisor: Supervisor) -> None:
    supervisor.start(Process("one", ("sleep", "600")))
    with pytest.raises(ValueError, match="a process called one is supervised already"):
        supervisor.start(Process("one", ("sleep", "600")))


def test_the_environment_is_the_one_given(supervisor: Supervisor, tmp_path: Path) -> None:
    code = "import os; print(*sorted(os.environ.items()), flush=True); import time; time.sleep(600)"
    program = a_program("bare", code)
    supervisor.start(Process("bare", program.argv, env={"LC_ALL": "C", "A": "1"}))
    line = first_line(tmp_path / "home" / "logs" / "bare.log")
    assert line == f"('A', '1') ('{MARK}', '{tmp_path / 'home'}') ('LC_ALL', 'C')"


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
def test_ignored_signals_are_not_inherited(supervisor: Supervisor, tmp_path: Path) -> None:
    assert signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN  # Python's own habit
    supervisor.start(Process("shell", ("sh", "-c", "grep SigIgn /proc/self/status; sleep 600")))
    line = first_line(tmp_path / "home" / "logs" / "shell.log")
    # The C library keeps signals 32 and 33 for itself; make hands them down as ignored.
    assert int(line.split()[1], 16) & ~(0b11 << 31) == 0


def test_everything_ends_the_last_started_first(tmp_path: Path) -> None:
    home = tmp_path / "home"
    log = tmp_path / "ends"
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(log)!r}, 'a').write(sys.argv[1] + '\\n'); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)"
    )
    supervisor = Supervisor(home)
    for name in ("a", "b", "c"):
        program = a_program(name, code)
        supervisor.start(Process(name, (*program.argv, name)))
        first_line(home / "logs" / f"{name}.log")
    supervisor.stop_all()
    assert log.read_text().split() == ["c", "b", "a"]
    supervisor.stop_all()


def test_one_that_will_not_end_is_killed_with_all_that_descend_from_it(tmp_path: Path) -> None:
    # The grandchild leads a session of its own: no signal to a group reaches it.
    code = (
        "import os, signal, subprocess, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)"
    )
    supervisor = Supervisor(tmp_path / "home")
    supervisor.start(a_program("stubborn", code, grace_s=0.3))
    grandchild = int(first_line(tmp_path / "home" / "logs" / "stubborn.log"))
    pid = supervisor.pid("stubborn")
    assert pid is not None
    assert supervisor.pids("stubborn") == [pid, grandchild]
    supervisor.stop_all()
    assert is_gone(pid)
    until(lambda: is_gone(grandchild), "the grandchild's end")


def test_a_process_that_dies_takes_its_group_with_it(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    code = (
        "import subprocess, time\n"
        "print(subprocess.Popen(['sleep', '600']).pid, flush=True)\n"
        "time.sleep(600)"
    )
    supervisor.start(a_program("parent", code))
    grandchild = int(first_line(tmp_path / "home" / "logs" / "parent.log"))
    pid = supervisor.pid("parent")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: is_gone(grandchild), "the grandchild's end")


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGINT, -signal.SIGINT),
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGHUP, 128 + signal.SIGHUP),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_nothing_is_left_when_the_supervisor_ends(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    if number == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux tells a process that its parent is gone")
    with subprocess.Popen(
        [sys.executable, "-m", DRIVER, str(tmp_path / "home")],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as driver:
        try:
            assert driver.stdout is not None
            pids = [int(pid) for pid in driver.stdout.readline().split()]
            assert [psutil.Process(pid).ppid() for pid in pids] == [driver.pid, driver.pid]
            until(
                lambda: all(psutil.Process(pid).name() == "sleep" for pid in pids), "both programs"
            )
            driver.send_signal(number)
            assert driver.wait() == status
        finally:
            driver.kill()
    until(lambda: all(is_gone(pid) for pid in pids), "the children's end")


def test_a_test_run_takes_the_signal_as_its_end_and_gets_its_handlers_back(
    tmp_path: Path,
) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    supervisor = Supervisor(tmp_path)
    supervisor.start(Process("one", ("sleep", "600")))
    pid = supervisor.pid("one")
    assert pid is not None
    with pytest.raises(KeyboardInterrupt), supervisor:
        os.kill(os.getpid(), signal.SIGTERM)
    assert is_gone(pid)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_program_whose_supervisor_is_gone_already_is_not_begun() -> None:
    stranger = str(os.getpid() + 1)
    numbers = (stranger, str(int(signal.SIGKILL)), "-1", "-1")
    ended = subprocess.run(
        [sys.executable, "-I", "-S", str(EXEC_CHILD), *numbers, "echo", "begun"],
        capture_output=True,
        text=True,
    )
    assert (ended.stdout, ended.stderr.strip()) == ("", "the supervisor is gone")
    assert ended.returncode == 1


def test_one_supervisor_per_home(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    with pytest.raises(AlreadyRunningError, match=f"under process {os.getpid()}: end that one"):
        Supervisor(tmp_path)
    supervisor.stop_all()
    Supervisor(tmp_path).stop_all()


def test_what_a_killed_supervisor_left_is_ended_by_the_next(tmp_path: Path) -> None:
    mine, other = (
        subprocess.Popen(["/bin/sleep", "600"], env={**os.environ, MARK: str(home)})
        for home in (tmp_path, tmp_path / "other")
    )
    try:
        Supervisor(tmp_path).stop_all()
        assert is_gone(mine.pid)
        assert other.poll() is None
    finally:
        for left in (mine, other):
            left.kill()
            left.wait()


def test_the_log_before_this_one_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "speaker.log"
    for word in ("one", "two", "three"):
        code = f"import time; print({word!r}, flush=True); time.sleep(600)"
        supervisor = Supervisor(tmp_path)
        supervisor.start(a_program("speaker", code))
        first_line(log)
        supervisor.stop("speaker")
        supervisor.stop_all()
    assert first_line(log) == "three"
    assert first_line(log.with_name("speaker.log.1")) == "two"
    assert sorted(file.name for file in log.parent.iterdir()) == ["speaker.log", "speaker.log.1"]
