"""Settlement files as Amazon writes them, in the styles of its marketplaces, and the transactions
that say the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from pipeline.amazon.transactions import Leaf, Transaction, TransactionItem
from tests.builders import GERMANY

STARTS = datetime(2026, 11, 1, tzinfo=UTC)
ENDS = datetime(2026, 11, 15, tzinfo=UTC)
ID = "11556677881"
COLUMNS = (
    *("settlement-id", "settlement-start-date", "settlement-end-date", "deposit-date"),
    *("total-amount", "currency", "transaction-type", "order-id", "merchant-order-id"),
    *("adjustment-id", "shipment-id", "marketplace-name", "amount-type", "amount-description"),
    *("amount", "fulfillment-id", "posted-date", "posted-date-time", "order-item-code"),
    *("merchant-order-item-id", "merchant-adjustment-item-id", "sku", "quantity-purchased"),
    "promotion-id",
)
LEAVES = {
    ("ItemPrice", "Principal"): "OurPricePrincipal",
    ("ItemPrice", "Tax"): "OurPriceTax",
    ("ItemPrice", "Shipping"): "ShippingPrincipal",
    ("ItemFees", "Commission"): "Commission",
    ("ItemFees", "FBAPerUnitFulfillmentFee"): "FBAPerUnitFulfillmentFee",
}


@dataclass(frozen=True)
class Style:
    """How the file writes numbers and dates."""

    comma: bool = False
    points: bool = False

    def amount(self, amount: Decimal) -> str:
        """With thousands, as a marketplace writes it."""
        text = f"{amount:,.2f}"
        return text.translate(str.maketrans(".,", ",.")) if self.comma else text

    def day(self, at: datetime) -> str:
        """A day."""
        return f"{at:%d.%m.%Y}" if self.points else f"{at:%m/%d/%y}"

    def time(self, at: datetime) -> str:
        """A time."""
        return f"{at:%d.%m.%Y %H:%M:%S} UTC" if self.points else f"{at:%Y-%m-%d %H:%M:%S} UTC"


AMERICAN = Style()
EUROPEAN = Style(comma=True, points=True)


@dataclass(frozen=True)
class Line:
    """A row of the file."""

    amount: Decimal
    order: str = ""
    kind: tuple[str, str] = ("ItemPrice", "Principal")
    transaction_type: str = "Order"
    sku: str = "MUG-BLUE"
    at: datetime = STARTS + timedelta(days=2)
    more: Mapping[str, str] = field(default_factory=dict)


def a_file(
    lines: Iterable[Line],
    style: Style = AMERICAN,
    *,
    total: Decimal | None = None,
    settlement_id: str = ID,
    currency: str = "EUR",
) -> str:
    """The text of a settlement; its total is the rows' unless another is given."""
    lines = list(lines)
    summary = {
        "settlement-id": settlement_id,
        "settlement-start-date": style.time(STARTS),
        "settlement-end-date": style.time(ENDS),
        "deposit-date": style.time(ENDS + timedelta(days=2)),
        "total-amount": style.amount(
            sum((line.amount for line in lines), Decimal(0)) if total is None else total
        ),
        "currency": currency,
    }
    rows = [
        {
            "settlement-id": settlement_id,
            "transaction-type": line.transaction_type,
            "order-id": line.order,
            "marketplace-name": "Amazon.de",
            "amount-type": line.kind[0],
            "amount-description": line.kind[1],
            "amount": style.amount(line.amount),
            "posted-date": style.day(line.at),
            "posted-date-time": style.time(line.at),
            "sku": line.sku if line.order else "",
            "quantity-purchased": "1" if line.order else "",
            **line.more,
        }
        for line in lines
    ]
    table = [COLUMNS, *([row.get(name, "") for name in COLUMNS] for row in (summary, *rows))]
    return "\n".join("\t".join(row) for row in table) + "\n"


def an_order_number(number: int) -> str:
    """The number of an order in the file."""
    return f"302-7770000-{number:07}"


def sales(orders: int) -> list[Line]:
    """The rows of sold orders; every tenth was of two units of one SKU, in two equal rows."""
    lines: list[Line] = []
    for number in range(1, orders + 1):
        order, price = an_order_number(number), Decimal(1000 + number * 37) / 100
        for _ in range(2 if number % 10 == 0 else 1):
            lines.append(Line(price, order))
            lines.append(Line(Decimal("3.99"), order, ("ItemPrice", "Shipping")))
            fee = -(price * Decimal("0.15")).quantize(Decimal("0.01"))
            lines.append(Line(fee, order, ("ItemFees", "Commission")))
    return lines


WITHOUT_ORDER = (
    Line(Decimal("-39.00"), "", ("other-transaction", "Subscription Fee"), "other-transaction"),
    Line(Decimal("-12.34"), "FBA15ABCDEF", ("FBA storage fee", "FBAStorageFee"), "FBAFees"),
)
"""Two rows that belong to no order."""


def transactions_of(lines: Sequence[Line], *, named: bool = False) -> list[Transaction]:
    """The transactions of the same books: a shipment for each order of these rows."""
    by_order: dict[str, list[Line]] = {}
    for line in lines:
        if line.order and not line.order.startswith("FBA"):
            by_order.setdefault(line.order, []).append(line)
    return [a_transaction(order, own, named=named) for order, own in by_order.items()]


def a_transaction(
    order: str,
    lines: Sequence[Line],
    *,
    named: bool = False,
    transaction_id: str = "",
    status: str = "RELEASED",
    posted_at: datetime = STARTS + timedelta(days=2),
    **identifiers: str,
) -> Transaction:
    """A transaction of these amounts; `named` says that it names its settlement."""
    total = sum((line.amount for line in lines), Decimal(0))
    leaves = tuple(Leaf(line.kind[0], LEAVES[line.kind], line.amount) for line in lines)
    return Transaction(
        transaction_id=transaction_id or f"T-{order}",
        kind="Shipment",
        status=status,
        posted_at=posted_at,
        currency="EUR",
        total=total,
        marketplace_id=GERMANY,
        identifiers={"ORDER_ID": order, **({"SETTLEMENT_ID": ID} if named else {}), **identifiers},
        items=(TransactionItem(lines[0].sku, 1, total, leaves),),
        leaves=(),
    )
