"""The components that an item's shares become: with the tax inside, beside it, or left to Amazon.

Pure. Components are exact until `in_minor_units`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from pipeline.amazon.refund_documents import ComponentType
from pipeline.base.money import ZERO
from pipeline.refunds.balances import Balances
from pipeline.refunds.memo_shares import Share
from pipeline.refunds.messages import PRICE, TAX, Held, OrderPaid, PaidItem, RefundHold, TaxMode

Key = tuple[str, ComponentType]


@dataclass(slots=True)
class Components:
    """Amounts by item and component; `by_amazon` is the tax that Amazon gives back, likewise."""

    sent: dict[Key, Decimal] = field(default_factory=dict)
    by_amazon: dict[Key, Decimal] = field(default_factory=dict)

    def add(self, item_id: str, kind: ComponentType, amount: Decimal) -> None:
        self.sent[item_id, kind] = self.sent.get((item_id, kind), ZERO) + amount

    def of(self, item_id: str, kind: ComponentType) -> Decimal:
        return self.sent.get((item_id, kind), ZERO)


def components(shares: Iterable[Share], order: OrderPaid, balances: Balances) -> Components:
    """The components of the shares. Raises Held where the tax is not certain."""
    items = {item.item_id: item for item in order.items}
    made = Components()
    for share in shares:
        check_tax(share.item_id, balances)
        price, tax = PRICE[share.slot], TAX[share.slot]
        match balances.modes[share.item_id]:
            case TaxMode.ON_TOP:
                part = _tax_on_top(share, balances)
                made.add(share.item_id, price, share.total - part)
                made.add(share.item_id, tax, part)
            case TaxMode.BY_AMAZON:
                part = _tax_of_amazon(share, items[share.item_id])
                made.add(share.item_id, price, share.total - part)
                key = share.item_id, tax
                made.by_amazon[key] = made.by_amazon.get(key, ZERO) + part
            case _:
                made.add(share.item_id, price, share.total)
    return made


def check_tax(item_id: str, balances: Balances) -> None:
    """Raise Held for an item of which Amazon's Principal may or may not include the tax."""
    if balances.modes[item_id] is TaxMode.BY_VCS:
        raise Held(
            RefundHold.TAX_UNCLEAR,
            f"Amazon computed the VAT of item {item_id}, and it is not proven whether the amount "
            "to refund includes it",
            item=item_id,
        )


def _tax_on_top(share: Share, balances: Balances) -> Decimal:
    """The tax of a share; a shop that keeps no taxes has it in the total, in proportion."""
    tax = balances.tax(share.item_id, share.slot)
    if share.tax or not tax:
        return share.tax
    return share.total * tax / (tax + balances.price(share.item_id, share.slot))


def _tax_of_amazon(share: Share, item: PaidItem) -> Decimal:
    """The tax of a share that Amazon collected, as the memo states it. Raises Held.

    A memo without that tax is clear only if it gives everything of this slot back.
    """
    paid = item.of(share.slot)
    if share.tax or not paid.tax or not share.total:
        return share.tax
    if share.total == paid.net + paid.tax:
        return paid.tax
    raise Held(
        RefundHold.TAX_UNCLEAR,
        f"the shop has no tax of item {item.item_id}, of which Amazon collected {paid.tax:f} and "
        "gives it back itself",
        item=item.item_id,
        memo=share.total,
        collected=paid.tax,
    )


def own_rests(
    made: Mapping[Key, Decimal],
    shares: Iterable[Share],
    order: OrderPaid,
    balances: Balances,
    fixed: frozenset[str],
    minor: Decimal,
) -> dict[Key, Decimal]:
    """The components, with Amazon's own rest where the memo gives back all that is left of it.

    The two may differ by a minor unit, since the shop rounds otherwise. `fixed` are items whose
    goods an adjustment has changed. Raises Held when untouched goods come back entirely and the
    memo gives less than was paid.
    """
    amounts = dict(made)
    units = {share.item_id: share.units for share in shares if share.units}
    for item in order.items:
        is_last = units.get(item.item_id, ZERO) >= balances.units_left(item)
        for kind in (ComponentType.PRINCIPAL, ComponentType.TAX):
            if is_last and item.item_id in units and item.item_id not in fixed:
                _take_rest(amounts, item, kind, balances, minor)
        for kind in (ComponentType.GIFT_WRAP, ComponentType.GIFT_WRAP_TAX):
            if (item.item_id, kind) in amounts:
                _take_rest(amounts, item, kind, balances, minor, is_strict=False)
    for kind in (ComponentType.SHIPPING, ComponentType.SHIPPING_TAX):
        keys = [(item.item_id, kind) for item in order.items if (item.item_id, kind) in amounts]
        rests = {key: balances.left[key[0]].get(kind, ZERO) for key in keys}
        asked = sum((amounts[key] for key in keys), ZERO)
        if abs(asked - sum(rests.values(), ZERO)) <= minor * len(keys):
            amounts |= rests
    return amounts


def _take_rest(
    amounts: dict[Key, Decimal],
    item: PaidItem,
    kind: ComponentType,
    balances: Balances,
    minor: Decimal,
    *,
    is_strict: bool = True,
) -> None:
    key = item.item_id, kind
    if key not in amounts:
        return
    rest, asked = balances.left[item.item_id].get(kind, ZERO), amounts[key]
    if abs(asked - rest) <= minor:
        amounts[key] = rest
    elif is_strict and asked < rest and balances.is_untouched(item):
        raise Held(
            RefundHold.DIFFERS,
            f"the credit memo takes back all of item {item.item_id}, and its {kind} is {asked:f} "
            f"where the buyer paid {rest:f}",
            item=item.item_id,
            component=kind,
            memo=asked,
            paid=rest,
        )
