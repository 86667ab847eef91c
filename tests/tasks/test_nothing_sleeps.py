"""A worker sleeps but for a moment inside one call: a longer wait is the order's due time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline
import tasks
from pipeline.base import retry
from pipeline.products import product_cache

# Tenacity sleeps between the tries of one call, at most 20 s in all: an order that was put back for
# every dropped connection would cost more than the wait. The clients hand the sleep to it.
MAY_NAME_IT = {
    "pipeline/base/retry.py",
    "pipeline/amazon/client.py",
    "pipeline/amazon/connection.py",
    "pipeline/amazon/subscriptions.py",
    "pipeline/magento/client.py",
    "pipeline/magento/rest/connection.py",
}
# There a person waits at a terminal, and no worker.
OF_A_PERSON = "pipeline/cli/"


def sources() -> Iterator[tuple[str, ast.Module]]:
    for package in (pipeline, tasks):
        (folder,) = package.__path__
        for path in sorted(Path(folder).rglob("*.py")):
            name = path.relative_to(Path(folder).parent).as_posix()
            if not name.startswith(OF_A_PERSON):
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def is_sleep(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="time" | "asyncio" | "gevent"), attr="sleep"):
            return True
        case ast.ImportFrom(module="time" | "asyncio" | "gevent", names=names):
            return any(alias.name in ("sleep", "*") for alias in names)
    return False


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("time.sleep(1)", True),
        ("from time import sleep", True),
        ("def f(sleep=time.sleep): ...", True),
        ("due_at = now + delay", False),
    ],
)
def test_a_sleep_is_found(source: str, found: bool) -> None:
    assert any(map(is_sleep, ast.walk(ast.parse(source)))) is found


def test_only_the_retry_layer_sleeps() -> None:
    naming = {name for name, tree in sources() if any(map(is_sleep, ast.walk(tree)))}
    assert naming == MAY_NAME_IT


def test_what_is_named_is_called_by_nobody_but_tenacity() -> None:
    calls = [
        f"{name}:{node.lineno}"
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and is_sleep(node.func)
    ]
    assert calls == []


def test_the_waits_there_are_have_a_bound_far_below_the_visibility_timeout() -> None:
    assert (retry.TRIES, retry.BUDGET_S) == (4, 20.0)
    # One search of products at a time: the others wait for its answer rather than ask as well.
    assert product_cache._LONGEST_WAIT_S <= 10


def test_no_task_asks_celery_to_wait() -> None:
    asked = [
        f"{name}:{node.lineno}"
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg in ("countdown", "eta", "autoretry_for")
    ]
    assert asked == []
