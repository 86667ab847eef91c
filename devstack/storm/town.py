"""The people around the storm: buyers who order, clerks who ship, Amazon that cancels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import requests

from devstack.storm.plan import AMAZONS_GOODS, GOODS, IN_STOCK, Fate, Planned

TIMEOUT_S = 30
SHIPPED_BY_US = (Fate.SHIPPED, Fate.ACCOUNT)


class Town:
    """Both stand-ins through their control routes, which no fault touches."""

    def __init__(self, amazon: str, magento: str, planned: Sequence[Planned]) -> None:
        self._amazon, self._magento = f"{amazon}/_control", f"{magento}/_control"
        self._http = requests.Session()
        self._planned = planned
        self._placed = 0
        self._cancelled: set[str] = set()
        self._shipped: set[str] = set()
        self._fates = {order.number: order.fate for order in planned}

    def open(self) -> None:
        """Fill the shelves."""
        for sku in (*GOODS, AMAZONS_GOODS):
            self._tell(f"{self._magento}/products", sku=sku, qty=IN_STOCK)

    def act(self, now_s: float) -> None:
        """Do all that it is time for."""
        while self._placed < len(self._planned) and self._planned[self._placed].at_s <= now_s:
            self._tell(f"{self._amazon}/orders", order=self._planned[self._placed].order)
            self._placed += 1
        for order in self._planned[: self._placed]:
            if (
                order.fate is Fate.CANCELLED
                and order.cancelled_at_s <= now_s
                and order.number not in self._cancelled
            ):
                self._tell(f"{self._amazon}/orders/{order.number}/status", status="CANCELLED")
                self._cancelled.add(order.number)

    @property
    def is_done(self) -> bool:
        """Whether everybody has done all there was to do."""
        fates = list(self._fates.values())
        return (
            self._placed == len(self._planned)
            and len(self._cancelled) == fates.count(Fate.CANCELLED)
            and len(self._shipped) == sum(fates.count(fate) for fate in SHIPPED_BY_US)
        )

    @property
    def standing(self) -> str:
        """How far it has come, in a line."""
        return f"{self._placed} placed, {len(self._shipped)} shipped"

    def ship(self) -> None:
        """Ship what stands ready: a clerk does so once an order is paid."""
        for order in self.shop():
            number = str(order["ext_order_id"])
            ready = order["state"] == "processing" and order["invoices"]
            if ready and self._fates.get(number) in SHIPPED_BY_US and not order["shipments"]:
                track = {"carrier_code": "ups", "title": "UPS", "track_number": tracking(number)}
                self._tell(f"{self._magento}/ship", entity_id=order["entity_id"], tracks=[track])
                self._shipped.add(number)

    def break_remote(self, remote: str, fault: dict[str, Any]) -> None:
        """Have a stand-in fail its next calls."""
        self._tell(f"{self._amazon if remote == 'amazon' else self._magento}/faults", **fault)

    def clear(self) -> None:
        """The storm is over: no fault is left."""
        for control in (self._amazon, self._magento):
            self._http.delete(f"{control}/faults", timeout=TIMEOUT_S).raise_for_status()

    def shop(self) -> list[dict[str, Any]]:
        """Every order of the shop."""
        return list(self._ask(f"{self._magento}/orders"))

    def amazon(self) -> dict[str, dict[str, Any]]:
        """Every order of Amazon's, by number."""
        orders = self._ask(f"{self._amazon}/orders")["orders"]
        return {order["order"]["orderId"]: order["order"] for order in orders}

    def mails(self) -> list[dict[str, Any]]:
        """What the shop has sent to customers."""
        return list(self._ask(f"{self._magento}/mails"))

    def stock(self, sku: str) -> dict[str, float]:
        """Source quantity, sum of reservations and salable quantity."""
        return dict(self._ask(f"{self._magento}/stock/{sku}"))

    def set_clock(self, offset_s: float) -> None:
        """Amazon's clock goes wrong."""
        self._tell(f"{self._amazon}/clock", offset_s=offset_s)

    def _ask(self, url: str) -> Any:
        answer = self._http.get(url, timeout=TIMEOUT_S)
        answer.raise_for_status()
        return answer.json()

    def _tell(self, url: str, **body: Any) -> None:
        self._http.post(url, json=body, timeout=TIMEOUT_S).raise_for_status()


def tracking(number: str) -> str:
    """The tracking number of an order's parcel."""
    return "1Z" + number.replace("-", "")
