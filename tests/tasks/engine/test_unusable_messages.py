"""A message that no worker can use is rejected and counted, and the worker goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from devstack.paths import PROJECT
from devstack.stack import worker_arguments
from pipeline.monitoring.health import BEAT, REJECTED_MESSAGES
from tests.conftest import Servers
from tests.devstack.waiting import until
from tests.emptied import Emptied
from tests.tasks.conftest import variables

# The job notes in Redis that it ran.
STEP, JOB = "orderbridge.import_order", "orderbridge.alert"
MARK = "Maria-Musterfrau"
_NO_LINKS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def message(
    task: Any = JOB,
    args: Any = (),
    kwargs: Any = None,
    links: Any = _NO_LINKS,
    body: Any = None,
    headers: Any = None,
    **changed: Any,
) -> str:
    """An entry of the queue `jobs`, as kombu writes it; `changed` are headers."""
    text = body if isinstance(body, str) else json.dumps([args, kwargs or {}, links])
    number = str(uuid4())
    usual = {"lang": "py", "task": task, "id": number, "root_id": number, "parent_id": None}
    return json.dumps(
        {
            "body": b64encode(text.encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {**usual, **changed} if headers is None else headers,
            "properties": {
                "correlation_id": number,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "jobs", "routing_key": "jobs"},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid4()),
            },
        }
    )


def changed(**parts: Any) -> str:
    """A good entry with these parts of it changed."""
    return json.dumps({**json.loads(message()), **parts})


UNUSABLE: Mapping[str, str] = {
    "an empty list": message(body="[]"),
    "a text as the body": message(body=json.dumps(MARK)),
    "a null body": message(body="null"),
    "no JSON": message(body=f"{{{MARK}"),
    "deep JSON": message(body="[" * 100_000),
    "another content type": changed(**{"content-type": "application/x-python-serialize"}),
    "links that are none": message(links=5),
    "arguments that are none": message(args=MARK),
    "a word as time limit": message(timelimit="y"),
    "a word as due time": message(eta="y"),
    "a due time of next century": message(eta="2126-01-01T00:00:00+00:00"),
    "a word as expiry": message(expires="y"),
    "an unknown task": message(f"orderbridge.{MARK}"),
    "a task of Celery's own": message("celery.accumulate", [1]),
    "a list as task": message(["x"]),
    "a list as id": message(id=["x"]),
    "no id": message(headers={"task": JOB}),
    "no headers": message(headers={}),
    "headers that are a list": message(headers=["task", "id"]),
    "a task of the first protocol": changed(
        headers={}, body=b64encode(json.dumps({"task": JOB, "id": "1"}).encode()).decode()
    ),
    "an order id that is a text": message(STEP, [MARK]),
    "an order id that is a yes": message(STEP, [True]),
    "an order id beyond bigint": message(STEP, [2**63]),
    "an order id below one": message(STEP, [0]),
    "no order id": message(STEP),
    "two order ids": message(STEP, [1, 2]),
    "an argument by name": message(STEP, [], {"order_id": 1}),
    "an account that is a number": message("orderbridge.poll_amazon", [1]),
    "an argument too many": message(JOB, ["eu"]),
    "an entry that is no JSON": MARK,
    "an entry that is a list": "[]",
    "an entry without properties": json.dumps({"body": "", "headers": {}}),
    "a body that is no base64": changed(body="ä"),
    "a delivery tag that is a table": changed(
        properties={**json.loads(message())["properties"], "delivery_tag": {}}
    ),
}


@dataclass(frozen=True)
class Worker:
    """A worker process that nobody starts again, and its broker."""

    process: subprocess.Popen[bytes]
    broker: redis.Redis
    log: Path

    def works(self, entry: str) -> None:
        """Return when the worker has worked an entry that was sent after all others."""
        self.broker.delete(BEAT)
        self.broker.lpush("orderbridge:jobs", entry)
        until(lambda: self.has_ended or self.broker.exists(BEAT) == 1, "the job ran")
        assert not self.has_ended, self.log.read_text(encoding="utf-8")[-2000:]

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def rejected(self) -> int:
        return int(self.broker.get(REJECTED_MESSAGES) or 0)


@pytest.fixture(scope="module")
def worker(
    servers: Servers, shared_database: Emptied, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worker]:
    folder = tmp_path_factory.mktemp("worker")
    with redis.Redis.from_url(servers.redis_url) as broker, (folder / "log").open("wb") as log:
        broker.flushdb()
        process = subprocess.Popen(
            [sys.executable, *worker_arguments("worker", 2)],
            env={
                "PATH": "/usr/bin:/bin",
                **variables(folder, shared_database.url, servers.redis_url),
            },
            cwd=PROJECT,
            stdout=log,
            stderr=log,
        )
        try:
            yield Worker(process, broker, folder / "log")
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("entry", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_unusable_message_is_rejected_and_counted(entry: str, worker: Worker) -> None:
    before, begun = worker.rejected, worker.log.stat().st_size
    worker.broker.lpush("orderbridge:jobs", entry)
    worker.works(message())
    until(lambda: worker.broker.hlen("orderbridge:unacked") == 0, "no message is in hand")
    assert worker.rejected == before + 1
    told = worker.log.read_bytes()[begun:].decode()
    assert MARK not in told
    lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines].count("message.rejected") == 1
    assert "Traceback" not in told


def test_more_of_them_than_the_worker_takes_at_once(worker: Worker) -> None:
    before = worker.rejected
    worker.broker.lpush("orderbridge:jobs", *UNUSABLE.values())
    worker.works(message())
    assert worker.rejected == before + len(UNUSABLE)


def test_usable_messages_are_not_rejected(worker: Worker) -> None:
    before = worker.rejected
    for args, task in (([1], STEP), (["eu"], "orderbridge.fetch_orders"), ([], JOB)):
        worker.broker.lpush("orderbridge:jobs", message(task, args, timelimit=[None, None]))
    worker.works(message(expires="2999-01-01T00:00:00+00:00"))
    until(lambda: worker.broker.hlen("orderbridge:unacked") == 0, "no message is in hand")
    assert worker.rejected == before
