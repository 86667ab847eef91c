"""Going through an order's steps again, against both stand-ins: told first, then done."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, select, update

from pipeline.operations.preview.replay import NotPossible, Preview, preview, replay
from pipeline.orders.machine import STEPS
from pipeline.orders.tables import Effect, EffectState, Note, Order, Status
from tasks.command import steps
from tests.builders import a_vault
from tests.tasks.jobs.test_reconcile import NUMBERS, World, differ
from tests.tasks.jobs.test_reconcile import world as world

WRITING = ("PUT", "DELETE", "create", "cancel", "invoice", "ship", "refund", "confirm")


def placed(world: World) -> Order:
    """An order that waits for the warehouse."""
    differ(world, "fine")
    order = world.order("fine")
    assert (order.step, order.status) == ("ship_order", Status.WAITING)
    return order


def told(world: World, first: str) -> list[Preview]:
    parts = world.parts
    order_id = world.order("fine").id
    return preview(parts.sessions, a_vault(), parts.clients, steps(), order_id, first)


def kinds(previews: list[Preview]) -> dict[str, list[str]]:
    return {preview.step: [call.verdict for call in preview.calls] for preview in previews}


def in_magento(world: World) -> Any:
    orders = world.tell("magento", "orders", "GET")
    return [order for order in orders if order["ext_order_id"] == NUMBERS["fine"]]


def writes(world: World) -> dict[str, Any]:
    """The calls of routes that change something, at both remotes."""
    return {
        route: counted
        for calls in world.calls()
        for route, counted in calls.items()
        if any(word in route.lower() for word in WRITING)
    }


def test_the_preview_names_what_is_done_and_changes_nothing(world: World) -> None:
    order = placed(world)
    before, called, shop = world.dump(), writes(world), in_magento(world)
    previews = told(world, "import_order")
    assert [preview.step for preview in previews] == list(STEPS[:6])
    assert previews[-1].end == "would wait: waiting for the warehouse"
    verdicts = kinds(previews)["create_order"]
    assert verdicts[0] == f"done ({order.magento_order_id}), not repeated"
    assert all("not repeated" in verdict for verdict in verdicts)
    assert (world.dump(), writes(world), in_magento(world)) == (before, called, shop)
    assert called, "the routes that write are known by these words"


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        (None, "would be made"),
        (
            EffectState.UNKNOWN,
            "result unknown: would check first, then be adopted or made",
        ),
        (EffectState.REFUSED, "refused before: would check first, then be made"),
    ],
)
def test_the_preview_ends_with_a_write_that_nobody_knows(
    world: World, state: EffectState | None, verdict: str
) -> None:
    placed(world)
    with world.parts.sessions() as session, session.begin():
        if state is None:
            session.execute(delete(Effect).where(Effect.kind == "order"))
        else:
            session.execute(update(Effect).where(Effect.kind == "order").values(state=state))
    before, called = world.dump(), writes(world)
    last = told(world, "create_order")[-1]
    assert ([call.verdict for call in last.calls], last.end) == (
        [verdict],
        "the rest depends on that write",
    )
    assert (world.dump(), writes(world)) == (before, called)


def test_the_real_run_repeats_no_write(world: World) -> None:
    order = placed(world)
    called, shop = writes(world), in_magento(world)
    replay(world.parts.sessions, order.id, "enrich_order", author="anna", now=world.clock.at)
    again = world.order("fine")
    assert (again.step, again.status, again.due_at) == (
        "enrich_order",
        Status.READY,
        world.clock.at,
    )
    world.work()
    assert (world.order("fine").step, world.order("fine").status) == ("ship_order", "waiting")
    assert (writes(world), in_magento(world)) == (called, shop)
    with world.parts.sessions() as session:
        notes = session.execute(select(Note.author, Note.text)).all()
    assert [tuple(note) for note in notes] == [("anna", "to be run again from enrich_order")]


def test_only_a_step_that_was_reached_and_that_no_worker_is_at(world: World) -> None:
    order, parts = placed(world), world.parts
    with pytest.raises(NotPossible, match="it has only reached ship_order"):
        replay(parts.sessions, order.id, "sync_tracking", author="anna", now=world.clock.at)
    with parts.sessions() as session, session.begin():
        session.execute(update(Order).values(status=Status.RUNNING))
    with pytest.raises(NotPossible, match="a step is running right now"):
        replay(parts.sessions, order.id, "import_order", author="anna", now=world.clock.at)
    with pytest.raises(NotPossible, match="a step is running right now"):
        told(world, "import_order")
