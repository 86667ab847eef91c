"""A marketplace's order as the body for `Orders.create`. Pure: no call, no clock.

Magento stores what it receives: it checks no total, no stock and no product. The rules in this
module are those on which its invoices, shipments and admin pages rely.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pipeline.base.errors import CannotMap
from pipeline.base.money import ZERO
from pipeline.magento.order import addresses, names, taxes
from pipeline.magento.order import charges as order_charges
from pipeline.magento.order import lines as order_lines
from pipeline.magento.order.charges import GiftWrap, OrderLine
from pipeline.magento.order.comment import comment, title, utc
from pipeline.magento.order.lines import twins
from pipeline.magento.order.payment import payment
from pipeline.magento.order.plain_text import plain
from pipeline.magento.records import (
    EXT_ORDER_ID_LENGTH,
    MagentoOrder,
    Product,
    Region,
    StoreView,
)
from pipeline.orders.amounts import Amounts
from pipeline.orders.channel_order import Address, ChannelOrder, FulfilledBy
from pipeline.orders.outcome import HoldCode

SHIPPING_METHOD = "flatrate_flatrate"

_GUESTS, _GENERAL = 0, 1
_LONGEST_EMAIL = 128
_LONGEST_TEXT = 255
_LONGEST_TAX_NUMBER = 32
_SAME_CURRENCY = Decimal(1)
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class OrderShape(StrEnum):
    """The state of the goods when an order enters the shop."""

    NEW = "new"
    """Nothing has been shipped: state new, status pending."""
    PARTLY = "partly"
    """As NEW, but the units that the marketplace calls fulfilled count as shipped."""
    COMPLETE = "complete"
    """Everything has been shipped: the following invoice completes it, and no stock moves."""


_STATE = {
    OrderShape.NEW: ("new", "pending"),
    OrderShape.PARTLY: ("new", "pending"),
    OrderShape.COMPLETE: ("processing", "processing"),
}


def build(
    order: ChannelOrder,
    amounts: Amounts,
    *,
    products: Mapping[str, Product],
    store: StoreView,
    regions: Sequence[Region],
    customer_id: int | None,
    customer_group: int | None = None,
    increment_id: str | None,
    shape: OrderShape,
    rate: Decimal = _SAME_CURRENCY,
    gift_wrap: GiftWrap = "line",
    with_tax_rows: bool = True,
) -> dict[str, Any]:
    """The order entity. `products` is keyed by the order's SKUs, `regions` are the country's.

    Amounts are Decimal in the order's currency, and under `base_` in the store's base currency, one
    unit of which is `rate` of the order's. The grand total equals Amazon's to the cent. Magento
    before 2.4.7 does not accept tax rows. Raises CannotMap with TOTALS_UNCLEAR or ADDRESS_UNUSABLE.
    Source: sales-data-order-interface.
    """
    address = order.address or Address()
    charges = order_charges.charges(order.lines, amounts, products, gift_wrap)
    base = charges.in_base(rate)
    totals, base_totals = charges.totals(), base.totals()
    if totals["grand_total"] != amounts.grand_total:
        raise CannotMap(
            HoldCode.TOTALS_UNCLEAR,
            f"the lines sum to {totals['grand_total']}, the order's total is {amounts.grand_total}",
        )
    check_address(order)
    state, status = _STATE[shape]
    email = email_of(order)
    all_totals = twins(totals, base_totals)
    shipping_total = {name: value for name, value in all_totals.items() if "shipping" in name}
    entity: dict[str, Any] = {
        "customer_email": email,
        "store_id": store.id,
        "state": state,
        "status": status,
        "ext_order_id": order.external_id[:EXT_ORDER_ID_LENGTH],
        "created_at": order.purchased_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        **_customer(order, address, customer_id, customer_group),
        "order_currency_code": amounts.currency,
        **dict.fromkeys(
            ("base_currency_code", "store_currency_code", "global_currency_code"),
            store.base_currency,
        ),
        **dict.fromkeys(("base_to_order_rate", "store_to_order_rate"), rate),
        **dict.fromkeys(("base_to_global_rate", "store_to_base_rate"), Decimal(1)),
        **all_totals,
        "discount_description": _discount_description(amounts),
        "total_qty_ordered": sum(line.quantity for line in charges.lines),
        "weight": sum((line.weight for line in charges.lines), ZERO),
        "is_virtual": 0,
        "shipping_description": shipping_description(order),
        "items": [
            order_lines.item(line, based, store_id=store.id, shipped=_shipped(line, shape))
            | (taxes.of_line(line, based) if with_tax_rows else {})
            for line, based in zip(charges.lines, base.lines, strict=True)
        ],
        **_addresses(order, address, email, store, regions, shipping_total),
        "payment": payment(order, amounts, totals, base_totals),
        "status_histories": [
            {
                "comment": comment(order, amounts),
                "status": status,
                "entity_name": "order",
                "is_customer_notified": 0,
                "is_visible_on_front": 0,
            }
        ],
    }
    if with_tax_rows:
        entity["extension_attributes"] |= taxes.of_order(charges, base)
    if increment_id is not None:
        entity["increment_id"] = increment_id
    return entity


def check_address(order: ChannelOrder) -> None:
    """Raise CannotMap(ADDRESS_UNUSABLE) for an order whose parcel could not be delivered.

    An order that Amazon ships needs no address and passes without it.
    """
    address = order.address or Address()
    if order.fulfilled_by is FulfilledBy.MERCHANT:
        addresses.check_deliverable(address)
    addresses.check_country(address)


def differences(created: MagentoOrder, amounts: Amounts) -> str | None:
    """The total that differs between shop and marketplace, in words; None when all totals agree."""
    if created.grand_total == amounts.grand_total:
        return None
    return (
        f"Magento's grand total is {created.grand_total} {amounts.currency}, "
        f"Amazon's is {amounts.grand_total} {amounts.currency}"
    )


def email_of(order: ChannelOrder) -> str:
    """The buyer's e-mail address, or a valid one of the order's own that never receives mail."""
    given = order.buyer_email.strip()
    if len(given) <= _LONGEST_EMAIL and _EMAIL.fullmatch(given):
        return given
    return f"amazon-{order.external_id}@orders.invalid".lower()


def shipping_description(order: ChannelOrder) -> str:
    """The shipping method as the shop's admin shows it."""
    parts = [f"Amazon - {order.service_level}" if order.service_level else "Amazon"]
    parts += [title(program) for program in order.programs]
    if order.ship_by_at is not None:
        parts.append(f"ship by {utc(order.ship_by_at)}")
    return plain(" | ".join(parts), _LONGEST_TEXT)


