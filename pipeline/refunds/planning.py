"""What a memo's message is planned from: what the buyer paid, got back, and the settings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from pipeline.amazon.refund_documents import ComponentType
from pipeline.amazon.transactions import TransactionItem
from pipeline.base.money import ZERO
from pipeline.intake.memo_facts import stored_facts
from pipeline.orders.amounts import Amounts
from pipeline.orders.channel_order import ChannelOrder
from pipeline.refunds.mapping import plan_refund
from pipeline.refunds.matching import AtAmazon
from pipeline.refunds.messages import (
    Given,
    NotSendable,
    OrderPaid,
    PaidItem,
    RefundMessage,
    RefundRules,
    TaxMode,
    given_by,
)
from pipeline.refunds.paid import order_paid
from pipeline.refunds.refund_file import RefundFile
from pipeline.refunds.states import GIVEN, UNDER_WAY
from pipeline.settings.marketplace import MarketplaceSettings

_PARTS = {
    "ourpriceprincipal": ComponentType.PRINCIPAL,
    "ourpricediscount": ComponentType.PRINCIPAL,
    "restockingdeductionprincipal": ComponentType.PRINCIPAL,
    "ourpricetax": ComponentType.TAX,
    "restockingdeductiontax": ComponentType.TAX,
    "shippingprincipal": ComponentType.SHIPPING,
    "shippingdiscount": ComponentType.SHIPPING,
    "shippingtax": ComponentType.SHIPPING_TAX,
    "shippingtaxdiscount": ComponentType.SHIPPING_TAX,
    "giftwrapprincipal": ComponentType.GIFT_WRAP,
    "giftwraptax": ComponentType.GIFT_WRAP_TAX,
    "goodwillprincipal": ComponentType.GOODWILL,
}
"""The component of each of Finances' words, compared without case."""
_PRICE_OF = {
    ComponentType.TAX: ComponentType.PRINCIPAL,
    ComponentType.SHIPPING_TAX: ComponentType.SHIPPING,
    ComponentType.GIFT_WRAP_TAX: ComponentType.GIFT_WRAP,
}


def plan(
    file: RefundFile,
    amounts: Amounts,
    report: ChannelOrder,
    found: Sequence[AtAmazon],
    settings: MarketplaceSettings,
) -> RefundMessage | NotSendable:
    """The memo's message, within what the order's other refunds and those at Amazon leave."""
    paid = order_paid(file.order, amounts, file.own, settings, report)
    given = [
        one
        for other in file.others
        if other.state in GIVEN + UNDER_WAY and other.body is not None
        for one in given_by(other.body)
    ]
    given += given_at_amazon(found, paid)
    facts = stored_facts(file.memo)
    has_own_reason = facts is not None and facts.reason
    rules = RefundRules(
        # The word in a comment is about this memo; the setting is for all others.
        chosen_reason="" if has_own_reason else settings.refund_reason or "",
        spread_adjustments=settings.refund_spread_adjustments,
        allow_goodwill=settings.refund_goodwill,
        gross_without_tax=settings.refund_gross,
    )
    return plan_refund(facts, paid, given, rules)


def given_at_amazon(refunds: Iterable[AtAmazon], paid: OrderPaid) -> list[Given]:
    """What these refunds at Amazon gave the buyer, by component. Amazon names SKUs, no items."""
    return [
        one
        for refund in refunds
        for transaction in refund.transactions
        for item in transaction.items
        for one in _given(item, paid)
    ]


def _given(item: TransactionItem, paid: OrderPaid) -> Iterator[Given]:
    of_sku = [each for each in paid.items if item.sku and each.sku == item.sku] or list(paid.items)
    item_ids = frozenset(each.item_id for each in of_sku)
    for component, amount in _by_component(item, of_sku).items():
        if amount > ZERO:
            yield Given(item_ids, component, amount)


def _by_component(
    item: TransactionItem, of_sku: Sequence[PaidItem]
) -> Mapping[ComponentType, Decimal]:
    """The amounts by component; tax is with its price unless it has a component of its own."""
    modes = {each.tax_mode for each in of_sku}
    amounts: dict[ComponentType, Decimal] = {}
    for leaf in item.leaves:
        component = _PARTS.get(leaf.kind.casefold())
        if component is None:
            continue
        if component in _PRICE_OF:
            if modes == {TaxMode.BY_AMAZON}:
                continue
            if modes != {TaxMode.ON_TOP}:
                component = _PRICE_OF[component]
        amounts[component] = amounts.get(component, ZERO) - leaf.amount
    return amounts
