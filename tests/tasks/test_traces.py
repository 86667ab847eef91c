"""A marked order, from Amazon to the confirmation of its package: one trace, and no mark in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from celery import Celery

from devstack.stack import configuration
from pipeline.base import http
from pipeline.base.tracing import trace_id
from pipeline.orders.machine import STEPS
from pipeline.orders.tables import Order, Status
from pipeline.settings.file import load
from sandbox.amazon.app import create_app as create_amazon
from sandbox.amazon.builders import a_line, an_order, stamped
from sandbox.amazon.state import Options, open_store
from sandbox.core import Store
from sandbox.magento.app import create_app as create_magento
from sandbox.magento.schema import SCHEMA
from tasks.engine.runtime import Runtime, build
from tasks.jobs.search_and_sweep import poll_amazon
from tasks.jobs.watch_shop import watch_shipments
from tasks.workflow import WORKFLOW
from tests.database_restores import remembers_everything
from tests.otlp import Collected, collecting
from tests.tasks.cancelling.test_cancelled_by_seller import served
from tests.tasks.conftest import close, variables
from tests.tasks.jobs.test_feeds import Clock
from tests.tasks.test_simulate_no_drift import SECRETS

NUMBER, MARK = "305-0000001-0000001", "zqcanary"
ADDRESS = {
    "addressLine1": f"Weg 7 {MARK}",
    "city": f"{MARK}ville",
    "postalCode": "20095",
    "countryCode": "DE",
    "phone": "+49 40 9988776655",
}
MARKS = (MARK, "9988776655", "20095", NUMBER, "00340434161094000001", "MUG-BLUE")


def work(parts: Runtime, clock: Clock) -> Order:
    """What workers do with all that is due now; the order after it."""
    clock.on(timedelta(minutes=2))
    for order_id, step in parts.orders.due(clock.at, 100):
        while parts.runner.run(step, WORKFLOW[step][0], order_id, "a-task"):
            with parts.sessions() as session:
                step = session.get_one(Order, order_id).step
    with parts.sessions() as session:
        return session.query(Order).one()


@pytest.fixture
def collected() -> Iterator[Collected]:
    with collecting() as collector:
        yield collector
    http.observe(None)


def test_a_marked_order_has_one_trace_without_its_marks(
    app: Celery, tmp_path: Path, database_url: str, redis_url: str, collected: Collected
) -> None:
    remembers_everything(database_url)
    clock = Clock()
    amazon, shop = open_store(tmp_path / "amazon.sqlite"), Store(tmp_path / "shop.sqlite", SCHEMA)
    with (
        served(create_amazon(amazon, Options(), clock=clock)) as amazon_url,
        served(create_magento(shop)) as shop_url,
    ):
        named = variables(tmp_path, database_url, redis_url)
        tracing = f'\n[tracing]\notlp_url = "{collected.url}"\n'
        text = configuration({"amazon": amazon_url, "magento": shop_url}) + tracing
        (tmp_path / "orderbridge.toml").write_text(text, encoding="utf-8")
        named |= {f"ORDERBRIDGE_{name}": value for name, value in SECRETS.items()}
        parts = build(load(named), clock)
        post(amazon_url, "orders", order=stamped(marked(), clock.at))
        clock.on(timedelta(minutes=3))
        poll_amazon(app, parts, "main")
        order = work(parts, clock)
        track = {"carrier_code": "dhl", "title": "DHL", "track_number": "00340434161094000001"}
        post(shop_url, "ship", entity_id=order.magento_order_id, tracks=[track])
        watch_shipments(app, parts, "main")
        order = work(parts, clock)
        assert parts.runner.tracing is not None
        parts.runner.tracing.provider.shutdown()
        close(parts)
    amazon.close()
    shop.close()
    assert (order.status, order.last_note) == (Status.DONE, "")
    runs = [span for span in collected.spans if not span.parent]
    calls = [span for span in collected.spans if span.parent]
    assert {span.trace for span in collected.spans} == {trace_id("main", NUMBER)}
    assert {span.name for span in runs} == set(STEPS)
    assert {span.parent for span in calls} <= {span.own for span in runs}
    templates = {span.name for span in calls}
    assert {
        "GET /rest/V1/customers/search",
        "POST /rest/V1/orders/{}/comments",
        "POST /orders/v0/orders/{}/shipmentConfirmation",
    } <= templates, templates
    sent = b"".join(collected.bodies).lower()
    assert [mark for mark in MARKS if mark.lower().encode() in sent] == []


def marked() -> dict[str, Any]:
    order = an_order(
        NUMBER,
        marketplace="A13V1IB3VIYZZH",
        email=f"{MARK}@marketplace.example",
        name=f"{MARK} Dupont",
        address=ADDRESS,
        lines=[a_line("MUG-BLUE", 2, gift_message=f"for {MARK}")],
    )
    order["buyer"]["buyerCompanyName"] = f"{MARK}company"
    return order


def post(url: str, what: str, **body: Any) -> None:
    requests.post(f"{url}/_control/{what}", json=body, timeout=10).raise_for_status()
