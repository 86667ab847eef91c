"""The shop's objects as types. Magento omits NULLs, so every field has a default.

Amounts are major units of the order's currency; quantities are Decimal, as in Magento.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from pipeline.base.money import ZERO

EXT_ORDER_ID_LENGTH = 32
"""Length of Magento's column for `ext_order_id`; Magento cuts silently."""

ENDED = frozenset({"canceled", "closed"})
"""The states of an order that will not be shipped any more."""

HOLDED = "holded"
"""Magento's state of an order that a person put on hold: no part of it can be shipped."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the catalogue, as seen in a store view."""

    id: int
    sku: str
    name: str
    type_id: str
    enabled: bool
    weight: Decimal = ZERO

    def as_json(self) -> dict[str, Any]:
        """The product as JSON, kept with an order until it is placed."""
        return asdict(self) | {"weight": str(self.weight)}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Product:
        """The product from the JSON of this or another release: each field by its name."""
        return cls(
            id=kept["id"],
            sku=kept["sku"],
            name=kept.get("name", ""),
            type_id=kept.get("type_id", "simple"),
            enabled=kept.get("enabled", True),
            weight=Decimal(kept.get("weight", 0)),
        )


@dataclass(frozen=True, slots=True)
class StoreView:
    """A store view with the fields that an order needs; `country` is the country of its locale."""

    id: int
    code: str
    website_id: int
    website_code: str
    base_currency: str
    country: str = "US"


@dataclass(frozen=True, slots=True)
class Region:
    """A state or province of the shop's directory."""

    id: int
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class MagentoItem:
    """A line of a Magento order; without `ext_order_item_id` it is not the marketplace's."""

    item_id: int
    sku: str = ""
    ext_order_item_id: str = ""
    quantity_ordered: Decimal = ZERO
    quantity_shipped: Decimal = ZERO
    quantity_invoiced: Decimal = ZERO
    quantity_canceled: Decimal = ZERO
    product_type: str = ""
    quantity_refunded: Decimal = ZERO
    product_id: int = 0

    @property
    def quantity_left(self) -> Decimal:
        """The units that are neither cancelled nor refunded."""
        return self.quantity_ordered - self.quantity_canceled - self.quantity_refunded


@dataclass(frozen=True, slots=True)
class MagentoOrder:
    """An order of the shop. `ext_order_id` holds at most 32 characters.

    `child_id` and `child_number` name the order that an *Edit* made from it, `parent_id` the order
    from which an *Edit* made it.
    `payment` holds the fields to send when the order is saved again; only `Orders.get` reads it.
    """

    entity_id: int
    increment_id: str = ""
    ext_order_id: str = ""
    store_id: int = 0
    state: str = ""
    status: str = ""
    grand_total: Decimal = ZERO
    total_paid: Decimal = ZERO
    items: tuple[MagentoItem, ...] = ()
    total_invoiced: Decimal = ZERO
    total_refunded: Decimal = ZERO
    child_id: int = 0
    child_number: str = ""
    parent_id: int = 0

    @property
    def is_edited(self) -> bool:
        """Whether a clerk edited it: then it is cancelled, and its child replaces it."""
        return bool(self.child_id or self.child_number)

    @property
    def is_invoiced(self) -> bool:
        """Whether it has an invoice and nothing is left to invoice."""
        return any(item.quantity_invoiced > 0 for item in self.items) and all(
            item.quantity_invoiced >= item.quantity_ordered - item.quantity_canceled
            for item in self.items
        )

    base_grand_total: Decimal = ZERO
    base_total_paid: Decimal = ZERO
    payment: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice document of an order."""

    entity_id: int
    grand_total: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class NumberedInvoice:
    """An invoice with the number that it bears, its gross total and the tax in it."""

    increment_id: str
    grand_total: Decimal
    tax_total: Decimal


@dataclass(frozen=True, slots=True)
class CreditMemoLine:
    """The refund of a line in a credit memo: `total` is after discount with tax, `tax` is the tax
    in it, `row` is before tax and discount."""

    order_item_id: int
    sku: str
    quantity: Decimal
    total: Decimal
    tax: Decimal = ZERO
    row: Decimal = ZERO
    discount: Decimal = ZERO
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CreditMemo:
    """A credit memo of an order, in the order's currency.

    `shipping` includes its tax and is before its discount. `discount` is zero or more and includes
    the discount of the shipping, as `tax` includes its tax. An adjustment belongs to no line and
    bears no tax. `comments` may name the buyer.
    """

    entity_id: int
    order_id: int
    increment_id: str
    created_at: datetime
    currency: str
    grand_total: Decimal
    shipping: Decimal
    lines: tuple[CreditMemoLine, ...]
    shipping_tax: Decimal = ZERO
    state: int = 0
    base_currency: str = ""
    subtotal: Decimal = ZERO
    tax: Decimal = ZERO
    discount: Decimal = ZERO
    tax_compensation: Decimal = ZERO
    adjustment_positive: Decimal = ZERO
    adjustment_negative: Decimal = ZERO
    comments: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class MemoTotal:
    """What a credit memo gives back in the order's currency."""

    entity_id: int
    order_id: int
    created_at: datetime
    currency: str
    total: Decimal
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Track:
    """A tracking number of a shipment. With carrier code `custom`, `title` names the carrier."""

    entity_id: int
    carrier_code: str = ""
    title: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class MagentoShipment:
    """A shipment that left the warehouse. `items` maps order item ids to quantities."""

    entity_id: int
    order_id: int
    created_at: datetime | None = None
    items: Mapping[int, Decimal] = field(default_factory=dict)
    tracks: tuple[Track, ...] = ()
