"""The payment of an order, as the shop's people see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from pipeline.magento.order.comment import title, utc
from pipeline.magento.order.lines import twins
from pipeline.magento.order.plain_text import plain
from pipeline.orders.amounts import Amounts
from pipeline.orders.channel_order import ChannelOrder, FulfilledBy
from pipeline.settings.marketplaces import country_of

PAYMENT_METHOD = "amazon_marketplace"
"""No shop has a method with this code, so Magento shows `method_title` and treats it as offline."""

_LONGEST_PURCHASE_ORDER = 32
_LONGEST_TEXT = 255


def payment(
    order: ChannelOrder,
    amounts: Amounts,
    totals: Mapping[str, Decimal],
    base_totals: Mapping[str, Decimal],
) -> dict[str, Any]:
    """Payment at Amazon as an offline method, which an invoice sets to paid without a gateway.

    The additional information has only texts and nothing personal, since other modules log it.
    """
    fields: dict[str, Any] = {
        "method": PAYMENT_METHOD,
        "account_status": "",
        "cc_last4": "",
        **twins(_ordered(totals), _ordered(base_totals)),
        "last_trans_id": order.external_id,
        "additional_information": {
            name: plain(text, _LONGEST_TEXT) for name, text in _facts(order, amounts) if text
        },
    }
    if order.purchase_order_number:
        fields["po_number"] = plain(order.purchase_order_number, _LONGEST_PURCHASE_ORDER)
    return fields


def _ordered(totals: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {
        "amount_ordered": totals["grand_total"],
        "shipping_amount": totals["shipping_amount"],
    }


def _facts(order: ChannelOrder, amounts: Amounts) -> Iterator[tuple[str, str]]:
    yield "method_title", "Amazon"
    yield "amazon_order_id", order.external_id
    yield (
        "marketplace",
        order.marketplace_name or country_of(order.marketplace_id) or order.marketplace_id,
    )
    yield (
        "fulfilled_by",
        "Amazon" if order.fulfilled_by is FulfilledBy.AMAZON else "merchant",
    )
    yield "programs", ", ".join(map(title, order.programs))
    yield "paid_by", ", ".join(order.payment_methods)
    if amounts.collected_tax:
        yield "tax_collected_by_amazon", f"{amounts.collected_tax} {amounts.currency}"
    if order.ship_by_at is not None:
        yield "ship_by", utc(order.ship_by_at)
    yield (
        "ioss_number",
        ", ".join(dict.fromkeys(line.ioss_number for line in order.lines if line.ioss_number)),
    )
