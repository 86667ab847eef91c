"""Whole days of one account and one shop, with every request noted that reaches the shop."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from celery import Celery
from flask import Flask
from sqlalchemy import select

from pipeline.operations.acts.ship import Parcel, ShipmentRequests
from pipeline.orders.tables import Order
from sandbox.amazon.app import create_app as create_amazon
from sandbox.amazon.state import open_store
from sandbox.core import Store, make
from sandbox.magento.app import create_app as create_magento
from sandbox.magento.schema import SCHEMA
from tasks.engine.runtime import Runtime, build
from tasks.jobs.credit_memos import watch_refunds
from tasks.jobs.reconcile import reconcile
from tasks.jobs.search_and_sweep import poll_amazon
from tasks.jobs.stock_guard import guard_stock
from tasks.jobs.watch_shop import watch_confirmed, watch_shipments
from tasks.workflow import WORKFLOW
from tests.builders import ACCOUNT, SHOP, settings
from tests.contract.magento_schema import Request
from tests.tasks.conftest import close
from tests.tasks.jobs.test_feeds import CREDENTIALS, Clock

_INTEGRATION = {
    "auth": "oauth",
    "consumer_key": "sandbox-ck",
    "consumer_secret": "sandbox-cs",
    "access_token": "sandbox-at",
    "access_token_secret": "sandbox-ats",
}


class Noted:
    """A shop whose requests are noted before it sees them."""

    def __init__(self, shop: Callable[..., Iterable[bytes]]) -> None:
        self._shop = shop
        self.requests: list[Request] = []

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(raw)
        path, _, query = str(environ["REQUEST_URI"]).partition("?")
        if path.startswith("/rest"):
            body = json.loads(raw) if raw else None
            self.requests.append(Request(environ["REQUEST_METHOD"], path, query, body))
        return self._shop(environ, start)


def noting(app: Flask) -> Noted:
    """Have every request noted that reaches an app from here on."""
    noted = Noted(app.wsgi_app)
    app.wsgi_app = noted  # type: ignore[assignment,method-assign]
    return noted


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve on loopback until the end of the block."""
    server = make(app, 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Day:
    """The pipeline worked by hand between two stand-ins."""

    def __init__(
        self, parts: Runtime, amazon: str, magento: str, shop: Store, clock: Clock
    ) -> None:
        self._app = Celery(broker=parts.settings.redis_url.get_secret_value())
        self.parts, self._shop, self._clock = parts, shop, clock
        self._urls = {"amazon": amazon, "magento": magento}

    def tell(self, remote: str, what: str, **body: Any) -> Any:
        answer = requests.post(f"{self._urls[remote]}/_control/{what}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def customers_move(self) -> None:
        """Every customer of the shop gets another e-mail address there."""
        with self._shop.transaction() as db:
            db.execute("UPDATE customers SET email = 'moved-' || email")

    def in_shop(self, number: str) -> Any:
        """The Magento order of an Amazon order."""
        orders = requests.get(f"{self._urls['magento']}/_control/orders", timeout=10).json()
        (order,) = [one for one in orders if one["ext_order_id"] == number]
        return order

    def asked_to_ship(self, number: str, carrier: str, tracking_number: str) -> None:
        """A person has an order shipped from here."""
        (order_id,) = [order.id for order in self.orders() if order.external_id == number]
        shipment_requests = ShipmentRequests(self.parts.sessions, "otto", self._clock.at)
        shipment_requests.ask(order_id, Parcel(carrier, tracking_number))

    def orders(self) -> list[Order]:
        with self.parts.sessions() as session:
            return list(session.scalars(select(Order).order_by(Order.id)))

    def work(self, passed: timedelta = timedelta(minutes=3)) -> dict[str, str]:
        """Let time pass, run beat's jobs, take every order as far as it goes.

        Returns where each stands afterwards: step, status and, where it is held, the code.
        """
        self._clock.on(passed)
        poll_amazon(self._app, self.parts, ACCOUNT)
        watch_shipments(self._app, self.parts, SHOP)
        watch_confirmed(self._app, self.parts, SHOP)
        for order in self.orders():
            while self._one_step(order.id):
                pass
        watch_refunds(self.parts, SHOP)
        guard_stock(self.parts, SHOP)
        reconcile(self.parts)
        return {
            order.external_id: " ".join(filter(None, (order.step, order.status, order.hold_code)))
            for order in self.orders()
        }

    def _one_step(self, order_id: int) -> bool:
        with self.parts.sessions() as session:
            name = session.get_one(Order, order_id).step
        step, _ = WORKFLOW[name]
        return self.parts.runner.run(name, step, order_id, "a-task")

    def close(self) -> None:
        self._app.close()
        close(self.parts)


@contextmanager
def a_day(
    folder: Path,
    database_url: str,
    redis_url: str,
    marketplace: Mapping[str, Any],
    config: Mapping[str, Any],
) -> Iterator[tuple[Day, Noted]]:
    """One account that sells into one shop: the marketplace's settings, and the shop's own."""
    clock = Clock()
    amazon, shop = open_store(folder / "amazon.sqlite"), Store(folder / "shop.sqlite", SCHEMA)
    magento = create_magento(shop, bearer=False)
    noted = noting(magento)
    try:
        with served(create_amazon(amazon, clock=clock)) as seller, served(magento) as store:
            loaded = settings(
                database_url=database_url,
                redis_url=redis_url,
                marketplace=marketplace,
                account={"seller_id": "A1SELLER", "base_url": seller, "token_url": seller}
                | CREDENTIALS,
                shop={"base_url": store, **_INTEGRATION},
            )
            day = Day(build(loaded, clock), seller, store, shop, clock)
            try:
                day.tell("magento", "config", **config)
                yield day, noted
            finally:
                day.close()
    finally:
        amazon.close()
        shop.close()
