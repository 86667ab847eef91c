"""The step `create_order` against the stand-in and a real ledger, by one worker after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pipeline.base.db import Sessions
from pipeline.base.errors import OutcomeUnknown, Transient
from pipeline.magento.client import Magento
from pipeline.orders.ledger import Ledger
from pipeline.orders.outcome import Done, Outcome
from pipeline.orders.tables import Order
from tasks.engine.runner import Step
from tests.builders import NOW, a_raw_item, a_raw_order, an_item, an_order, stored
from tests.magento.standing_in import StandIn, client_of
from tests.tasks.as_run import create_order
from tests.tasks.fakes import clients

SETTLED = timedelta(seconds=76)


def a_line(item_id: str, sku: str, quantity: int, fulfilled: int = 0) -> dict[str, Any]:
    """A line of Amazon's, 10.00 a piece."""
    total = {"amount": f"{10 * quantity}.00", "currencyCode": "EUR"}
    return a_raw_item(
        orderItemId=item_id,
        quantityOrdered=quantity,
        product={
            "asin": "B000000001",
            "title": sku,
            "sellerSku": sku,
            "price": {"unitPrice": {"amount": "10.00", "currencyCode": "EUR"}},
        },
        proceeds={"proceedsTotal": total, "breakdowns": [{"type": "ITEM", "subtotal": total}]},
        fulfillment={
            "quantityFulfilled": fulfilled,
            "quantityUnfulfilled": quantity - fulfilled,
        },
    )


@dataclass
class Place:
    """An order of Amazon's on its way into the shop.

    `run` is one worker that begins with nothing but the database, the shop and Amazon's facts.
    """

    shop: StandIn
    sessions: Sessions
    lines: Sequence[Mapping[str, Any]]
    status: str = "UNSHIPPED"
    fulfilled_by: str = "MERCHANT"
    settings: Mapping[str, Any] = field(default_factory=dict)
    version: str = "2.4.7"
    now: datetime = NOW
    waits: int = 0
    client: Magento | None = None
    steps: Sequence[Step] = (create_order,)
    without_product: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        total = sum(
            (Decimal(line["proceeds"]["proceedsTotal"]["amount"]) for line in self.lines),
            Decimal(0),
        )
        self.raw = a_raw_order(
            status=self.status,
            fulfilled_by=self.fulfilled_by,
            orderItems=list(self.lines),
            proceeds={"grandTotal": {"amount": f"{total:.2f}", "currencyCode": "EUR"}},
        )
        self.id = stored(self.sessions, an_order(raw=self.raw))
        self.total = total

    def run(self) -> tuple[Outcome, Order]:
        """One run of the step, or of several. Raises what they raise."""
        raw = {
            **self.raw,
            "fulfillment": {**self.raw["fulfillment"], "fulfillmentStatus": self.status},
        }
        magento = self.client or client_of(self.shop.url)
        skus = {line["product"]["sellerSku"] for line in self.lines}
        is_alone = self.steps == (create_order,)
        looked_up = skus - self.without_product if is_alone else set[str]()
        products = magento.catalog.products(looked_up, "default")
        order = an_order(
            raw=raw,
            id=self.id,
            items=[
                an_item(
                    external_item_id=line["orderItemId"],
                    sku=(sku := line["product"]["sellerSku"]),
                    quantity=line["quantityOrdered"],
                    product=products[sku].as_json() if sku in products else None,
                )
                for line in self.lines
            ],
        )
        ledger = Ledger(self.sessions, lambda: self.now)
        ready = clients(shop=magento, ledger=ledger, **self.settings)
        shops = {
            name: shop.model_copy(update={"version": self.version})
            for name, shop in ready.settings.shops.items()
        }
        settings = ready.settings.model_copy(update={"shops": shops})
        ready = replace(ready, settings=settings, in_force=lambda: settings, now=lambda: self.now)
        outcome: Outcome = Done()
        for step in self.steps:
            outcome = step(order, ready)
            if not isinstance(outcome, Done):
                break
        return outcome, order

    def through(self) -> tuple[Outcome, Order]:
        """Run it until a worker comes to an end, each a while after the one before."""
        last: Exception | None = None
        for _ in range(5):
            try:
                return self.run()
            except (OutcomeUnknown, Transient) as error:
                last = error
                self.waits += 1
                self.now += SETTLED
        raise AssertionError("no worker came to an end") from last
