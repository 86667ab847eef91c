"""The people around the storm: buyers who order, clerks who ship, Amazon that cancels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from devstack.storm.plan import AMAZONS_GOODS, GOODS, IN_STOCK, Fate, Planned
from devstack.storm.refunds import Refunders
from devstack.storm.remote_controls import Controls

SHIPPED_BY_US = (Fate.SHIPPED, Fate.ACCOUNT)


class Town:
    """Everybody, and what they do at the two remotes."""

    def __init__(self, controls: Controls, planned: Sequence[Planned]) -> None:
        self.controls = controls
        self.refunders = Refunders(controls, planned)
        self._planned = planned
        self._placed = 0
        self._cancelled: set[str] = set()
        self._shipped: set[str] = set()
        self._fates = {order.number: order.fate for order in planned}

    def open(self) -> None:
        """Fill the shelves."""
        for sku in (*GOODS, AMAZONS_GOODS):
            self.controls.tell("magento", "products", sku=sku, qty=IN_STOCK)

    def act(self, now_s: float) -> None:
        """Do all that it is time for."""
        while self._placed < len(self._planned) and self._planned[self._placed].at_s <= now_s:
            self.controls.tell("amazon", "orders", order=self._planned[self._placed].order)
            self._placed += 1
        for order in self._planned[: self._placed]:
            if (
                order.fate is Fate.CANCELLED
                and order.cancelled_at_s <= now_s
                and order.number not in self._cancelled
            ):
                self.controls.tell("amazon", f"orders/{order.number}/status", status="CANCELLED")
                self._cancelled.add(order.number)

    @property
    def is_done(self) -> bool:
        """Whether everybody has done all there was to do, but for refunds."""
        fates = list(self._fates.values())
        return (
            self._placed == len(self._planned)
            and len(self._cancelled) == fates.count(Fate.CANCELLED)
            and len(self._shipped) == sum(fates.count(fate) for fate in SHIPPED_BY_US)
        )

    @property
    def standing(self) -> str:
        """How far it has come, in a line."""
        return f"{self._placed} placed, {len(self._shipped)} shipped, {self.refunders.standing}"

    def work(self, *, refunds: bool) -> None:
        """Clerks ship what stands ready, once an order is paid, and refund what was shipped."""
        orders = self.controls.shop()
        for order in orders:
            self._ship(order)
        if refunds:
            self.refunders.act(orders)

    def _ship(self, order: dict[str, Any]) -> None:
        number = str(order["ext_order_id"])
        ready = order["state"] == "processing" and order["invoices"]
        if ready and self._fates.get(number) in SHIPPED_BY_US and not order["shipments"]:
            track = {"carrier_code": "ups", "title": "UPS", "track_number": tracking(number)}
            self.controls.tell("magento", "ship", entity_id=order["entity_id"], tracks=[track])
            self._shipped.add(number)

    def mails(self) -> list[dict[str, Any]]:
        """What the shop has sent to customers."""
        return list(self.controls.ask("magento", "mails"))

    def stock(self, sku: str) -> dict[str, float]:
        """Source quantity, sum of reservations and salable quantity."""
        return dict(self.controls.ask("magento", f"stock/{sku}"))


def tracking(number: str) -> str:
    """The tracking number of an order's parcel."""
    return "1Z" + number.replace("-", "")
