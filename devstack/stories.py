"""The orders the demo plays: each a small story with what must have become of it in the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from devstack.world import World
from sandbox.amazon.builders import a_line, an_order

FRANCE, ITALY = "A13V1IB3VIYZZH", "APJ6JRA9NG5V4"


@dataclass(frozen=True)
class Act:
    """Something somebody does once: `when` it may happen, and how to tell that it has (`done`)."""

    label: str
    when: Callable[[World, str], bool]
    do: Callable[[World, str], None]
    done: Callable[[World, str], bool]


@dataclass(frozen=True)
class End:
    """What the stand-ins must show in the end. `magento` None means: no Magento order at all."""

    amazon: str
    magento: str | None
    tracking: tuple[str, ...] = ()
    is_guest: bool = True
    number: str | None = None
    why: str = ""


@dataclass(frozen=True)
class Story:
    """One order from its placing to its end."""

    title: str
    number: str
    order: dict[str, Any]
    end: End
    acts: Sequence[Act] = ()
    faults: Sequence[tuple[str, dict[str, Any]]] = field(default=())


def ships(*parts: tuple[str, dict[str, int] | None]) -> list[Act]:
    """The warehouse ships packages one after the other: (tracking number, quantities by SKU)."""
    acts = []
    for place, (tracking, quantities) in enumerate(parts):

        def do(
            world: World,
            number: str,
            tracking: str = tracking,
            quantities: dict[str, int] | None = quantities,
        ) -> None:
            world.ship(number, tracking, quantities)

        def may(world: World, number: str, place: int = place) -> bool:
            order = world.magento_order(number)
            confirmed = len(world.confirmations(number))
            return order is not None and order["status"] == "processing" and confirmed == place

        def has(world: World, number: str, tracking: str = tracking) -> bool:
            return tracking in world.tracking_in_magento(number)

        acts.append(Act(f"ships {tracking}", may, do, has))
    return acts


def becomes(status: str, when: Callable[[World, str], bool]) -> Act:
    """Amazon changes the order's status."""
    return Act(
        f"Amazon: {status.lower()}",
        when,
        lambda world, number: world.move(number, status),
        lambda world, number: world.amazon_status(number) == status,
    )


def seen(seconds: float) -> Callable[[World, str], bool]:
    """The order has been at Amazon for a while."""
    return lambda world, number: world.age_s(number) >= seconds


def in_magento(world: World, number: str) -> bool:
    """The Magento order exists and has its invoice."""
    order = world.magento_order(number)
    return order is not None and order["status"] == "processing"


