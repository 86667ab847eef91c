"""The people who give buyers their money back: clerks by credit memos, others at Amazon itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from devstack.storm.plan import Fate, Money, Planned
from devstack.storm.remote_controls import Controls

_BY_MEMO = (Money.ALL, Money.UNIT, Money.SHIPPING, Money.TWICE, Money.BOTH)
_AT_AMAZON = (Money.AT_AMAZON, Money.PART_AT_AMAZON, Money.BOTH)
_A_PART = "0.50"


class Refunders:
    """All who refund. `memos` and `at_amazon` are what each has made so far, by order."""

    def __init__(self, controls: Controls, planned: Sequence[Planned]) -> None:
        self._controls = controls
        self._planned = [order for order in planned if order.money is not Money.KEPT]
        self.cancelled = {order.number for order in planned if order.fate is Fate.CANCELLED}
        self.memos: dict[str, list[int]] = {}
        self.at_amazon: dict[str, list[str]] = {}

    @property
    def is_done(self) -> bool:
        """Whether everybody has given back all that is planned."""
        return all(
            len(self.memos.get(order.number, ())) == memos_of(order)
            and len(self.at_amazon.get(order.number, ())) == (order.money in _AT_AMAZON)
            for order in self._planned
        )

    @property
    def standing(self) -> str:
        """How far it has come, in a few words."""
        memos, others = (sum(map(len, made.values())) for made in (self.memos, self.at_amazon))
        return f"{memos} credit memos, {others} refunded at Amazon"

    def act(self, shop: Iterable[Mapping[str, Any]]) -> None:
        """Refund the orders that Amazon counts as shipped."""
        in_shop = {str(order["ext_order_id"]): order for order in shop}
        amazon, paid = self._controls.amazon(), self._controls.refunds()["paid"]
        for order in self._planned:
            entity = in_shop.get(order.number)
            status = amazon.get(order.number, {}).get("fulfillment", {}).get("fulfillmentStatus")
            if entity is None or entity["state"] not in ("complete", "closed"):
                continue
            if status != "SHIPPED":
                continue
            made = len(self.memos.get(order.number, ()))
            if made < memos_of(order):
                self._make_memo(order, entity, made)
                continue
            # Amazon's rest is what is left after the clerk's refund has come there.
            is_time = order.money is not Money.BOTH or order.number in paid
            if order.money in _AT_AMAZON and is_time and order.number not in self.at_amazon:
                self._refund_at_amazon(order)

    def _make_memo(self, order: Planned, entity: Mapping[str, Any], made: int) -> None:
        asked: dict[str, Any] = {"entity_id": entity["entity_id"]}
        first = max(entity["items"], key=lambda item: item["qty_ordered"])
        match order.money:
            case Money.UNIT | Money.TWICE | Money.BOTH if not made:
                asked["items"] = [{"order_item_id": first["item_id"], "qty": 1}]
                asked["arguments"] = {"shipping_amount": 0}
            case Money.SHIPPING:
                asked["items"] = [{"order_item_id": first["item_id"], "qty": 0}]
        self.memos.setdefault(order.number, []).append(self._controls.make_memo(asked))

    def _refund_at_amazon(self, order: Planned) -> None:
        asked: dict[str, Any] = {"order_id": order.number}
        if order.fate is Fate.BY_AMAZON:
            asked["by"] = "AMAZON"
        if order.money is Money.PART_AT_AMAZON:
            item_id = order.order["orderItems"][0]["orderItemId"]
            asked["items"] = [{"order_item_id": item_id, "components": {"Principal": _A_PART}}]
        refund = self._controls.refund_at_amazon(asked)
        self.at_amazon.setdefault(order.number, []).append(str(refund["refundId"]))


def memos_of(order: Planned) -> int:
    """How many credit memos clerks make of an order."""
    return 2 if order.money is Money.TWICE else int(order.money in _BY_MEMO)


def total(amounts: Iterable[Any]) -> Decimal:
    """The sum of amounts as a remote writes them."""
    return sum((Decimal(str(amount)) for amount in amounts), Decimal(0)).quantize(Decimal("0.01"))
