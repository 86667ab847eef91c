"""What happens to an order so that every kind of write is made, and where a worker dies in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pipeline.finances.store import Transactions
from pipeline.operations.acts.ship import Parcel, ShipmentRequests
from sandbox.amazon.builders import Line, a_line, an_order
from tests.builders import ACCOUNT, a_vault
from tests.system.matrix_world import World
from tests.tasks.jobs.refund_world import a_refund

NUMBER = "028-0000001-0000001"
SKU, UNKNOWN = "MUG-BLUE", "MUG-NEW"
Act = Callable[[World], None]


@dataclass(frozen=True, slots=True)
class Story:
    """An order's life. After each act the news come and workers take the order as far as it goes.

    `ends` is the step and status that it comes to.
    """

    name: str
    acts: Sequence[Act]
    ends: tuple[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """A write, in words and as the ledger names it, and the act of the story that leads to it.

    `route` is the stand-in's for it, where the write takes more than one call.
    """

    words: str
    story: Story
    act: int
    kind: str
    key_end: str = ""
    route: str = ""


def placed(*lines: Line, status: str = "UNSHIPPED") -> Act:
    """The buyer orders."""

    def act(world: World) -> None:
        world.tell("magento", "products", sku=SKU, qty=100)
        world.tell("amazon", "orders", order=an_order(NUMBER, lines=lines, status=status))

    return act


def moved(status: str) -> Act:
    """Amazon changes the order's status."""
    return lambda world: world.change(fulfillment={"fulfillmentStatus": status})


def reduced(*lines: Line) -> Act:
    """Amazon cancels a part of the order."""

    def act(world: World) -> None:
        now = an_order(NUMBER, lines=lines)
        world.change(orderItems=now["orderItems"], proceeds=now["proceeds"])

    return act


def shipped(world: World) -> None:
    """The warehouse ships all of it."""
    track = {"carrier_code": "ups", "title": "UPS", "track_number": "1Z001"}
    entity_id = world.in_magento()["entity_id"]
    world.tell("magento", "ship", entity_id=entity_id, tracks=[track])


def wished(world: World) -> None:
    """A person has it shipped from here."""
    shipment_requests = ShipmentRequests(world.sessions, a_vault(), "otto", world.clock())
    shipment_requests.ask(world.order().id, Parcel("ups", "1Z001"))


def refunded(world: World) -> None:
    """Amazon shows that the buyer got a part of the money back, days ago."""
    shown = a_refund(NUMBER, "R-1", "5.00", world.clock() - timedelta(days=3))
    Transactions(world.sessions).store(ACCOUNT, [shown], world.clock())


def nothing(world: World) -> None:
    """Only the news come."""


LEAVE = {"invoice": "leave"}
CANCELLED = ("ship_order", "cancelled")
WAITS = ("ship_order", "waiting")

FULFILLED = Story(
    "fulfilled by the merchant",
    (placed(a_line(SKU, 2, tax="3.80"), a_line(UNKNOWN)), shipped),
    ("sync_tracking", "done"),
    {
        "customers": "create",
        "welcome_mail": "accept",
        "unknown_sku": "placeholder",
        "order_status": "amazon_paid",
    },
)
CANCELLED_OPEN = Story("cancelled", (placed(a_line(SKU, 2)), moved("CANCELLED")), CANCELLED, LEAVE)
CANCELLED_PAID = Story(
    "cancelled after the invoice", (placed(a_line(SKU, 2)), moved("CANCELLED")), CANCELLED
)
# A third of this tax is not in whole cents, so that the first credit memo cannot be exact.
REDUCED_PAID = Story(
    "a part cancelled after the invoice",
    (
        placed(a_line(SKU, 3, unit="3.33", discount="1.00", tax="1.90")),
        reduced(a_line(SKU, 2, unit="3.33", discount="0.67", tax="1.27")),
    ),
    WAITS,
)
REDUCED_OPEN = Story(
    "a part cancelled", (placed(a_line(SKU, 3)), reduced(a_line(SKU, 2))), WAITS, LEAVE
)
PENDING = Story(
    "stock held while Amazon checks the payment",
    (placed(a_line(SKU, 2), status="PENDING"), moved("UNSHIPPED")),
    WAITS,
    {"pending_orders": "reserve"},
)
SHIPPED_HERE = Story(
    "shipped from here", (placed(a_line(SKU, 2)), wished, nothing), ("sync_tracking", "done")
)
REFUNDED = Story(
    "refunded at Amazon",
    (placed(a_line(SKU, 2)), refunded),
    WAITS,
    {"refunds_from_amazon": "credit_memo"},
)
REFUND_NOTED = Story("refunded at Amazon, noted", (placed(a_line(SKU, 2)), refunded), WAITS)
SHIPPING = ("ship_order", "sync_tracking")
"""The steps that an order fulfilled by the merchant takes in its second act."""
STORIES = (
    *(FULFILLED, SHIPPED_HERE, CANCELLED_OPEN, CANCELLED_PAID, REDUCED_PAID, REDUCED_OPEN),
    *(PENDING, REFUNDED, REFUND_NOTED),
)

_PENDING = "stock of a pending order: "
PLACES = (
    Place("product that holds a place", FULFILLED, 0, "product"),
    Place("customer", FULFILLED, 0, "customer"),
    Place("order", FULFILLED, 0, "order"),
    Place("its reservation: cancelled with marks", FULFILLED, 0, "reservation"),
    Place("its reservation: reopened", FULFILLED, 0, "reopening"),
    Place("invoice", FULFILLED, 0, "invoice"),
    Place("status", FULFILLED, 0, "status"),
    Place("shipment confirmation to Amazon", FULFILLED, 1, "shipment confirmation"),
    Place("comment", FULFILLED, 1, "comment"),
    Place("shipment that was asked for here", SHIPPED_HERE, 1, "shipment"),
    Place("cancellation, not invoiced", CANCELLED_OPEN, 1, "cancellation"),
    Place("cancellation, invoiced: credit memo", CANCELLED_PAID, 1, "credit memo", route="refund"),
    Place("part cancelled, invoiced: credit memo", REDUCED_PAID, 1, "credit memo"),
    Place("its last cents: credit memo", REDUCED_PAID, 1, "credit memo", ":rest"),
    Place("part cancelled, not invoiced: marked", REDUCED_OPEN, 1, "marking"),
    Place("its stock given back: cancelled", REDUCED_OPEN, 1, "partial cancellation"),
    Place("its quantities and totals lowered", REDUCED_OPEN, 1, "lowering"),
    Place("refunded at Amazon: credit memo", REFUNDED, 1, "credit memo"),
    Place("refunded at Amazon: noted", REFUND_NOTED, 1, "comment"),
    Place("pending order's stock: order", PENDING, 0, f"{_PENDING}create"),
    Place("pending order's stock: cancelled with marks", PENDING, 0, f"{_PENDING}reserve"),
    Place("pending order's stock: reopened", PENDING, 0, f"{_PENDING}reopen"),
    Place("pending order's stock: on hold", PENDING, 0, f"{_PENDING}hold"),
    Place("pending order's stock: off hold", PENDING, 1, f"{_PENDING}unhold"),
    Place("pending order's stock: let go", PENDING, 1, f"{_PENDING}end"),
)