def _discount_description(amounts: Amounts) -> str:
    """The text that the shop's admin shows beside the discount."""
    labels = [adjustment.label for adjustment in amounts.adjustments if adjustment.amount < ZERO]
    lines = amounts.lines.values()
    if any(line.discount_net or line.shipping_discount_net for line in lines):
        labels.insert(0, "Amazon promotion")
    return plain(", ".join(labels), _LONGEST_TEXT)


def _tax_number(order: ChannelOrder) -> str:
    """The buyer's VAT or tax number; a number too long for the columns is only in the comment."""
    for registration in order.tax_registrations:
        number = plain(registration.number, _LONGEST_TEXT)
        if registration.entity == "BUYER" and 0 < len(number) <= _LONGEST_TAX_NUMBER:
            return number
    return ""


def _customer(
    order: ChannelOrder, address: Address, customer_id: int | None, group: int | None
) -> dict[str, Any]:
    first, last = names.split(order.buyer_name or address.name)
    fields: dict[str, Any] = {
        "customer_is_guest": int(customer_id is None),
        "customer_group_id": _GUESTS if customer_id is None else group or _GENERAL,
        "customer_firstname": first,
        "customer_lastname": last,
        "customer_note_notify": 0,
    }
    if customer_id is not None:
        fields["customer_id"] = customer_id
    if tax_number := _tax_number(order):
        fields["customer_taxvat"] = tax_number
    return fields


def _addresses(
    order: ChannelOrder,
    address: Address,
    email: str,
    store: StoreView,
    regions: Sequence[Region],
    shipping_total: Mapping[str, Decimal],
) -> dict[str, Any]:
    """Billing and shipping address. Amazon sends one address: only the names differ."""
    billing, shipping = (
        addresses.for_order(
            kind,
            address,
            name=name,
            company=company,
            email=email,
            regions=regions,
            fallback_country=store.country,
        )
        for kind, name, company in (
            ("billing", order.buyer_name or address.name, order.buyer_company or address.company),
            ("shipping", address.name or order.buyer_name, address.company),
        )
    )
    if tax_number := _tax_number(order):
        billing["vat_id"] = tax_number
    assignment = {
        "shipping": {"address": shipping, "method": SHIPPING_METHOD, "total": shipping_total},
        "items": [],
    }
    return {
        "billing_address": billing,
        "extension_attributes": {"shipping_assignments": [assignment]},
    }


def _shipped(line: OrderLine, shape: OrderShape) -> int:
    if shape is OrderShape.COMPLETE:
        return line.quantity
    return line.fulfilled if shape is OrderShape.PARTLY else 0
