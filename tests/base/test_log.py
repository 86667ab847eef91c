"""What leaves the process in log lines, and what never does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest

CANARY = "berta@marketplace.example"


def lines_of(program: str) -> list[dict[str, Any]]:
    """The lines that a process writes which logs as ours do; nothing else may come out of it."""
    start = "import logging\nfrom pipeline.base.log import configure, log\nconfigure()\n"
    process = subprocess.run(
        [sys.executable, "-c", start + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert process.stdout == ""
    assert CANARY not in process.stderr
    return [json.loads(line) for line in process.stderr.splitlines()]


def test_a_line_is_its_event_and_the_facts_that_may_leave() -> None:
    [line] = lines_of(
        f"log.info('step.ended', order=7, step='ship_order', email='{CANARY}', to='{CANARY}')"
    )
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "step.ended", "level": "info", "order": 7, "step": "ship_order"}


def test_what_is_bound_around_a_task_is_held_to_the_same_list() -> None:
    [line] = lines_of(
        f"""
        from structlog.contextvars import bound_contextvars
        with bound_contextvars(task='t1', order=7, buyer='{CANARY}'):
            log.warning('lease.not_renewed')
        """
    )
    del line["timestamp"]
    assert line == {"event": "lease.not_renewed", "level": "warning", "order": 7, "task": "t1"}


@pytest.mark.parametrize("given", ["True", "error"])
def test_an_exception_leaves_its_type_and_place_and_not_its_text(given: str) -> None:
    [line] = lines_of(
        f"""
        def place():
            raise ValueError('{CANARY}') from KeyError('{CANARY}')
        try:
            place()
        except ValueError as error:
            log.error('step.defect', exc_info={given})
        """
    )
    del line["timestamp"]
    assert line == {
        "event": "step.defect",
        "level": "error",
        "error": "ValueError",
        "stack": "<string>:8 > <string>:6",
    }


def test_a_librarys_warning_leaves_as_its_template() -> None:
    [line] = lines_of(f"logging.getLogger('urllib3').warning('cannot read %s', '{CANARY}')")
    assert line == {"event": "urllib3: cannot read %s", "level": "warning"}


def test_a_librarys_exception_leaves_without_its_text() -> None:
    [line] = lines_of(
        f"""
        try:
            raise OSError('{CANARY}')
        except OSError:
            logging.getLogger('kombu').exception('lost %r', '{CANARY}')
        """
    )
    assert line == {
        "event": "kombu: lost %r",
        "level": "error",
        "error": "OSError",
        "stack": "<string>:6",
    }


def test_an_exception_that_a_library_logs_as_the_message_leaves_as_its_type() -> None:
    [line] = lines_of(f"logging.getLogger('werkzeug').error(ValueError('{CANARY}'))")
    assert line == {"event": "werkzeug: ValueError", "level": "error"}


def test_what_libraries_merely_mention_stays_inside() -> None:
    assert lines_of(f"logging.getLogger('requests').info('{CANARY}')") == []


def test_our_own_debugging_stays_inside() -> None:
    assert lines_of("log.debug('http.call', calls=1)") == []


def test_an_error_is_told_without_its_text_before_anything_was_configured() -> None:
    program = f"""
    from pipeline.base.log import log
    password = '{CANARY}'
    try:
        raise ValueError(password)
    except ValueError as error:
        log.error('step.defect', exc_info=error)
    """
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert CANARY not in process.stdout + process.stderr
    assert json.loads(process.stderr)["error"] == "ValueError"


THREADS, LINES_EACH = 8, 500


def test_the_lines_of_threads_do_not_run_into_each_other_in_a_pipe() -> None:
    """As in the image: unbuffered, so that every write of the text layer is one to the pipe."""
    program = f"""
        import logging, threading
        from pipeline.base.log import configure, log
        configure()
        ready = threading.Barrier({THREADS})
        def write(thread):
            ready.wait()
            for number in range({LINES_EACH}):
                if number % 10 == 0:
                    logging.getLogger("urllib3").warning("a library's")
                log.info("step.ended", order=thread, number=number)
        threads = [threading.Thread(target=write, args=(one,)) for one in range({THREADS})]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = [json.loads(line) for line in process.stderr.splitlines()]
    ours = [(line["order"], line["number"]) for line in lines if line["event"] == "step.ended"]
    assert sorted(ours) == [(one, n) for one in range(THREADS) for n in range(LINES_EACH)]
    assert len(lines) - len(ours) == THREADS * LINES_EACH // 10
