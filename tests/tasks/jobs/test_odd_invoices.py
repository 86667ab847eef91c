"""An invoice that cannot be read is set aside and told; those of other orders are uploaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.invoices.tables import InvoiceUpload
from pipeline.invoices.wanted import LOOKED_FOR, UNREADABLE
from pipeline.magento.client import Magento
from pipeline.orders.tables import Status
from tasks.engine.runtime import Runtime, build
from tasks.jobs.invoices import run_invoices
from tests.builders import ACCOUNT, NOW, SHOP, an_order, settings, stored
from tests.magento.conftest import Clock, Shop, clock, magento, shop, slept
from tests.tasks.conftest import close
from tests.tasks.jobs.test_odd_rows import page, told

__all__ = ["clock", "magento", "shop", "slept"]

TOLD = f"set_aside:{SHOP}:invoices:{ACCOUNT}"


@pytest.fixture
def parts(
    magento: Magento, clock: Clock, database_url: str, redis_url: str, tmp_path: Path
) -> Iterator[Runtime]:
    folder = {"invoices_to_amazon": "folder", "invoice_source": str(tmp_path)}
    built = build(settings(database_url=database_url, redis_url=redis_url, marketplace=folder))
    clock.at = NOW
    yield replace(built, clients=replace(built.clients, shops={SHOP: magento}, now=clock))
    close(built)


def invoiced(sessions: Sessions, entity_id: int) -> int:
    facts: dict[str, Any] = {"status": Status.DONE, "due_at": None, "remote_status": "SHIPPED"}
    facts |= {"magento_order_id": entity_id, "magento_invoiced": Decimal("28.79"), "shop": SHOP}
    return stored(sessions, an_order(**facts, updated_at=NOW))


def row(entity_id: int, order_id: int | None, **changes: Any) -> dict[str, Any]:
    numbers = {"entity_id": entity_id, "order_id": order_id, "increment_id": f"0000{entity_id}"}
    return {**numbers, "grand_total": "28.79", "tax_amount": "4.60", **changes}


def upload(sessions: Sessions, order_id: int) -> tuple[str, str, str | None]:
    with sessions() as session:
        found = session.get_one(InvoiceUpload, order_id)
    return found.state, found.increment_id, found.trouble


def test_one_that_cannot_be_read_stops_its_own_order_alone(
    parts: Runtime, shop: Shop, clock: Clock, sessions: Sessions
) -> None:
    odd, good, both = (invoiced(sessions, entity_id) for entity_id in (901, 902, 903))
    nameless = row(71, 901, increment_id=None)
    rows = [nameless, row(72, 902), row(73, 903), row(74, 903, increment_id="")]
    shop.answers(page(*rows))
    run_invoices(parts, ACCOUNT)
    assert upload(sessions, good)[:2] == ("waiting", "000072")
    # One of its two invoices is not to go as if it were the only one.
    assert upload(sessions, odd) == upload(sessions, both) == ("wanted", "", UNREADABLE)
    assert list(told(parts)) == [TOLD]
    assert "invoice of order 901, invoice of order 903" in told(parts)[TOLD]
    run_invoices(parts, ACCOUNT)  # neither is due
    assert list(told(parts)) == [TOLD]
    clock.at += timedelta(minutes=30)
    shop.answers(page(row(71, 901), row(73, 903), row(74, 903)))
    run_invoices(parts, ACCOUNT)
    assert upload(sessions, odd)[:2] == ("waiting", "000071")
    assert upload(sessions, both)[0] == "held"
    assert TOLD not in told(parts)


@pytest.mark.parametrize("strange", [row(71, None), None, "x"])
def test_one_without_its_order_lets_nobody_say_that_there_is_none(
    strange: Any, parts: Runtime, shop: Shop, clock: Clock, sessions: Sessions
) -> None:
    good, missing = invoiced(sessions, 902), invoiced(sessions, 903)
    shop.answers(page(strange, row(72, 902)))
    run_invoices(parts, ACCOUNT)
    assert upload(sessions, good)[:2] == ("waiting", "000072")
    assert upload(sessions, missing) == ("wanted", "", UNREADABLE)
    assert "invoice of order 903" in told(parts)[TOLD]
    clock.at += LOOKED_FOR
    shop.answers(page(strange))
    run_invoices(parts, ACCOUNT)
    assert upload(sessions, missing) == ("held", "", UNREADABLE)
    assert TOLD not in told(parts)  # it is among those that need a person


def test_switched_off_nothing_is_told(
    parts: Runtime, shop: Shop, sessions: Sessions, database_url: str, redis_url: str
) -> None:
    invoiced(sessions, 901)
    shop.answers(page(row(71, 901, increment_id=None)))
    run_invoices(parts, ACCOUNT)
    assert list(told(parts)) == [TOLD]
    off = build(settings(database_url=database_url, redis_url=redis_url))
    run_invoices(off, ACCOUNT)
    close(off)
    assert told(parts) == {}
