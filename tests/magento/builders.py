"""Hand-written orders, amounts and shops for the Magento tests. All people are made up."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pipeline.magento.order.body import OrderShape, build
from pipeline.magento.records import Product, Region, StoreView
from pipeline.orders.amounts import Amounts, LineAmounts
from pipeline.orders.channel_order import Address, ChannelOrder, FulfilledBy, Line

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STORE = StoreView(1, "default", 1, "base", "EUR", "DE")
CALIFORNIA = Region(12, "CA", "California")
MUG = Product(1, "MUG-BLUE", "Blue mug", "simple", True, Decimal("0.4"))
EMAIL = "buyer@marketplace.example"


def an_address(**changes: Any) -> Address:
    return Address(
        **{
            "name": "Karla Kühn",
            "lines": ("Lieferweg 7",),
            "city": "Hamburg",
            "postcode": "20095",
            "country": "DE",
            "phone": "+49 40 123456",
            **changes,
        }
    )


def a_line(**changes: Any) -> Line:
    return Line(
        **{"item_id": "I1", "sku": "MUG-BLUE", "title": "Mug, blue", "quantity": 2, **changes}
    )


def an_order(**changes: Any) -> ChannelOrder:
    return ChannelOrder(
        **{
            "external_id": "902-1234567-1234567",
            "marketplace_id": "A1PA6795UKMFR9",
            "status": "UNSHIPPED",
            "fulfilled_by": FulfilledBy.MERCHANT,
            "purchased_at": NOW,
            "updated_at": NOW,
            "lines": (a_line(),),
            "buyer_email": EMAIL,
            "buyer_name": "Berta Buyer",
            "address": an_address(),
            **changes,
        }
    )


def amounts_of(currency: str = "EUR", **changes: str) -> Amounts:
    """The money of `an_order`: one line of 40.00 and 7.60 tax unless said otherwise."""
    given = {"row_net": "40.00", "tax": "7.60", **changes}
    money = LineAmounts(**{name: Decimal(value) for name, value in given.items()})  # type: ignore[arg-type]
    return Amounts(currency, money.total, {"I1": money})


def a_body(
    order: ChannelOrder | None = None, amounts: Amounts | None = None, **changes: Any
) -> dict[str, Any]:
    return build(
        order or an_order(),
        amounts or amounts_of(),
        **{
            "products": {"MUG-BLUE": MUG},
            "store": STORE,
            "regions": (),
            "customer_id": None,
            "increment_id": None,
            "shape": OrderShape.NEW,
            **changes,
        },
    )
