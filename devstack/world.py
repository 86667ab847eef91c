"""What the demo sees of the two stand-ins, and what it does in them as buyer, clerk and carrier."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import psycopg
import requests

TIMEOUT_S = 10


class World:
    """Both stand-ins through their control routes. `look` takes one snapshot of each."""

    def __init__(
        self, amazon: str, magento: str, database_url: str, workers: Callable[[], set[int]]
    ) -> None:
        self._amazon, self._magento = amazon, magento
        self._database = database_url.replace("+psycopg", "")
        self._http = requests.Session()
        self._placed_at: dict[str, float] = {}
        self._orders: dict[str, dict[str, Any]] = {}
        self._in_magento: dict[str, list[dict[str, Any]]] = {}
        self._salable: dict[str, float] = {}
        self._products: set[str] = set()
        self._workers = workers
        self.killed_for: set[str] = set()
        self.mails: list[dict[str, Any]] = []

    def look(self) -> None:
        """Read what both stand-ins hold now. Raises requests' errors while one is away."""
        orders = self._get(f"{self._amazon}/_control/orders")["orders"]
        self._orders = {order["order"]["orderId"]: order for order in orders}
        grouped: dict[str, list[dict[str, Any]]] = {}
        for order in self._get(f"{self._magento}/_control/orders"):
            grouped.setdefault(order["ext_order_id"], []).append(order)
        self._in_magento = grouped
        self.mails = self._get(f"{self._magento}/_control/mails")

    def place(self, order: dict[str, Any]) -> None:
        """A buyer orders on Amazon."""
        self._post(f"{self._amazon}/_control/orders", {"order": order})
        self._placed_at.setdefault(order["orderId"], time.monotonic())

    def break_something(self, where: str, fault: dict[str, Any], number: str) -> None:
        """Have a stand-in fail the next calls about this order."""
        url = self._amazon if where == "amazon" else self._magento
        self._post(f"{url}/_control/faults", {**fault, "contains": number})

    def move(self, number: str, status: str) -> None:
        """Amazon changes an order's status."""
        self._post(f"{self._amazon}/_control/orders/{number}/status", {"status": status})

    def ship(self, number: str, tracking: str, quantities: dict[str, int] | None) -> None:
        """The warehouse ships in Magento; no quantities means all that is left."""
        order = self.magento_order(number)
        if order is None:
            return
        body: dict[str, Any] = {
            "entity_id": order["entity_id"],
            "tracks": [{"carrier_code": "ups", "title": "UPS", "track_number": tracking}],
        }
        if quantities is not None:
            body["items"] = [{"sku": sku, "qty": count} for sku, count in quantities.items()]
        self._post(f"{self._magento}/_control/ship", body)

    def add_product(self, sku: str, quantity: int) -> None:
        """The merchant adds a product."""
        self._post(f"{self._magento}/_control/products", {"sku": sku, "qty": quantity})
        self._products.add(sku)

    def has_product(self, sku: str) -> bool:
        return sku in self._products

    def restock(self, sku: str, quantity: int) -> None:
        """Goods arrive."""
        self._post(f"{self._magento}/_control/products/{sku}", {"qty": quantity})
        self._salable[sku] = self._get(f"{self._magento}/_control/stock/{sku}")["salable"]

    def salable(self, sku: str) -> float:
        return self._salable.get(sku, 0)

    def stock(self, sku: str) -> dict[str, float]:
        """Source quantity, reservations and salable quantity of a SKU, as they are now."""
        levels: dict[str, float] = self._get(f"{self._magento}/_control/stock/{sku}")
        return levels

    def enable(self, sku: str) -> None:
        """The merchant enables a product."""
        self._post(f"{self._magento}/_control/products/{sku}", {"status": 1})

    def age_s(self, number: str) -> float:
        """How long ago an order was placed, in seconds."""
        return time.monotonic() - self._placed_at.get(number, time.monotonic())

    def amazon_order(self, number: str) -> dict[str, Any] | None:
        order = self._orders.get(number)
        return order["order"] if order else None

    def amazon_status(self, number: str) -> str:
        order = self.amazon_order(number)
        return str(order["fulfillment"]["fulfillmentStatus"]) if order else ""

    def grand_total(self, number: str) -> str:
        order = self.amazon_order(number)
        proceeds = order.get("proceeds") if order else None
        return str(proceeds["grandTotal"]["amount"]) if proceeds else ""

    def confirmations(self, number: str) -> dict[str, dict[str, int]]:
        order = self._orders.get(number)
        return order["confirmations"] if order else {}

    def tracking_at_amazon(self, number: str) -> tuple[str, ...]:
        order = self.amazon_order(number) or {}
        return tuple(sorted(p.get("trackingNumber", "") for p in order.get("packages", [])))

    def magento_orders(self, number: str) -> list[dict[str, Any]]:
        """Every Magento order of an Amazon number; more than one is what must never be."""
        return self._in_magento.get(number, [])

    def magento_order(self, number: str) -> dict[str, Any] | None:
        orders = self.magento_orders(number)
        return orders[0] if orders else None

    def tracking_in_magento(self, number: str) -> set[str]:
        order = self.magento_order(number)
        shipments = order["shipments"] if order else []
        return {track["track_number"] for shipment in shipments for track in shipment["tracks"]}

    def worker_of(self, number: str, step: str) -> int | None:
        """The process that runs this step of this order right now, or None."""
        with psycopg.connect(self._database, connect_timeout=3) as connection:
            row = connection.execute(
                "SELECT attempts.worker FROM attempts JOIN orders ON orders.id = attempts.order_id"
                " WHERE orders.external_id = %s AND attempts.step = %s AND ended_at IS NULL"
                " AND orders.status = 'running'",
                (number, step),
            ).fetchone()
        return int(row[0].rsplit(":", 1)[1]) if row else None

    def kill_worker_of(self, number: str, step: str) -> None:
        """Kill -9 the worker that runs this step of this order."""
        pid = self.worker_of(number, step)
        if pid is not None and pid in self._workers():
            os.kill(pid, signal.SIGKILL)
            self.killed_for.add(number)

    def attempts(self) -> dict[str, int]:
        """How many attempts each order took, from our own timeline."""
        with psycopg.connect(self._database, connect_timeout=3) as connection:
            rows = connection.execute(
                "SELECT orders.external_id, sum(attempts.times)::int FROM attempts"
                " JOIN orders ON orders.id = attempts.order_id GROUP BY 1"
            ).fetchall()
        return dict(rows)

    def _get(self, url: str) -> Any:
        answer = self._http.get(url, timeout=TIMEOUT_S)
        answer.raise_for_status()
        return answer.json()

    def _post(self, url: str, body: dict[str, Any]) -> None:
        self._http.post(url, json=body, timeout=TIMEOUT_S).raise_for_status()
