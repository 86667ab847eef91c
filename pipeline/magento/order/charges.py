"""The charges of an order: a row for each amount that Amazon charged.

Magento computes nothing when an order is saved over REST, and its invoices need lines that add up.
So every row is in whole minor units, and the order's totals are sums of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from pipeline.base.errors import CannotMap
from pipeline.base.money import ZERO, four_digits
from pipeline.magento.order.plain_text import plain
from pipeline.magento.order.tax_rates import Taxed, rates
from pipeline.magento.records import Product
from pipeline.orders.amounts import Amounts, LineAmounts
from pipeline.orders.channel_order import Line
from pipeline.orders.outcome import HoldCode

GiftWrap = Literal["line", "price"]

GIFT_WRAP_SKU = "amazon-gift-wrap"
ADJUSTMENT_SKU = "amazon-adjustment"

_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A row of the new order: net before discount, discount and tax of the whole quantity.

    `tax_percent` is the rate of the taxed part. `is_collected`: Amazon collects and pays the tax.
    """

    sku: str
    name: str
    quantity: int
    row_total: Decimal
    tax: Decimal = ZERO
    discount: Decimal = ZERO
    tax_percent: Decimal = ZERO
    is_collected: bool = False
    item_id: str = ""
    fulfilled: int = 0
    product: Product | None = None

    @property
    def is_goods(self) -> bool:
        """False for a charge, which is never shipped."""
        return bool(self.item_id)

    @property
    def weight(self) -> Decimal:
        """The weight of the whole row, in the shop's unit."""
        return self.product.weight * self.quantity if self.product else ZERO


@dataclass(frozen=True, slots=True)
class Shipping:
    """The shipping charge of a line: net before discount, discount and tax."""

    net: Decimal
    tax: Decimal = ZERO
    discount: Decimal = ZERO
    tax_percent: Decimal = ZERO
    is_collected: bool = False


@dataclass(frozen=True, slots=True)
class Charges:
    """All rows and the shipping charges of an order, in the same currency."""

    lines: tuple[OrderLine, ...]
    shipping: tuple[Shipping, ...]

    def in_base(self, rate: Decimal) -> Charges:
        """The same charges in the base currency, one unit of which is `rate` units of this one.

        Each amount is converted separately to four decimals, the precision of Magento, so that
        totals are sums of rows in the base currency too.
        """
        if rate == 1:
            return self

        def based(amount: Decimal) -> Decimal:
            return four_digits(amount / rate)

        return Charges(
            tuple(
                replace(
                    line,
                    row_total=based(line.row_total),
                    tax=based(line.tax),
                    discount=based(line.discount),
                )
                for line in self.lines
            ),
            tuple(
                replace(
                    charge,
                    net=based(charge.net),
                    tax=based(charge.tax),
                    discount=based(charge.discount),
                )
                for charge in self.shipping
            ),
        )

    def totals(self) -> dict[str, Decimal]:
        """The order's totals by their Magento names: sums of the rows and the shipping."""
        subtotal = sum((line.row_total for line in self.lines), ZERO)
        row_taxes = sum((line.tax for line in self.lines), ZERO)
        shipping = sum((charge.net for charge in self.shipping), ZERO)
        shipping_tax = sum((charge.tax for charge in self.shipping), ZERO)
        shipping_discount = sum((charge.discount for charge in self.shipping), ZERO)
        discount = sum((line.discount for line in self.lines), shipping_discount)
        tax = row_taxes + shipping_tax
        grand_total = subtotal + shipping + tax - discount
        return {
            "subtotal": subtotal,
            "subtotal_incl_tax": subtotal + row_taxes,
            "discount_amount": ZERO - discount,
            "discount_tax_compensation_amount": ZERO,
            "shipping_amount": shipping,
            "shipping_incl_tax": shipping + shipping_tax,
            "shipping_tax_amount": shipping_tax,
            "shipping_discount_amount": shipping_discount,
            "tax_amount": tax,
            "grand_total": grand_total,
            "total_due": grand_total,
        }


