"""An order's taxes as the rows behind Magento's tax reports and tax summaries.

Magento accepts these rows since 2.4.7; an earlier version refuses the whole order for an unknown
field.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from pipeline.magento.order.charges import Charges, OrderLine, Shipping

OWN, COLLECTED = "Tax", "Collected and paid by Amazon"

Taxed = OrderLine | Shipping
Pair = tuple[Taxed, Taxed]


def of_order(charges: Charges, base: Charges) -> dict[str, Any]:
    """The order's extension attributes: a row for each rate, and the part that is for shipping.

    Tax that Amazon collects and pays itself is in rows with a separate title. The rows sum to the
    order's tax; without tax the result is empty. Source: tax-data-order-tax-interface.
    """
    shipping: list[Pair] = list(zip(charges.shipping, base.shipping, strict=True))
    lines: list[Pair] = list(zip(charges.lines, base.lines, strict=True))
    every = _by_rate([*lines, *shipping])
    if not every:
        return {}
    return {
        "taxes": [
            {
                "code": _code(first),
                "title": _title(first),
                "percent": first.tax_percent,
                "amount": amount,
                "base_amount": base_amount,
                "base_real_amount": base_amount,
                "priority": 0,
                "position": 0,
                "process": 0,
            }
            for first, amount, base_amount in every
        ],
        "additional_itemized_taxes": [_itemized("shipping", *row) for row in _by_rate(shipping)],
    }


def of_line(line: OrderLine, base: OrderLine) -> dict[str, Any]:
    """An order item's share of the order's tax rows, under its key; empty without tax."""
    parts = [_itemized("product", *row) for row in _by_rate([(line, base)])]
    return {"extension_attributes": {"itemized_taxes": parts}} if parts else {}


def _by_rate(pairs: Iterable[Pair]) -> list[tuple[Taxed, Decimal, Decimal]]:
    """For each tax code, the first entry with this code and the sums in both currencies."""
    by_code: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        if pair[0].tax:
            by_code[_code(pair[0])].append(pair)
    return [
        (
            same[0][0],
            sum((taxed.tax for taxed, _ in same), Decimal(0)),
            sum((base.tax for _, base in same), Decimal(0)),
        )
        for same in by_code.values()
    ]


def _itemized(kind: str, taxed: Taxed, amount: Decimal, base_amount: Decimal) -> dict[str, Any]:
    return {
        "tax_code": _code(taxed),
        "tax_percent": taxed.tax_percent,
        "amount": amount,
        "base_amount": base_amount,
        "real_amount": amount,
        "real_base_amount": base_amount,
        "taxable_item_type": kind,
    }


def _title(taxed: Taxed) -> str:
    return COLLECTED if taxed.is_collected else OWN


def _code(taxed: Taxed) -> str:
    """The code that links an item's tax to its row, and appears in the tax report."""
    return f"{COLLECTED if taxed.is_collected else 'Amazon'} {taxed.tax_percent.normalize():f}%"
