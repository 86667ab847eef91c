"""The holding order for an order that cannot be placed yet. Pure: no call, no clock.

It costs nothing, names nobody, and is not found by a search for the marketplace's number.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pipeline.base.money import ZERO
from pipeline.magento.order.lines import twins
from pipeline.magento.records import EXT_ORDER_ID_LENGTH, Product, StoreView

EXT_ORDER_ID_PREFIX = "pending "
_NUMBER_PREFIX = "PENDING-"
_TOTALS = (
    *("subtotal", "subtotal_incl_tax", "discount_amount", "shipping_amount", "shipping_incl_tax"),
    *("shipping_tax_amount", "tax_amount", "grand_total", "total_due"),
)
_OF_A_ROW = ("price", "original_price", "price_incl_tax", "row_total", "row_total_incl_tax")


def holding_order(
    external_id: str, units: Sequence[tuple[Product, int]], store: StoreView
) -> dict[str, Any]:
    """The order entity, before its marks for a reservation. Source: PUT /V1/orders/create."""
    note = (
        f"Holds the goods of Amazon order {external_id}, whose payment Amazon is still checking. "
        "It is on hold so that nobody ships or invoices it, and is cancelled by itself."
    )
    return _nameless(
        increment_id=_NUMBER_PREFIX + external_id,
        ext_order_id=EXT_ORDER_ID_PREFIX + external_id,
        email=f"pending-{external_id}@orders.invalid".lower(),
        note=note,
        units=units,
        store=store,
    )


def trial_order(
    number: str, units: Sequence[tuple[Product, int]], store: StoreView
) -> dict[str, Any]:
    """The order that tests whether the shop reserves stock: a holding order labelled as a test."""
    return _nameless(
        increment_id=number,
        ext_order_id=number,
        email="stock-test@orders.invalid",
        note="A test whether stock can be reserved. Nobody bought anything: do not ship it.",
        units=units,
        store=store,
    )


def _nameless(
    *,
    increment_id: str,
    ext_order_id: str,
    email: str,
    note: str,
    units: Sequence[tuple[Product, int]],
    store: StoreView,
) -> dict[str, Any]:
    nothing = dict.fromkeys(_TOTALS, ZERO)
    shipping = {"address": _address("shipping", store, email), "method": "flatrate_flatrate"}
    currencies = ("base_currency_code", "order_currency_code", "store_currency_code")
    rates = ("base_to_order_rate", "base_to_global_rate", "store_to_base_rate")
    return {
        "customer_email": email,
        "store_id": store.id,
        "state": "new",
        "status": "pending",
        "increment_id": increment_id[:50],
        "ext_order_id": ext_order_id[:EXT_ORDER_ID_LENGTH],
        "customer_is_guest": 1,
        "customer_group_id": 0,
        "customer_firstname": "Amazon",
        "customer_lastname": "Stock",
        "customer_note_notify": 0,
        **dict.fromkeys((*currencies, "global_currency_code"), store.base_currency),
        **dict.fromkeys((*rates, "store_to_order_rate"), Decimal(1)),
        **twins(nothing, nothing),
        "total_qty_ordered": sum(count for _, count in units),
        "is_virtual": 0,
        "shipping_description": "Amazon",
        "items": [_line(product, count, store) for product, count in units],
        "billing_address": _address("billing", store, email),
        "extension_attributes": {"shipping_assignments": [{"shipping": shipping, "items": []}]},
        "payment": {
            "method": "checkmo",
            "account_status": "",
            "cc_last4": "",
            "additional_information": {"method_title": "Amazon"},
        },
        "status_histories": [
            {
                "comment": note,
                "status": "pending",
                "entity_name": "order",
                "is_customer_notified": 0,
                "is_visible_on_front": 0,
            }
        ],
    }


def _line(product: Product, count: int, store: StoreView) -> dict[str, Any]:
    nothing = dict.fromkeys(_OF_A_ROW, ZERO)
    return {
        "store_id": store.id,
        "product_id": product.id,
        "product_type": product.type_id,
        "is_virtual": 0,
        "is_qty_decimal": 0,
        "sku": product.sku,
        "name": product.name,
        "qty_ordered": count,
        **twins(nothing, nothing),
    }


def _address(kind: str, store: StoreView, email: str) -> dict[str, Any]:
    """Every key that Magento requires, without any real data."""
    return {
        "address_type": kind,
        "firstname": "Amazon",
        "lastname": "Stock",
        "street": ["-"],
        "city": "-",
        "postcode": "-",
        "country_id": store.country,
        "telephone": "-",
        "email": email,
    }
