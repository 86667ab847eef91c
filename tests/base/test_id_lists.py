"""Lists of ids go as one array: a list that IN takes apart ends at 65,535 parameters."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.orders.tables import Order
from tests.builders import an_order, stored

ROOT = Path(__file__).parents[2]
# Names of what the configuration lists or a person ticks on a page: never more than some dozens.
FEW = {"accounts", "steps", "reached", "lanes", "channels", "other", "so", "begun", "shown"}
FEW.update({"self.named", "self.statuses", "choice.statuses"})


def lists_taken_apart(source: str) -> Iterator[tuple[int, str]]:
    """Calls of `in_` with something else than constants and queries."""
    tree = ast.parse(source)
    queries = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and "select(" in ast.unparse(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr not in ("in_", "not_in"):
            continue
        argument = node.args[0]
        text = ast.unparse(argument)
        is_constant = isinstance(argument, ast.Tuple) or (
            isinstance(argument, ast.Name) and argument.id.isupper()
        )
        is_query = "select(" in text or text.split(".")[0] in queries or text.startswith("_by_")
        name = text.removeprefix("sorted(").removesuffix(")")
        if not (is_constant or is_query or name in FEW or name.isupper()):
            yield node.lineno, text


@pytest.mark.parametrize("package", ["pipeline", "tasks"])
def test_no_list_of_ids_is_taken_apart(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in lists_taken_apart(path.read_text(encoding="utf-8"))
    ]
    assert found == [], "use pipeline.base.id_lists.among"


def test_the_check_sees_a_list() -> None:
    assert list(lists_taken_apart("x.where(Order.id.in_(order_ids))")) == [(1, "order_ids")]


def test_numbers_texts_and_nothing_are_looked_for_by_one_parameter(sessions: Sessions) -> None:
    ids = [stored(sessions, an_order(external_id=f"028-{number}")) for number in range(3)]
    with sessions() as session:

        def found(condition: object) -> list[int]:
            return list(session.scalars(select(Order.id).where(condition).order_by(Order.id)))  # type: ignore[arg-type]

        assert found(among(Order.id, [ids[0], *range(10**6, 10**6 + 70_000)])) == ids[:1]
        assert found(among(Order.external_id, {"028-1", "028-2"})) == ids[1:]
        assert found(among(Order.id, [])) == []