def stories() -> list[Story]:
    """The day of orders, the same each time."""
    fbm = End("SHIPPED", "complete")
    return [
        _plain(),
        Story(
            "FBM: 3 pieces, promotion, gift wrap, shipping, tax",
            "302-0000002-0000002",
            an_order(
                "302-0000002-0000002",
                lines=[
                    a_line(
                        "TEE-M",
                        3,
                        unit="19.99",
                        discount="6.00",
                        gift_wrap="3.50",
                        shipping="4.99",
                        tax="10.25",
                        shipping_tax="0.95",
                        gift_wrap_tax="0.67",
                        gift_message="Happy birthday",
                    )
                ],
            ),
            _shipped("1Z00000002"),
            ships(("1Z00000002", None)),
        ),
        Story(
            "FBM: Pending for a while, then Unshipped",
            "302-0000003-0000003",
            an_order("302-0000003-0000003", status="PENDING", lines=[a_line("POSTER", 2)]),
            _shipped("1Z00000003"),
            [becomes("UNSHIPPED", seen(6)), *ships(("1Z00000003", None))],
        ),
        Story(
            "FBM: Pending, then cancelled",
            "302-0000004-0000004",
            an_order("302-0000004-0000004", status="PENDING", lines=[a_line("POSTER", 1)]),
            End("CANCELLED", None, why="never reached Magento"),
            [becomes("CANCELLED", seen(6))],
        ),
        Story(
            "FBM: cancelled on Amazon after the Magento order",
            "302-0000005-0000005",
            an_order("302-0000005-0000005", lines=[a_line("LAMP", 1, unit="49.00")]),
            End("CANCELLED", "closed", why="its invoice was taken back"),
            [becomes("CANCELLED", in_magento)],
        ),
        Story(
            "FBM: two packages",
            "302-0000006-0000006",
            an_order(
                "302-0000006-0000006",
                lines=[a_line("CHAIR", 2, unit="120.00", shipping="19.90"), a_line("LAMP", 1)],
            ),
            _shipped("1Z00000061", "1Z00000062"),
            ships(("1Z00000061", {"CHAIR": 1}), ("1Z00000062", {"CHAIR": 1, "LAMP": 1})),
        ),
        *(
            Story(
                f"FBM: customer account, {which} order of one e-mail address",
                number,
                an_order(
                    number,
                    marketplace=FRANCE,
                    lines=[a_line("MUG-RED", 1)],
                    email="buyer-7@marketplace.amazon.example",
                ),
                _shipped(f"1Z0000000{number[-1]}", is_guest=False),
                ships((f"1Z0000000{number[-1]}", None)),
            )
            for which, number in (
                ("first", "302-0000007-0000007"),
                ("second", "302-0000008-0000008"),
            )
        ),
        Story(
            "FBA: shipped by Amazon",
            "302-0000009-0000009",
            an_order(
                "302-0000009-0000009",
                status="SHIPPED",
                fulfilled_by="AMAZON",
                lines=[a_line("FBA-1", 2, unit="15.00", tax="5.70")],
            ),
            End("SHIPPED", "complete", why="own stock untouched"),
        ),
        Story(
            "FBA: not shipped yet",
            "302-0000010-0000010",
            an_order(
                "302-0000010-0000010",
                fulfilled_by="AMAZON",
                lines=[a_line("FBA-1", 1, unit="15.00")],
            ),
            End("UNSHIPPED", None, why="not imported before Amazon ships"),
        ),
        Story(
            "FBM: unknown SKU, added while it waits",
            "302-0000011-0000011",
            an_order("302-0000011-0000011", lines=[a_line("NEW-IN", 1, unit="8.50")]),
            _shipped("1Z00000011"),
            [
                Act(
                    "product added",
                    seen(8),
                    lambda world, _: world.add_product("NEW-IN", 25),
                    lambda world, _: world.has_product("NEW-IN"),
                ),
                *ships(("1Z00000011", None)),
            ],
        ),
        Story(
            "FBM: out of stock, delivered while it waits",
            "302-0000012-0000012",
            an_order("302-0000012-0000012", lines=[a_line("OUT-1", 2, unit="5.00")]),
            _shipped("1Z00000012"),
            [
                Act(
                    "stock delivered",
                    seen(8),
                    lambda world, _: world.restock("OUT-1", 10),
                    lambda world, _: world.salable("OUT-1") > 0,
                ),
                *ships(("1Z00000012", None)),
            ],
        ),
        Story(
            "FBM: disabled product, enabled while it waits",
            "302-0000013-0000013",
            an_order("302-0000013-0000013", lines=[a_line("OFF-1", 1, unit="7.00")]),
            _shipped("1Z00000013"),
            [
                Act(
                    "product enabled",
                    seen(8),
                    lambda world, _: world.enable("OFF-1"),
                    lambda world, number: world.magento_order(number) is not None,
                ),
                *ships(("1Z00000013", None)),
            ],
        ),
        Story(
            "Magento cut off after it saved the order",
            "302-0000014-0000014",
            an_order("302-0000014-0000014", lines=[a_line("MUG-BLUE", 1)]),
            _shipped("1Z00000014", why="one order in the end"),
            ships(("1Z00000014", None)),
            [
                ("magento", {"route": "create_order", "kind": "cut_after"}),
                ("magento", {"route": "create_order", "kind": "status", "status": 500}),
            ],
        ),
        Story(
            "Amazon answers 429 and an HTML 503",
            "302-0000015-0000015",
            an_order("302-0000015-0000015", lines=[a_line("MUG-BLUE", 2)]),
            _shipped("1Z00000015"),
            ships(("1Z00000015", None)),
            [
                (
                    "amazon",
                    {"route": "confirm_shipment", "kind": "status", "status": 429, "times": 2},
                ),
                ("amazon", {"route": "confirm_shipment", "kind": "html", "times": 3}),
            ],
        ),
        Story(
            "A worker killed while Magento creates the order",
            "302-0000016-0000016",
            an_order("302-0000016-0000016", lines=[a_line("TEE-L", 2, unit="21.00")]),
            _shipped("1Z00000016", why="one order in the end"),
            [
                Act(
                    "worker killed (-9)",
                    lambda world, number: world.worker_of(number, "create_order") is not None,
                    lambda world, number: world.kill_worker_of(number, "create_order"),
                    lambda world, number: number in world.killed_for,
                ),
                *ships(("1Z00000016", None)),
            ],
            [("magento", {"route": "create_order", "kind": "delay", "seconds": 2.5})],
        ),
        Story(
            "FBM: Amazon's number as Magento's, tax inside the price",
            "302-0000017-0000017",
            an_order(
                "302-0000017-0000017",
                marketplace=ITALY,
                tax_included=True,
                lines=[a_line("LAMP", 2, unit="24.40", tax="8.80")],
            ),
            _shipped("1Z00000017", number="AMZ-302-0000017-0000017"),
            ships(("1Z00000017", None)),
        ),
        Story(
            "FBM: shipped before it was ever seen",
            "302-0000018-0000018",
            an_order("302-0000018-0000018", status="SHIPPED", lines=[a_line("POSTER", 3)]),
            fbm,
        ),
    ]


def _plain() -> Story:
    return Story(
        "FBM: plain",
        "302-0000001-0000001",
        an_order("302-0000001-0000001", lines=[a_line("MUG-BLUE", 1, shipping="4.99")]),
        _shipped("1Z00000001"),
        ships(("1Z00000001", None)),
    )


def _shipped(
    *tracking: str, is_guest: bool = True, number: str | None = None, why: str = ""
) -> End:
    return End("SHIPPED", "complete", tracking, is_guest, number, why)
