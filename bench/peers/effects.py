"""What is done for an order: calls to the remotes, and a row of its own."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import psycopg
import requests

TABLE = """
CREATE TABLE IF NOT EXISTS peer_orders (
    number text PRIMARY KEY, report text NOT NULL, state text NOT NULL, entity_id bigint)
"""
FIELDS = (
    "entity_id,increment_id,ext_order_id,store_id,state,status,grand_total,"
    "items[item_id,sku,ext_order_item_id,qty_ordered,qty_shipped,qty_invoiced,qty_canceled],"
    "base_grand_total,payment[entity_id,method],extension_attributes[payment_additional_info]"
)
_SALABLE = "/inventory/are-product-salable-for-requested-qty/"


@dataclass(slots=True)
class Effects:
    """The calls of an order. Each thread has connections of its own."""

    url: str
    database_url: str
    _own: threading.local

    @property
    def http(self) -> requests.Session:
        """This thread's kept-alive connections."""
        if not hasattr(self._own, "http"):
            self._own.http = requests.Session()
            self._own.http.trust_env = False
        session: requests.Session = self._own.http
        return session

    @property
    def database(self) -> psycopg.Connection[tuple[Any, ...]]:
        """This thread's connection; each statement commits."""
        if not hasattr(self._own, "database"):
            self._own.database = psycopg.connect(self.database_url, autocommit=True)
        connection: psycopg.Connection[tuple[Any, ...]] = self._own.database
        return connection

    def keep(self, number: str, report: str) -> None:
        """Store the order."""
        self.database.execute(
            "INSERT INTO peer_orders VALUES (%s, %s, 'new', NULL)", [number, report]
        )

    def note(self, number: str, state: str, entity_id: int | None = None) -> None:
        """Store how far the order is."""
        self.database.execute(
            "UPDATE peer_orders SET state = %s, entity_id = coalesce(%s, entity_id)"
            " WHERE number = %s",
            [state, entity_id, number],
        )

    def read(self, number: str) -> dict[str, Any]:
        """Read the order at Amazon."""
        order: dict[str, Any] = self._call("GET", f"/orders/2026-01-01/orders/{number}")["order"]
        return order

    def check_stock(self, order: dict[str, Any]) -> bool:
        """Ask the shop whether the goods are there."""
        sku = order["orderItems"][0]["product"]["sellerSku"]
        told = self._shop("GET", f"{_SALABLE}?stockId=1&skuRequests[0][sku]={sku}")
        return bool(told[0]["salable"])

    def create(self, order: dict[str, Any]) -> int:
        """Create the Magento order."""
        made: dict[str, Any] = self._shop("PUT", "/orders/create", {"entity": _body(order)})
        return int(made["entity_id"])

    def reserve(self, entity_id: int) -> None:
        """Cancel the order, and see that it is cancelled."""
        self._shop("POST", f"/orders/{entity_id}/cancel")
        self._shop("GET", f"/orders/{entity_id}?fields={FIELDS}")

    def reopen(self, entity_id: int) -> None:
        """Save the order as open again, and see that it is."""
        lines = [{"item_id": entity_id, "qty_shipped": 0, "qty_ordered": 1}]
        entity = {
            **{"entity_id": entity_id, "state": "new", "status": "pending", "items": lines},
            "payment": {"method": "amazon", "additional_information": {"method_title": "Amazon"}},
        }
        self._shop("PUT", "/orders/create", {"entity": entity})
        self._shop("GET", f"/orders/{entity_id}?fields={FIELDS}")

    def invoice(self, entity_id: int) -> int:
        """Invoice the order."""
        body = {"capture": True, "notify": False}
        return int(self._shop("POST", f"/order/{entity_id}/invoice", body))

    def confirm(self, number: str, entity_id: int) -> None:
        """Confirm the package to Amazon, after a look at the order there."""
        item = self.read(number)["orderItems"][0]["orderItemId"]
        package = {
            "packageReferenceId": str(entity_id),
            "carrierCode": "UPS",
            "trackingNumber": f"1Z{entity_id:07}",
            "orderItems": [{"orderItemId": item, "quantity": 1}],
        }
        path = f"/orders/v0/orders/{number}/shipmentConfirmation"
        self._call("POST", path, {"marketplaceId": "A1PA6795UKMFR9", "packageDetail": package})

    def comment(self, entity_id: int) -> None:
        """Leave a comment in the shop, and see it there."""
        told = {"comment": f"Told Amazon: 1Z{entity_id:07}", "status": "processing"}
        self._shop("POST", f"/orders/{entity_id}/comments", {"statusHistory": told})
        self._shop("GET", f"/orders/{entity_id}/comments")

    def _shop(self, method: str, path: str, body: Any = None) -> Any:
        return self._call(method, f"/rest/default/V1{path}", body)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        reply = self.http.request(method, f"{self.url}{path}", json=body, timeout=30)
        reply.raise_for_status()
        return reply.json() if reply.content else None


def _body(order: dict[str, Any]) -> dict[str, Any]:
    """As large as a real one, and with all that the stub reads."""
    item, number = order["orderItems"][0], order["orderId"]
    amounts = ("subtotal", "grand_total", "total_due", "tax_amount", "shipping_amount")
    address = {**order["recipient"]["deliveryAddress"], "firstname": "Erika", "lastname": "M."}
    line = {
        **{f"{base}{name}": 11.9 for base in ("", "base_") for name in amounts},
        **{"sku": item["product"]["sellerSku"], "qty_ordered": 1, "qty_shipped": 2},
        **{"ext_order_item_id": item["orderItemId"], "product_type": "simple", "product_id": 16},
    }
    return {
        **{f"{base}{name}": 11.9 for base in ("", "base_", "store_") for name in amounts},
        **{"ext_order_id": number, "store_id": 1, "state": "new", "status": "pending"},
        "items": [line],
        "billing_address": address,
        "payment": {"method": "amazon", "additional_information": {"amazon_order_id": number}},
        "status_histories": [{"comment": f"Amazon order {number}", "status": "pending"}],
        "extension_attributes": {"shipping_assignments": [{"shipping": {"address": address}}]},
    }
