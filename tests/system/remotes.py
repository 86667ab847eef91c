"""Both stand-ins through their control routes: as buyers, clerks and carriers use them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import requests

from sandbox.amazon.builders import a_line, an_order

SKU = "SKU-1"


class Remotes:
    """Amazon and the shop of one rig."""

    def __init__(self, amazon: str, magento: str) -> None:
        self._amazon, self._magento = f"{amazon}/_control", f"{magento}/_control"
        self._http = requests.Session()

    def reset(self) -> None:
        """Both as on their first start, with plenty of one product."""
        for control in (self._amazon, self._magento):
            self._tell(f"{control}/reset")
        self._tell(f"{self._magento}/products", sku=SKU, qty=100_000)

    def place(self, order: dict[str, Any]) -> None:
        """A buyer orders."""
        self._tell(f"{self._amazon}/orders", order=order)

    def place_many(self, count: int) -> list[str]:
        """Buyers order one piece each; the numbers of their orders."""
        numbers = [f"305-{one:07}-{one:07}" for one in range(1, count + 1)]
        for number in numbers:
            self.place(an_order(number, lines=[a_line(SKU, tax="1.90")]))
        return numbers

    def move(self, number: str, status: str) -> None:
        """Amazon changes an order's status."""
        self._tell(f"{self._amazon}/orders/{number}/status", status=status)

    def ship(self, number: str, tracking: str, title: str = "UPS") -> None:
        """The warehouse ships all of an order."""
        (order,) = self.magento()[number]
        track = {"carrier_code": "ups", "title": title, "track_number": tracking}
        self._tell(f"{self._magento}/ship", entity_id=order["entity_id"], tracks=[track])

    def change(self, number: str, patch: dict[str, Any]) -> None:
        """Amazon reports something else of an order: a JSON merge patch."""
        url = f"{self._amazon}/orders/{number}"
        self._http.patch(url, json=patch, timeout=10).raise_for_status()

    def refuse_in_feed(self, number: str, words: str) -> None:
        """Amazon refuses the next message of a feed about an order, in these words."""
        self._tell(f"{self._amazon}/orders/{number}/feed_refusal", words=words)

    def memo(self, number: str, comment: str) -> None:
        """A clerk refunds all of an order in the shop, with a comment on the credit memo."""
        (order,) = self.magento()[number]
        said = {"comment": comment, "is_visible_on_front": 0}
        self._tell(f"{self._magento}/refund", entity_id=order["entity_id"], comment=said)

    def refund(self, number: str) -> None:
        """The seller refunds all of an order in Seller Central."""
        self._tell(f"{self._amazon}/refunds", order_id=number)

    def send_back(self, number: str, at: datetime, columns: dict[str, str]) -> None:
        """A buyer returns a unit; `columns` are the report's own."""
        self._tell(
            f"{self._amazon}/returns", order_id=number, at=at.isoformat(), columns=columns
        )  # fmt: skip

    def next_report(self, **fate: Any) -> None:
        """How the next report that is asked for ends, and looks."""
        self._tell(f"{self._amazon}/reports/next", **fate)

    def settle(self, text: str) -> None:
        """Amazon makes a settlement with this text."""
        kind = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
        self._tell(f"{self._amazon}/reports", report_type=kind, text=text)

    def invoices(self) -> dict[str, dict[str, Any]]:
        """The last invoice that Amazon got of each order, taken or refused."""
        told = self._ask(f"{self._amazon}/invoices")["invoices"]
        return {invoice["order_id"]: invoice for invoice in told}

    def set_clock(self, offset_s: float) -> None:
        """Amazon's time, from the machine's."""
        self._tell(f"{self._amazon}/clock", offset_s=offset_s)

    def tell_as(self, number: str, told: Any) -> None:
        """Amazon reports an order as something else, whatever it is."""
        self._tell(f"{self._amazon}/orders/{number}/told", **{"as": told})

    def fail(self, remote: str, **fault: Any) -> None:
        """Have a stand-in fail its next calls."""
        control = self._amazon if remote == "amazon" else self._magento
        self._tell(f"{control}/faults", **fault)

    def magento(self) -> dict[str, list[dict[str, Any]]]:
        """The shop's orders by Amazon's number."""
        found: dict[str, list[dict[str, Any]]] = {}
        for order in self._ask(f"{self._magento}/orders"):
            found.setdefault(order["ext_order_id"], []).append(order)
        return found

    def amazon(self, number: str) -> dict[str, Any]:
        """An order as Amazon has it."""
        order: dict[str, Any] = self._ask(f"{self._amazon}/orders/{number}")["order"]
        return order

    def wrong(self, numbers: Sequence[str]) -> dict[str, list[int]]:
        """Of each order that is not one Magento order with one invoice: the invoices it has."""
        found = self.magento()
        invoices = {
            number: [order["invoices"] for order in found.get(number, [])] for number in numbers
        }
        return {number: counts for number, counts in invoices.items() if counts != [1]}

    def _ask(self, url: str) -> Any:
        answer = self._http.get(url, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def _tell(self, url: str, **body: Any) -> None:
        self._http.post(url, json=body, timeout=10).raise_for_status()
