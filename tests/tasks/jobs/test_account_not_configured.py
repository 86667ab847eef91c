"""Orders, boards and incidents of an account that was taken out of the configuration file."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from celery import Celery
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from pipeline.base.incidents import Incidents
from pipeline.monitoring.health import health
from pipeline.operations.lists.explain import explain
from pipeline.operations.preview.replay import preview
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Order, Status
from pipeline.settings.model import Settings
from tasks.engine.runtime import Runtime, build
from tasks.jobs.accounts import check_accounts
from tasks.jobs.backfills import run_backfills
from tasks.jobs.reconcile import reconcile
from tasks.jobs.watch_shop import watch_shipments
from tasks.workflow import WORKFLOW
from tests.builders import ACCOUNT, NOW, SHOP, a_vault
from tests.tasks.cancelling.test_cancelled_by_seller import Day, a_day
from tests.tasks.conftest import close


def without_account(settings: Settings, renamed: str = "other") -> Settings:
    """The same file, in which the account has another name."""
    account = settings.accounts[ACCOUNT]
    return settings.model_copy(update={"accounts": {renamed: account}})


def run(parts: Runtime, order: Order) -> Order:
    step, _ = WORKFLOW[order.step]
    parts.runner.run(order.step, step, order.id, "a-task")
    return read(parts)


def read(parts: Runtime) -> Order:
    with parts.sessions() as session:
        loaded = selectinload(Order.items), selectinload(Order.shipments)
        return session.scalars(select(Order).options(*loaded)).one()


@pytest.mark.parametrize("renamed", ["other", "eu2"])
def test_its_orders_are_held_with_a_sentence_and_go_on_when_it_is_back(
    app: Celery, tmp_path: Path, database_url: str, redis_url: str, renamed: str
) -> None:
    with a_day(app, tmp_path, database_url, redis_url, invoice="leave") as day:
        placed = day.work()
        later = _later(day)
        parts = build(without_account(day.parts.settings, renamed), lambda: later)
        order = run(parts, placed)
        assert (order.status, order.hold_code) == (Status.HELD, HoldCode.ACCOUNT_UNKNOWN)
        assert order.hold_reason == (
            f"its account {ACCOUNT} is not in the configuration: it was renamed or removed. Put "
            f"[accounts.{ACCOUNT}] back and restart, and the order goes on by itself; or dismiss it"
        )
        assert order.hold_facts == {"account": ACCOUNT}
        steps = {name: step for name, (step, _) in WORKFLOW.items()}
        (previewed,) = preview(
            parts.sessions, a_vault(), parts.clients, steps, order.id, "ship_order"
        )
        assert previewed.end.startswith("would be held: account_unknown")
        explanation = explain(parts.sessions, parts.settings, order)
        assert f"account {ACCOUNT} is not in the configuration" in explanation.decided
        assert parts.writes.why_not(ACCOUNT)
        watch_shipments(app, parts, SHOP)
        reconcile(parts)
        run_backfills(app, parts)
        assert parts.clients.catalogue is not None
        health(parts.settings, parts.sessions, parts.broker, later)
        close(parts)
        day._clock.on(timedelta(hours=2))
        assert run(day.parts, order).last_note == "waiting for the warehouse"


def _later(day: Day) -> datetime:
    day._clock.on(timedelta(hours=2))
    return day.parts.clients.now()


def test_its_incidents_are_closed_and_those_of_others_stay(
    app: Celery, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    with a_day(app, tmp_path, database_url, redis_url) as day:
        incidents = Incidents(day.parts.sessions)
        for key, account in (
            ("notifications:gone", "gone"),
            ("confirmations:gone", "gone"),
            ("stock:gone:mug", None),
            (f"notifications:{ACCOUNT}", ACCOUNT),
            (f"stock:{SHOP}:mug", None),
            ("copy", None),
        ):
            incidents.open(key, "a sentence", NOW, account=account)
        check_accounts(day.parts)
        assert [incident.key for incident in incidents.all_open()] == [
            f"notifications:{ACCOUNT}",
            f"stock:{SHOP}:mug",
            "copy",
        ]
