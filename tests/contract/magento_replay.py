"""Sending recorded requests to the Magento stand-in again, each story in a shop of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sandbox.magento.catalog import save_product
from sandbox.magento.order_docs import find_order
from tests.contract.magento_compare import (
    Recording,
    differences,
    differing_rows,
    differing_tables,
    masked,
)
from tests.sandbox.test_magento_auth import BEARER, NOW, Caller, oauth

Setup = Callable[["Replay"], None]

CATALOGUE: tuple[tuple[str, str, float, int, dict[str, Any]], ...] = (
    ("AMZ-SIMPLE-1", "Simple One", 19.99, 100, {}),
    ("AMZ-SIMPLE-2", "Simple Two", 9.99, 10, {}),
    ("AMZ-OOS", "Out of stock", 5, 0, {}),
    ("AMZ-DISABLED", "Disabled", 5, 10, {"status": 2}),
    ("AMZ/SLASH 1", "Slash", 5, 10, {}),
    ("AMZ-FBA", "FBA", 5, 40, {}),
    ("AMZ-CHILD-RED", "Child red", 25, 10, {"visibility": 1}),
    ("AMZ-CHILD-BLUE", "Child blue", 25, 10, {"visibility": 1}),
    ("AMZ-CONF", "Configurable", 0, 0, {"type_id": "configurable"}),
)
MINIMAL: Recording = {
    "request": {
        "body": {
            "entity": {
                "store_id": 1, "state": "processing", "status": "processing", "grand_total": 10,
                "base_grand_total": 10, "customer_email": "m@example.com",
                "items": [
                    {"sku": "AMZ-SIMPLE-1", "qty_ordered": 1, "price": 10, "base_price": 10}
                ],
                "payment": {"method": "checkmo"},
            }
        }
    }
}  # fmt: skip
"""The smallest order that was placed; the recording of it was not kept, only how it reads."""

LEFT_OUT_HEADERS = {
    "70-401-bad-token": {"Authorization": "Bearer no"},
    "73-accept-xml": {"Accept": "application/xml"},
}
"""Headers that the recordings keep no more, as their names and answers say they were."""


@dataclass
class Replay:
    """One story in one shop."""

    magento: Caller
    recordings: dict[str, Recording]
    bulks: dict[str, str] = field(default_factory=dict)
    """Recorded numbers of bulks, each with the one that it has here."""

    def name(self, start: str) -> str:
        """The one recording whose name starts like this."""
        whole = re.compile(re.escape(start) + "(?![a-z0-9])")
        exact = [name for name in self.recordings if whole.match(name)]
        found = exact or [name for name in self.recordings if name.startswith(start)]
        assert len(found) == 1, (start, found)
        return found[0]

    def recording(self, start: str) -> Recording:
        if start == "minimal":
            return MINIMAL
        name = self.name(start)
        return self.recordings[name] | {"name": name}

    def count(self, counter: str, value: int) -> None:
        """Make `value` the next number of a counter."""
        with self.magento.store.transaction() as db:
            db.execute("INSERT OR REPLACE INTO counters VALUES (?, ?)", (counter, value - 1))

    def play(self, start: str) -> list[str]:
        """Send a recorded request and say what differs in the answer, or in the order left."""
        recording = self.recording(start)
        if "rows" in recording:
            return self._kept(recording["rows"])
        self._number(recording)
        status, found = self.exchange(recording)
        self._name_bulk(recording["response"]["body"], found)
        expected = recording["response"]
        faults = []
        if status != expected["status"]:
            faults.append(f"status {status}, recorded {expected['status']}: {found}")
        elif not str(expected["body"]).startswith("<!doctype"):
            faults += differences(masked(expected["body"], recording), masked(found, recording))
        return faults + self._left(recording)

    def exchange(self, recording: Recording) -> tuple[int, Any]:
        sent, name = recording["request"], recording["name"]
        headers = sent["headers"] | LEFT_OUT_HEADERS.get(name, {})
        recorded = headers.get("Authorization", "")
        if recorded == "Bearer ***":
            headers |= BEARER
        path = re.sub(r"[\[\]]", lambda m: f"%{ord(m[0]):X}", sent["path"])
        for theirs, ours in self.bulks.items():
            path = path.replace(theirs, ours)
        url = self.magento.url + path
        if recorded.startswith("OAuth"):
            headers |= self._signed(sent["method"], url, recorded, recording)
        body = sent["body"]
        raw = body if isinstance(body, str) else None if body is None else json.dumps(body)
        answer = self.magento.send(sent["method"], url, raw, headers)
        text = answer.text
        for theirs, ours in self.bulks.items():
            text = text.replace(ours, theirs)
        try:
            return answer.status_code, json.loads(text)
        except ValueError:
            return answer.status_code, text

    def _name_bulk(self, recorded: Any, found: Any) -> None:
        """Remember which bulk is meant, and call it by its recorded number from here on."""
        if isinstance(recorded, dict) and isinstance(found, dict) and "bulk_uuid" in recorded:
            self.bulks[recorded["bulk_uuid"]] = found["bulk_uuid"]
            found["bulk_uuid"] = recorded["bulk_uuid"]

    @staticmethod
    def _signed(method: str, url: str, recorded: str, recording: Recording) -> dict[str, str]:
        fields = dict(re.findall(r'(\w+)="([^"]*)"', recorded))
        invalid = "signature is invalid" in str(recording["response"]["body"])
        old = fields["oauth_timestamp"] == "1795378555"
        return oauth(
            method,
            url,
            at=NOW - timedelta(hours=old),
            nonce=fields["oauth_nonce"],
            algorithm=fields["oauth_signature_method"],
            slash="%2F" if invalid else "/",
        )

    def _number(self, recording: Recording) -> None:
        """Set the counters so that the answer's ids come out as they were recorded."""
        body, path = recording["response"]["body"], recording["request"]["path"]
        document = re.search(r"/order/\d+/(invoice|ship|refund)$", path)
        if document and recording["response"]["status"] == 200:
            names = {"invoice": "invoice", "ship": "shipment", "refund": "creditmemo"}
            self.count(names[document[1]], int(body))
        if not isinstance(body, dict):
            return
        if path.endswith("/customers") and "id" in body:
            self.count("customer", body["id"])
            for address in body["addresses"]:
                self.count("customer address", address["id"])
        if path.endswith("/shipment/track") and "entity_id" in body:
            self.count("track", body["entity_id"])
        if path.endswith("/shipment/") and "entity_id" in body:
            self.count("shipment", body["entity_id"])
            self.count("shipment item", body["items"][0]["entity_id"])
            self.count("track", body["tracks"][0]["entity_id"])
        if re.search(r"/V1/orders(/create)?$", path) and "increment_id" in body:
            self.count("order", body["entity_id"])
            self.count("payment", body["payment"]["entity_id"])
            for item in body["items"][:1]:
                self.count("order item", item["item_id"])
            for entry in body["status_histories"][:1]:
                self.count("order history", entry["entity_id"])
            shipping = body.get("extension_attributes", {}).get("shipping_assignments", [{}])
            address = body.get("billing_address") or shipping[0].get("shipping", {}).get("address")
            if address:
                self.count("order address", address["entity_id"])

    def _kept(self, rows: dict[str, list[dict[str, Any]]]) -> list[str]:
        """Compare the rows of an order with those that were read from the recorded database."""
        with self.magento.store.transaction() as db:
            order = find_order(db, int(rows["order"][0]["entity_id"]))
        faults = differing_rows(order, rows["order"][0], rows["items"])
        for ours, theirs in (
            ([order.billing, order.shipping], rows["addr"]),
            (order.payments, rows["pay"]),
            (order.histories, rows["hist"]),
            (order.taxes, rows["tax"]),
        ):
            faults += differing_tables(ours, theirs)
        return faults

    def _left(self, recording: Recording) -> list[str]:
        """Compare the order in the shop with the rows that were read after the exchange."""
        after = recording.get("db_after", {})
        path = recording["request"]["path"]
        numbered = re.search(r"/orders?/(\d+)/", path)
        with self.magento.store.transaction() as db:
            for row in after.get("sales_order", []):
                exists = db.execute(
                    "SELECT 1 FROM orders WHERE entity_id = ?", (row["entity_id"],)
                ).fetchone()
                if exists:
                    order = find_order(db, int(row["entity_id"]))
                    return differing_rows(order, row, after.get("sales_order_item", []))
            if numbered and after.get("order"):
                order = find_order(db, int(numbered[1]))
                return differing_rows(order, after["order"][0], after["items"])
        return []


def start(magento: Caller) -> None:
    """Empty the shop and put the recorded catalogue into it."""
    magento.store.reset()
    with magento.store.transaction() as db:
        for sku, name, price, qty, more in CATALOGUE:
            stock = {"qty": qty, "is_in_stock": qty > 0}
            sent = {"sku": sku, "name": name, "price": price, "weight": 1} | more
            sent["extension_attributes"] = {"stock_item": stock}
            save_product(db, sent, "2026-11-22 21:02:15")
