"""The lines of a Magento order, one for each amount that Amazon charged.

Magento computes nothing when an order is saved over REST, and its invoices rely on lines that add
up: every row is in whole minor units and the order's totals are sums of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from pipeline.amounts import Amounts, LineAmounts
from pipeline.channel import Line
from pipeline.errors import CannotMap
from pipeline.magento.records import Product
from pipeline.magento.wording import plain
from pipeline.money import ZERO
from pipeline.outcome import HoldCode

GIFT_WRAP_SKU = "amazon-gift-wrap"
ADJUSTMENT_SKU = "amazon-adjustment"

_FOUR_DIGITS = Decimal("0.0001")
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A row to be: net before discount, discount and tax of the whole quantity."""

    sku: str
    name: str
    quantity: int
    row_total: Decimal
    tax: Decimal = ZERO
    discount: Decimal = ZERO
    item_id: str = ""
    fulfilled: int = 0
    product: Product | None = None

    @property
    def is_goods(self) -> bool:
        """False for a charge, which nobody ships."""
        return bool(self.item_id)

    @property
    def weight(self) -> Decimal:
        """The whole row's, in the shop's unit."""
        return self.product.weight * self.quantity if self.product else ZERO


@dataclass(frozen=True, slots=True)
class Charges:
    """All rows, and the shipping beside them; net, discount positive."""

    lines: tuple[OrderLine, ...]
    shipping: Decimal
    shipping_tax: Decimal
    shipping_discount: Decimal


def charges(lines: Iterable[Line], amounts: Amounts, products: Mapping[str, Product]) -> Charges:
    """Rows for goods, gift wraps and other charges.

    An adjustment below zero is taken off rows and shipping as discount. Raises
    CannotMap(TOTALS_UNCLEAR) when a line has no amounts or there is less to take from.
    """
    rows: list[OrderLine] = []
    extras: list[OrderLine] = []
    for line in lines:
        money = amounts.lines.get(line.item_id)
        if money is None:
            raise CannotMap(
                HoldCode.TOTALS_UNCLEAR,
                f"no amounts are known for item {line.item_id}",
                {"item": line.item_id},
            )
        rows.append(_goods(line, money, products.get(line.sku)))
        extras += _extras(line, money)
    extras += [
        OrderLine(ADJUSTMENT_SKU, _name(one.label, "Adjustment"), 1, one.amount)
        for one in amounts.adjustments
        if one.amount > ZERO
    ]
    shares = amounts.lines.values()
    found = Charges(
        lines=(*rows, *extras),
        shipping=sum((share.shipping_net for share in shares), ZERO),
        shipping_tax=sum((share.shipping_tax for share in shares), ZERO),
        shipping_discount=sum((share.shipping_discount_net for share in shares), ZERO),
    )
    below = sum((one.amount for one in amounts.adjustments if one.amount < ZERO), ZERO)
    return _take_off(found, -below)


def _goods(line: Line, money: LineAmounts, product: Product | None) -> OrderLine:
    return OrderLine(
        sku=product.sku if product else line.sku,
        name=_name(line.title, product.name if product else line.sku),
        quantity=line.quantity,
        row_total=money.row_net,
        tax=money.tax,
        discount=money.discount_net,
        item_id=line.item_id,
        fulfilled=min(line.quantity_fulfilled, line.quantity),
        product=product,
    )


def _extras(line: Line, money: LineAmounts) -> list[OrderLine]:
    found = []
    for sku, label, net, tax in (
        (GIFT_WRAP_SKU, "Gift wrap", money.gift_wrap_net, money.gift_wrap_tax),
        (ADJUSTMENT_SKU, "Other charges", money.other_net, money.other_tax),
    ):
        if net != ZERO or tax != ZERO:
            found.append(OrderLine(sku, _name(f"{label} for {line.sku}", label), 1, net, tax))
    return found


def _take_off(found: Charges, rest: Decimal) -> Charges:
    """`rest` spread over what is left of rows and shipping, in their order."""
    lines: list[OrderLine] = []
    for line in found.lines:
        share = max(ZERO, min(rest, line.row_total - line.discount))
        lines.append(replace(line, discount=line.discount + share))
        rest -= share
    share = max(ZERO, min(rest, found.shipping - found.shipping_discount))
    if rest > share:
        raise CannotMap(
            HoldCode.TOTALS_UNCLEAR, "more is deducted from the order than its items cost"
        )
    return replace(found, lines=tuple(lines), shipping_discount=found.shipping_discount + share)


def _name(text: str, otherwise: str) -> str:
    return plain(text, _LONGEST_NAME) or plain(otherwise, _LONGEST_NAME) or "-"


def item(line: OrderLine, *, store_id: int, shipped: int) -> dict[str, Any]:
    """A row as Magento's order item; `shipped` of its quantity count as sent already."""
    gross = line.row_total + line.tax
    each, gross_each = _each(line.row_total, line.quantity), _each(gross, line.quantity)
    taxed = line.row_total - line.discount
    fields: dict[str, Any] = {
        "store_id": store_id,
        "product_type": "simple" if line.is_goods else "virtual",
        "is_virtual": 0 if line.is_goods else 1,
        "is_qty_decimal": 0,
        "sku": line.sku,
        "name": line.name,
        "qty_ordered": line.quantity,
        "tax_percent": _rounded(line.tax * 100 / taxed) if taxed > ZERO else ZERO,
        "weight": line.product.weight if line.product else ZERO,
        "row_weight": line.weight,
        **twins(
            price=each,
            original_price=each,
            price_incl_tax=gross_each,
            row_total=line.row_total,
            row_total_incl_tax=gross,
            tax_amount=line.tax,
            discount_amount=line.discount,
            discount_tax_compensation_amount=ZERO,
        ),
    }
    if line.is_goods:
        fields["ext_order_item_id"] = line.item_id
    if line.product is not None:
        fields["product_id"] = line.product.id
    if shipped:
        fields["qty_shipped"] = shipped
    return fields


def twins(**amounts: Decimal) -> dict[str, Decimal]:
    """Every amount under its name and under `base_` too: both currencies are the same here."""
    return amounts | {f"base_{name}": amount for name, amount in amounts.items()}


def _each(total: Decimal, quantity: int) -> Decimal:
    return _rounded(total / quantity)


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_FOUR_DIGITS, rounding=ROUND_HALF_UP)
