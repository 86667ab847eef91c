"""The order of an order's effects: as a bare loop, and as workflows of DBOS Transact."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from bench.peers.effects import Effects

Flow = Callable[[str], None]
Order = dict[str, Any]


def bare(effects: Effects) -> Flow:
    """One thing after the other; the row is updated after each write, and a crash loses track."""

    def flow(number: str) -> None:
        order = effects.read(number)
        effects.keep(number, json.dumps(order))
        effects.check_stock(order)
        entity_id = effects.create(order)
        effects.note(number, "created", entity_id)
        for name in ("reserve", "reopen", "invoice"):
            getattr(effects, name)(entity_id)
            effects.note(number, name)
        effects.confirm(number, entity_id)
        effects.note(number, "confirm")
        effects.comment(entity_id)
        effects.note(number, "done")

    return flow


def durable(effects: Effects, database_url: str, *, by_write: bool) -> Flow:
    """Seven durable steps; `by_write` makes each write to a remote a durable step of its own.

    Raises ImportError without the extra `bench`.
    """
    from dbos import DBOS

    DBOS(
        config={
            "name": "peer",
            "system_database_url": database_url,
            "console_log_level": "ERROR",
            "log_level": "ERROR",
        }
    )

    def step(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            return function(*given)

        wrapped: Callable[..., Any] = DBOS.step(name=name)(call)
        return wrapped

    def imported(number: str) -> Order:
        order = effects.read(number)
        effects.keep(number, json.dumps(order))
        return order

    def placed(order: Order) -> int:
        number, entity_id = order["orderId"], effects.create(order)
        effects.reserve(entity_id)
        effects.reopen(entity_id)
        effects.invoice(entity_id)
        effects.note(number, "created", entity_id)
        return entity_id

    def ended(number: str, entity_id: int) -> None:
        effects.confirm(number, entity_id)
        effects.comment(entity_id)
        effects.note(number, "done")

    import_order, enrich_order = step("import", imported), step("enrich", effects.check_stock)
    verify, customer, ship = (step(name, lambda _: True) for name in ("verify", "customer", "ship"))
    place_order, end_order = step("place", placed), step("end", ended)
    create, reserve = step("create", effects.create), step("reserve", effects.reserve)
    reopen, invoice = step("reopen", effects.reopen), step("invoice", effects.invoice)
    confirm, comment = step("confirm", effects.confirm), step("comment", effects.comment)
    note = step("note", effects.note)

    def begun(number: str) -> Order:
        order: Order = import_order(number)
        verify(number)
        enrich_order(order)
        customer(number)
        return order

    def seven(number: str) -> None:
        entity_id = place_order(begun(number))
        ship(number)
        end_order(number, entity_id)

    def by_each_write(number: str) -> None:
        entity_id = create(begun(number))
        for one in (reserve, reopen, invoice):
            one(entity_id)
        note(number, "created", entity_id)
        ship(number)
        confirm(number, entity_id)
        comment(entity_id)
        note(number, "done")

    flow: Flow = DBOS.workflow(name="order")(by_each_write if by_write else seven)
    DBOS.launch()
    return flow
