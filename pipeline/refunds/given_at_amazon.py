"""What refunds at Amazon gave the buyer, by component, from Amazon's words for amounts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from pipeline.amazon.refund_documents import ComponentType
from pipeline.amazon.transactions import Leaf, Transaction
from pipeline.base.money import ZERO
from pipeline.finances.order_money import is_between_amazon_and_seller
from pipeline.refunds.messages import PRICE_OF, Given, OrderPaid, PaidItem, TaxMode

_COMPONENTS = {
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
    "giftwrapdiscount": ComponentType.GIFT_WRAP,
    "giftwraptax": ComponentType.GIFT_WRAP_TAX,
    "goodwillprincipal": ComponentType.GOODWILL,
}
"""The component of each of Finances' words, compared without case and blanks."""
_OWN_TAX = frozenset({TaxMode.ON_TOP, TaxMode.BY_AMAZON})
"""The modes in which tax has a balance of its own."""


def given_at_amazon(transactions: Iterable[Transaction], paid: OrderPaid) -> list[Given]:
    """What these refunds gave the buyer. Amazon names SKUs, no items; amounts of no SKU may belong
    to any item."""
    return [
        one
        for transaction in transactions
        for sku, leaves in _by_sku(transaction)
        for one in _given(sku, leaves, paid)
    ]


def unread_words(transactions: Iterable[Transaction]) -> frozenset[str]:
    """The words of amounts of which it is not known whether and for what the buyer got them."""
    return frozenset(
        leaf.kind
        for transaction in transactions
        for leaf in transaction.counted
        if _component(leaf) is None and not is_between_amazon_and_seller(leaf)
    )


def _by_sku(transaction: Transaction) -> Iterator[tuple[str, Sequence[Leaf]]]:
    """The amounts that count, as `Transaction.counted` has them."""
    if any(item.leaves for item in transaction.items):
        yield from ((item.sku, item.leaves) for item in transaction.items)
    else:
        yield "", transaction.leaves


def _given(sku: str, leaves: Sequence[Leaf], paid: OrderPaid) -> Iterator[Given]:
    of_sku = [each for each in paid.items if sku and each.sku == sku] or list(paid.items)
    item_ids = frozenset(each.item_id for each in of_sku)
    for component, amount in _by_component(leaves, of_sku).items():
        if amount > ZERO:
            yield Given(item_ids, component, amount)


def _by_component(
    leaves: Iterable[Leaf], of_sku: Sequence[PaidItem]
) -> Mapping[ComponentType, Decimal]:
    """The amounts by component; tax is with its price unless it has a balance of its own."""
    has_own_tax = {each.tax_mode for each in of_sku} <= _OWN_TAX
    amounts: dict[ComponentType, Decimal] = {}
    for leaf in leaves:
        component = _component(leaf)
        if component is None or is_between_amazon_and_seller(leaf):
            continue
        if not has_own_tax:
            component = PRICE_OF.get(component, component)
        amounts[component] = amounts.get(component, ZERO) - leaf.amount
    return amounts


def _component(leaf: Leaf) -> ComponentType | None:
    return _COMPONENTS.get(leaf.kind.casefold().replace(" ", ""))
