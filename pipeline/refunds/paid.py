"""What the buyer paid for each item of an order, by the amounts of its stored report. Pure."""

from __future__ import annotations

from pipeline.intake.own_memos import OwnMemos
from pipeline.orders.amounts import TAX_ON_TOP, Amounts, LineAmounts
from pipeline.orders.channel_order import ChannelOrder, FulfilledBy, RemoteStatus
from pipeline.orders.tables import Order, OrderItem
from pipeline.refunds.messages import OrderPaid, Paid, PaidItem, Slot, TaxMode
from pipeline.settings.marketplace import MarketplaceSettings
from pipeline.settings.marketplaces import country_of

# Where Amazon computes VAT for the seller it states it inside the price; elsewhere in Europe a
# price that includes VAT comes without it.
_VAT_SERVICE = frozenset({"GB", "DE", "FR", "IT", "ES", "NL", "BE", "IE", "PL", "SE"})


def order_paid(
    order: Order,
    amounts: Amounts,
    own: OwnMemos,
    settings: MarketplaceSettings,
    report: ChannelOrder | None = None,
) -> OrderPaid:
    """What the buyer paid, after discounts.

    `amounts` are those of `Clients.charged`: after `Amounts.untaxed` the taxes are not known, and
    the memo is held. From the `report` follow the reasons of parcels that came back and of late
    cancellations.
    """
    unclear = amounts.doubt
    if amounts.said_by:
        unclear = "a person stated the amount of the order"
    elif any(_lost_tax(item_id, amounts) for item_id in amounts.lines):
        unclear = "the taxes of the items were left out"
    elif missing := [
        item.external_item_id for item in order.items if item.external_item_id not in amounts.lines
    ]:
        unclear = f"no amounts are known of item {', '.join(missing)}"
    return OrderPaid(
        external_id=order.external_id,
        currency=amounts.currency,
        items=tuple(_item(item, amounts, order.marketplace_id) for item in order.items),
        is_fba=order.fulfilled_by == FulfilledBy.AMAZON,
        is_cancelled=order.remote_status == RemoteStatus.CANCELLED,
        is_partly_shipped=order.remote_status == RemoteStatus.PARTIALLY_SHIPPED,
        wrap_is_in_price=settings.gift_wrap == "price",
        unclear=unclear,
        own_memos=own,
        is_buyer_cancelled=report is not None and report.buyer_wants_to_cancel,
        is_undelivered=report is not None
        and any(package.status == "UNDELIVERABLE" for package in report.packages),
    )


def _lost_tax(item_id: str, amounts: Amounts) -> bool:
    """Whether Amazon stated a tax of this item and its amounts have none."""
    line = amounts.lines[item_id]
    return "tax" in amounts.readings.get(item_id, "") and not line.all_tax + line.withheld_tax


def _item(item: OrderItem, amounts: Amounts, marketplace_id: str) -> PaidItem:
    money = amounts.lines.get(item.external_item_id, LineAmounts())
    words = amounts.readings.get(item.external_item_id, "")
    return PaidItem(
        item_id=item.external_item_id,
        sku=item.sku,
        quantity=item.quantity,
        paid={
            Slot.GOODS: Paid(money.row_net - money.discount_net, money.tax),
            Slot.SHIPPING: Paid(
                money.shipping_net - money.shipping_discount_net, money.shipping_tax
            ),
            Slot.GIFT_WRAP: Paid(money.gift_wrap_net, money.gift_wrap_tax),
        },
        tax_mode=_tax_mode(money, words, marketplace_id),
    )


def _tax_mode(money: LineAmounts, words: str, marketplace_id: str) -> TaxMode:
    if money.collected_tax:
        return TaxMode.BY_AMAZON
    if not money.all_tax:
        return TaxMode.INSIDE
    if TAX_ON_TOP in words:
        return TaxMode.ON_TOP
    return TaxMode.BY_VCS if country_of(marketplace_id) in _VAT_SERVICE else TaxMode.INSIDE