def charges(
    lines: Iterable[Line],
    amounts: Amounts,
    products: Mapping[str, Product],
    gift_wrap: GiftWrap = "line",
) -> Charges:
    """Rows for goods, gift wraps and other charges.

    With `gift_wrap` "price" the row of the goods includes the gift wrap. A negative adjustment
    becomes a discount on rows and shipping. Raises CannotMap(TOTALS_UNCLEAR) when a line has no
    amounts, or when the adjustment exceeds the amounts that are left.
    """
    shipping: list[Shipping] = []
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
        if gift_wrap == "price":
            money = replace(
                money,
                row_net=money.row_net + money.gift_wrap_net,
                tax=money.tax + money.gift_wrap_tax,
                gift_wrap_net=ZERO,
                gift_wrap_tax=ZERO,
            )
        rows.append(_goods(line, money, products.get(line.sku)))
        extras += _extras(line, money)
        shipping.append(_shipping(money))
    extras += [
        OrderLine(ADJUSTMENT_SKU, _name(adjustment.label, "Adjustment"), 1, adjustment.amount)
        for adjustment in amounts.adjustments
        if adjustment.amount > ZERO
    ]
    charges = _with_rates(Charges((*rows, *extras), tuple(shipping)), amounts.currency)
    below = sum(
        (adjustment.amount for adjustment in amounts.adjustments if adjustment.amount < ZERO), ZERO
    )
    return _take_off(charges, -below)


def _goods(line: Line, money: LineAmounts, product: Product | None) -> OrderLine:
    return OrderLine(
        sku=product.sku if product else line.sku,
        name=_name(line.title, product.name if product else line.sku),
        quantity=line.quantity,
        row_total=money.row_net,
        tax=money.tax,
        discount=money.discount_net,
        is_collected=money.tax_is_collected_by_marketplace,
        item_id=line.item_id,
        fulfilled=min(line.quantity_fulfilled, line.quantity),
        product=product,
    )


def _extras(line: Line, money: LineAmounts) -> list[OrderLine]:
    rows = []
    for sku, label, net, tax in (
        (GIFT_WRAP_SKU, "Gift wrap", money.gift_wrap_net, money.gift_wrap_tax),
        (ADJUSTMENT_SKU, "Other charges", money.other_net, money.other_tax),
    ):
        if net != ZERO or tax != ZERO:
            rows.append(
                OrderLine(
                    sku=sku,
                    name=_name(f"{label} for {line.sku}", label),
                    quantity=1,
                    row_total=net,
                    tax=tax,
                    is_collected=money.tax_is_collected_by_marketplace,
                )
            )
    return rows


def _shipping(money: LineAmounts) -> Shipping:
    return Shipping(
        net=money.shipping_net,
        tax=money.shipping_tax,
        discount=money.shipping_discount_net,
        is_collected=money.tax_is_collected_by_marketplace,
    )


def _with_rates(charges: Charges, currency: str) -> Charges:
    """Add the rate of every tax. Tax that Amazon collects and pays itself has separate rates."""
    lines, shipping = list(charges.lines), list(charges.shipping)
    for is_collected in (False, True):
        rows = [place for place, line in enumerate(lines) if line.is_collected is is_collected]
        sent = [
            place for place, charge in enumerate(shipping) if charge.is_collected is is_collected
        ]
        taxed = [
            Taxed(line.tax, line.row_total - line.discount, line.quantity)
            for line in (lines[place] for place in rows)
        ]
        taxed += [
            Taxed(charge.tax, charge.net - charge.discount)
            for charge in (shipping[n] for n in sent)
        ]
        percents = rates(taxed, currency)
        for place, percent in zip(rows, percents[: len(rows)], strict=True):
            lines[place] = replace(lines[place], tax_percent=percent)
        for place, percent in zip(sent, percents[len(rows) :], strict=True):
            shipping[place] = replace(shipping[place], tax_percent=percent)
    return Charges(tuple(lines), tuple(shipping))


def _take_off(charges: Charges, rest: Decimal) -> Charges:
    """Spread the discount `rest` over the rows and then the shipping, in their order."""
    lines: list[OrderLine] = []
    for line in charges.lines:
        share = max(ZERO, min(rest, line.row_total - line.discount))
        lines.append(replace(line, discount=line.discount + share))
        rest -= share
    shipping: list[Shipping] = []
    for charge in charges.shipping:
        share = max(ZERO, min(rest, charge.net - charge.discount))
        shipping.append(replace(charge, discount=charge.discount + share))
        rest -= share
    if rest > ZERO:
        raise CannotMap(
            HoldCode.TOTALS_UNCLEAR, "more is deducted from the order than its items cost"
        )
    return Charges(tuple(lines), tuple(shipping))


def _name(text: str, otherwise: str) -> str:
    return plain(text, _LONGEST_NAME) or plain(otherwise, _LONGEST_NAME) or "-"
