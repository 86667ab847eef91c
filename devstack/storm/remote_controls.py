"""Both stand-ins through their control routes, which no fault touches."""

from __future__ import annotations

from typing import Any

import requests

TIMEOUT_S = 30


class Controls:
    """What people can do at the two remotes, and what one sees there."""

    def __init__(self, amazon: str, magento: str) -> None:
        self._urls = {"amazon": f"{amazon}/_control", "magento": f"{magento}/_control"}
        self._http = requests.Session()

    def shop(self) -> list[dict[str, Any]]:
        """Every order of the shop."""
        return list(self.ask("magento", "orders"))

    def amazon(self) -> dict[str, dict[str, Any]]:
        """Every order of Amazon's, by number."""
        orders = self.ask("amazon", "orders")["orders"]
        return {order["order"]["orderId"]: order["order"] for order in orders}

    def memos(self) -> list[dict[str, Any]]:
        """Every credit memo of the shop."""
        return list(self.ask("magento", "creditmemos"))

    def refunds(self) -> dict[str, Any]:
        """Every refund that Amazon has paid, and the sums by order."""
        return dict(self.ask("amazon", "refunds"))

    def make_memo(self, asked: dict[str, Any]) -> int:
        """A clerk makes a credit memo; its id."""
        return int(self.tell("magento", "refund", **asked)["creditmemo_id"])

    def refund_at_amazon(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Somebody refunds an order at Amazon."""
        return dict(self.tell("amazon", "refunds", **asked))

    def break_remote(self, remote: str, fault: dict[str, Any]) -> None:
        """Have a stand-in fail its next calls."""
        self.tell(remote, "faults", **fault)

    def clear(self) -> None:
        """The storm is over: no fault is left."""
        for control in self._urls.values():
            self._http.delete(f"{control}/faults", timeout=TIMEOUT_S).raise_for_status()

    def set_clock(self, remote: str, offset_s: float) -> None:
        """A remote's clock shows another time than the machine's."""
        self.tell(remote, "clock", offset_s=offset_s)

    def ask(self, remote: str, what: str) -> Any:
        answer = self._http.get(f"{self._urls[remote]}/{what}", timeout=TIMEOUT_S)
        answer.raise_for_status()
        return answer.json()

    def tell(self, remote: str, what: str, **body: Any) -> Any:
        answer = self._http.post(f"{self._urls[remote]}/{what}", json=body, timeout=TIMEOUT_S)
        answer.raise_for_status()
        return answer.json()
