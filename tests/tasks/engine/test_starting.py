"""What a process of Celery needs at its start: a worker all settings, beat the broker's alone."""

from __future__ import annotations

from pathlib import Path

from devstack.stack import worker_arguments
from tests.servers import celery_runs

NOWHERE = "redis://:secret@127.0.0.1:1/0"
SECRET = "ORDERBRIDGE_ACCOUNT_EU_CLIENT_SECRET"
ENTRIES = "from tasks.app import app; print(len(app.conf.beat_schedule), app.conf.broker_url)"


def test_a_worker_without_a_secret_ends_with_a_sentence(tmp_path: Path) -> None:
    environment = {**celery_runs.variables(tmp_path, NOWHERE), SECRET: ""}
    done = celery_runs.run(environment, *worker_arguments("worker", 1))
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == f"Error: these environment variables have to be set: {SECRET}"


def test_beats_timetable_needs_no_secret_but_the_brokers(tmp_path: Path) -> None:
    needed = ("ORDERBRIDGE_CONFIG", "ORDERBRIDGE_REDIS_URL")
    variables = celery_runs.variables(tmp_path, NOWHERE)
    done = celery_runs.run({name: variables[name] for name in needed}, "-c", ENTRIES)
    assert (done.returncode, done.stderr) == (0, "")
    entries, url = done.stdout.split()
    assert int(entries) > 10
    assert url == NOWHERE
