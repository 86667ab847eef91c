"""What the buyer paid for an order, from its stored report. Pure."""

from __future__ import annotations

from typing import Any

from pipeline.orders.amounts import TAX_ON_TOP, Amounts, LineAmounts
from pipeline.orders.channel_order import ChannelOrder, FulfilledBy, Line
from pipeline.refunds.messages import OrderPaid, Paid, PaidItem, Slot, TaxMode
from pipeline.settings.marketplaces import country_of

# Where Amazon computes VAT for the seller it states it inside the price; elsewhere in Europe a
# price that includes VAT comes without it.
_VAT_SERVICE = frozenset({"GB", "DE", "FR", "IT", "ES", "NL", "BE", "IE", "PL", "SE"})


def order_paid(order: ChannelOrder, amounts: Amounts, **decided: Any) -> OrderPaid:
    """What the buyer paid for each item, after discounts; `decided` are other fields of OrderPaid.

    `amounts` are Amazon's own: after `Amounts.untaxed` the tax of the items is not known.
    """
    unclear = amounts.doubt
    if amounts.said_by:
        unclear = "a person stated the amount of the order"
    elif any(_lost_tax(item_id, amounts) for item_id in amounts.lines):
        unclear = "the taxes of the items were left out"
    return OrderPaid(
        external_id=order.external_id,
        currency=amounts.currency,
        items=tuple(
            _item(line, amounts.lines.get(line.item_id, LineAmounts()), amounts, order)
            for line in order.lines
        ),
        is_fba=order.fulfilled_by is FulfilledBy.AMAZON,
        is_cancelled=order.status == "CANCELLED",
        is_replacement=bool(order.replaces) and not amounts.grand_total,
        unclear=unclear,
        is_buyer_cancelled=order.buyer_wants_to_cancel,
        is_undelivered=any(package.status == "UNDELIVERABLE" for package in order.packages),
        **decided,
    )


def _lost_tax(item_id: str, amounts: Amounts) -> bool:
    """Whether Amazon stated a tax of this item and its amounts have none."""
    line = amounts.lines[item_id]
    return "tax" in amounts.readings.get(item_id, "") and not line.all_tax + line.withheld_tax


def _item(line: Line, money: LineAmounts, amounts: Amounts, order: ChannelOrder) -> PaidItem:
    paid = {
        Slot.GOODS: Paid(money.row_net - money.discount_net, money.tax),
        Slot.SHIPPING: Paid(money.shipping_net - money.shipping_discount_net, money.shipping_tax),
        Slot.GIFT_WRAP: Paid(money.gift_wrap_net, money.gift_wrap_tax),
    }
    return PaidItem(
        item_id=line.item_id,
        sku=line.sku,
        quantity=line.quantity,
        paid=paid,
        tax_mode=_tax_mode(money, amounts.readings.get(line.item_id, ""), order.marketplace_id),
        shipped=None if order.status == "SHIPPED" else line.quantity_fulfilled,
    )


def _tax_mode(money: LineAmounts, words: str, marketplace_id: str) -> TaxMode:
    if money.collected_tax:
        return TaxMode.BY_AMAZON
    if not money.all_tax:
        return TaxMode.INSIDE
    if TAX_ON_TOP in words:
        return TaxMode.ON_TOP
    return TaxMode.BY_VCS if country_of(marketplace_id) in _VAT_SERVICE else TaxMode.INSIDE
