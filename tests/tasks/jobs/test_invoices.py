"""The job of invoices over both stand-ins: the shop has the number, and a folder the PDF."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select, update

from pipeline.invoices.tables import InvoiceUpload
from pipeline.orders.tables import Status
from sandbox.amazon.app import create_app
from sandbox.amazon.builders import an_order as amazons_order
from sandbox.amazon.builders import stamped
from sandbox.amazon.state import open_store, save_order
from sandbox.amazon.times import utc_now
from tasks.engine.runtime import Runtime, build
from tasks.jobs.invoices import NEW_AT_ONCE, run_invoices
from tests.builders import ACCOUNT, SHOP, an_order, settings, stored
from tests.invoices.rig import CREDENTIALS, PDF
from tests.magento.standing_in import TOKEN, StandIn, standing_in
from tests.sandbox.test_magento_orders import an_order as shops_order
from tests.tasks.cancelling.test_cancelled_by_seller import served
from tests.tasks.conftest import close

DONE: dict[str, Any] = {
    "status": Status.DONE,
    "due_at": None,
    "remote_status": "SHIPPED",
    "shop": SHOP,
    "magento_order_id": 7,
    "magento_invoiced": Decimal("28.79"),
}


class Day:
    """An order that was shipped and invoiced, and a run of the job."""

    def __init__(self, parts: Runtime, amazon: str, folder: Path) -> None:
        self.parts = parts
        self._amazon = amazon
        self._folder = folder

    def control(self, method: str, path: str, body: Any = None) -> Any:
        url = f"{self._amazon}/_control/{path}"
        answer = requests.request(method, url, json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def upload(self) -> InvoiceUpload | None:
        with self.parts.sessions() as session:
            return session.scalars(select(InvoiceUpload)).one_or_none()

    def run(self) -> None:
        """The job, when everything is due."""
        with self.parts.sessions() as session, session.begin():
            session.execute(update(InvoiceUpload).values(due_at=func.now()))
        run_invoices(self.parts, ACCOUNT)


@contextmanager
def a_day(
    folder: Path, database_url: str, redis_url: str, shop: StandIn, mode: str, older: int = 0
) -> Iterator[Day]:
    store = open_store(folder / "amazon.sqlite")
    made = shop.rest("POST", "/orders", {"entity": shops_order()})
    shop.rest("POST", f"/order/{made['entity_id']}/invoice", {"capture": True})
    order = an_order(**{**DONE, "magento_order_id": made["entity_id"]})
    with store.transaction() as db:
        theirs = amazons_order(order.external_id, status="SHIPPED")
        save_order(db, "main", stamped(theirs, utc_now()))
    with served(create_app(store)) as amazon:
        parts = build(
            settings(
                database_url=database_url,
                redis_url=redis_url,
                marketplace={"invoices_to_amazon": mode, "invoice_source": str(folder)},
                account={"base_url": amazon, "token_url": amazon, **CREDENTIALS},
                shop={"base_url": shop.url, "access_token": TOKEN},
            )
        )
        with parts.sessions() as session, session.begin():
            session.add_all(an_order(**{**DONE, "shop": "gone"}) for _ in range(older))
        stored(parts.sessions, order)
        yield Day(parts, amazon, folder)
        close(parts)
    store.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[StandIn]:
    with standing_in(tmp_path) as shop:
        yield shop


def test_the_shops_number_goes_to_amazon_once(
    tmp_path: Path, database_url: str, redis_url: str, shop: StandIn
) -> None:
    (tmp_path / "000000001.pdf").write_bytes(PDF)
    with a_day(tmp_path, database_url, redis_url, shop, "folder") as day:
        day.run()
        day.control("POST", "clock", {"offset_s": 200})
        day.run()
        day.run()
        upload = day.upload()
        assert upload is not None
        assert (upload.state, upload.increment_id) == ("accepted", "000000001")
        assert upload.grand_total > upload.tax_total > 0
        (invoice,) = day.control("GET", "invoices")["invoices"]
        assert (invoice["invoice_number"], invoice["code"]) == ("000000001", None)
        assert len(day.control("GET", "feeds")["feeds"]) == 1


def test_orders_without_an_invoice_starve_no_other(
    tmp_path: Path, database_url: str, redis_url: str, shop: StandIn
) -> None:
    """A batch of orders whose shop cannot be asked any more comes before the one that can."""
    (tmp_path / "000000001.pdf").write_bytes(PDF)
    with a_day(tmp_path, database_url, redis_url, shop, "folder", older=NEW_AT_ONCE) as day:
        run_invoices(day.parts, ACCOUNT)
        run_invoices(day.parts, ACCOUNT)
        with day.parts.sessions() as session:
            query = select(InvoiceUpload.state).where(InvoiceUpload.increment_id == "000000001")
            assert session.scalars(query).all() == ["submitted"]


def test_off_closes_its_own_incidents_alone(
    tmp_path: Path, database_url: str, redis_url: str, shop: StandIn
) -> None:
    with a_day(tmp_path, database_url, redis_url, shop, "off") as day:
        now, names = day.parts.clients.now(), (ACCOUNT, "na")
        others = {f"invoices-held:{ACCOUNT}", f"returns:{ACCOUNT}:fbm", f"finances:{ACCOUNT}"}
        for name in names:
            for key in (f"invoices:{name}", f"invoice-role:{name}"):
                day.parts.incidents.open(key, "told", now, account=name)
        for key in others:
            day.parts.incidents.open(key, "told", now, account=ACCOUNT)
        day.run()
        left = {incident.key for incident in day.parts.incidents.all_open()}
        assert left == others | {"invoices:na", "invoice-role:na"}


def test_off_asks_nobody(tmp_path: Path, database_url: str, redis_url: str, shop: StandIn) -> None:
    with a_day(tmp_path, database_url, redis_url, shop, "off") as day:
        before = shop.ask("calls")
        day.run()
        assert day.upload() is None
        assert shop.ask("calls") == before
        assert day.control("GET", "calls") == {}
