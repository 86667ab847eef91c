"""Reads Amazon's transactions: what an order brought, cost and gave back. Pure.

Source: listTransactions of the Finances API 2024-06-19, whose model requires nothing: any part may
be null. Words are compared without case, and unknown ones are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from pipeline.amazon.json_fields import blocks, look, moment, number, text, whole, word
from pipeline.base.money import ZERO

_PARTS_OF_A_FEE = frozenset({"base", "tax"})
_SIDES = frozenset({"sales", "expenses", "refundedsales", "refundedexpenses"})


class Leaf(NamedTuple):
    """An amount of a transaction, and the group of amounts that it belongs to.

    `tax` is the tax within a fee's amount.
    """

    group: str
    kind: str
    amount: Decimal
    tax: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class TransactionItem:
    """The part of a transaction that belongs to a SKU. Amazon names no order item.

    `quantity` of a refund may be the order's: it is no number of returned units.
    """

    sku: str
    quantity: int | None
    total: Decimal
    leaves: tuple[Leaf, ...]
    adjustment_item_id: str = ""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction; `kind` is Amazon's transactionType, an open list of words.

    `identifiers` are the related identifiers by name, in capitals. `leaves` are the amounts of the
    whole, which count only where no item has any. `status` is in capitals, empty where Amazon gives
    none.
    """

    transaction_id: str
    kind: str
    status: str
    posted_at: datetime
    currency: str
    total: Decimal
    marketplace_id: str
    identifiers: Mapping[str, str]
    items: tuple[TransactionItem, ...]
    leaves: tuple[Leaf, ...]
    deferral_reason: str = ""
    matures_at: datetime | None = None

    @property
    def order_id(self) -> str:
        """Amazon's order number; empty for what belongs to no order."""
        return self.identifiers.get("ORDER_ID", "")

    @property
    def refund_id(self) -> str:
        return self.identifiers.get("REFUND_ID", "")

    @property
    def settlement_id(self) -> str:
        return self.identifiers.get("SETTLEMENT_ID", "")

    @property
    def copy_of(self) -> str:
        """The deferred transaction that this one releases: the same money, never to be added."""
        return self.identifiers.get("DEFERRED_TRANSACTION_ID", "")

    @property
    def is_deferred(self) -> bool:
        """Whether the money is still held back."""
        return self.status == "DEFERRED"

    @property
    def counted(self) -> tuple[Leaf, ...]:
        """The amounts that count, each once."""
        of_items = tuple(leaf for item in self.items for leaf in item.leaves)
        return of_items or self.leaves


def parse_transaction(block: Mapping[str, Any]) -> Transaction | None:
    """The transaction; None where it has no id, time or amount."""
    transaction_id, posted_at = word(block, "transactionId"), moment(block, "postedDate")
    total = number(block, "totalAmount", "currencyAmount")
    if not transaction_id or posted_at is None or total is None:
        return None
    deferral = _context(block, "DeferredContext")
    return Transaction(
        transaction_id=transaction_id,
        kind=word(block, "transactionType"),
        status=word(block, "transactionStatus").upper(),
        posted_at=posted_at,
        currency=word(block, "totalAmount", "currencyCode").upper(),
        total=total,
        marketplace_id=word(block, "marketplaceDetails", "marketplaceId")
        or word(block, "sellingPartnerMetadata", "marketplaceId"),
        identifiers={
            name.upper(): value
            for each in blocks(block, "relatedIdentifiers")
            if (name := word(each, "relatedIdentifierName"))
            and (value := word(each, "relatedIdentifierValue"))
        },
        items=tuple(_item(each) for each in blocks(block, "items")),
        leaves=tuple(_leaves(block)),
        deferral_reason=word(deferral, "deferralReason"),
        matures_at=moment(deferral, "maturityDate"),
    )


def _item(block: Mapping[str, Any]) -> TransactionItem:
    product = _context(block, "ProductContext")
    numbers = (
        word(each, "itemRelatedIdentifierValue")
        for each in blocks(block, "relatedIdentifiers")
        if word(each, "itemRelatedIdentifierName").upper() == "ORDER_ADJUSTMENT_ITEM_ID"
    )
    return TransactionItem(
        sku=word(product, "sku"),
        quantity=whole(product, "quantityShipped"),
        total=number(block, "totalAmount", "currencyAmount") or ZERO,
        leaves=tuple(_leaves(block)),
        adjustment_item_id=next(numbers, ""),
    )


def _context(block: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found = (
        each
        for each in blocks(block, "contexts")
        if text(each, "contextType").lower() == kind.lower()
    )
    return next(found, {})


def _leaves(block: Mapping[str, Any], group: str = "") -> Iterator[Leaf]:
    """The deepest amounts of a tree: a parent's amount is the sum of its children's.

    A fee with its net and its tax below it is one amount.
    """
    for each in blocks(block, "breakdowns"):
        kind = word(each, "breakdownType")
        amount = number(each, "breakdownAmount", "currencyAmount") or ZERO
        below = blocks(each, "breakdowns")
        is_side = kind.lower().replace(" ", "") in _SIDES
        parts = {word(part, "breakdownType").lower(): part for part in below}
        if not below or (parts.keys() <= _PARTS_OF_A_FEE and not is_side):
            tax = number(look(parts, "tax"), "breakdownAmount", "currencyAmount") or ZERO
            if kind and amount:
                yield Leaf(group or kind, kind, amount, tax)
        else:
            yield from _leaves(each, group if is_side else kind)
