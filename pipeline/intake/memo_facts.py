"""What a credit memo refunds, as it is stored with our order: the facts for a refund at Amazon.

Amounts are major units of the memo's currency. Comments may name the buyer: only the word that
decides about the refund at Amazon, and the reason that Amazon knows, are kept of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, get_args

from pipeline.base.money import ZERO
from pipeline.intake.tables import Refund
from pipeline.magento.order.charges import GIFT_WRAP_SKU
from pipeline.magento.records import CreditMemo
from pipeline.settings.marketplace import RefundReason

CANCELLED = 3
"""Magento's state of a credit memo that was cancelled."""

_WORD = re.compile(r"(?<![\w-])(no-)?amazon-refund(?![\w-])(?:\s*:\s*([a-z]+))?", re.IGNORECASE)
_REASONS = {reason.casefold(): reason for reason in get_args(RefundReason)}


class MemoWord(StrEnum):
    """What a comment of the memo says about the refund at Amazon."""

    NONE = ""
    REFUND = "amazon-refund"
    NO_REFUND = "no-amazon-refund"


class CommentWord(NamedTuple):
    """The word in a memo's comments, and the reason behind it; "" where there is none."""

    word: MemoWord = MemoWord.NONE
    reason: str = ""


def comment_word(comments: Iterable[str]) -> CommentWord:
    """The word in the comments: `no-amazon-refund` wins, and of the others the last with a reason.

    A reason that Amazon does not know is no reason.
    """
    found = [match for comment in comments for match in _WORD.finditer(comment)]
    if any(match[1] for match in found):
        return CommentWord(MemoWord.NO_REFUND)
    reasons = [_REASONS[key] for match in found if (key := (match[2] or "").casefold()) in _REASONS]
    word = MemoWord.REFUND if found else MemoWord.NONE
    return CommentWord(word, reasons[-1] if reasons else "")


@dataclass(frozen=True, slots=True)
class MemoLine:
    """A line of a credit memo: `total` is after discount with tax, `tax` the tax in it, `row` is
    before tax and discount.

    `item_id` is the marketplace's, "" for a line that is not the marketplace's. `name` is kept of a
    gift wrap only, whose name tells its item.
    """

    item_id: str
    sku: str
    quantity: Decimal
    total: Decimal
    tax: Decimal = ZERO
    row: Decimal = ZERO
    discount: Decimal = ZERO
    name: str = ""


@dataclass(frozen=True, slots=True)
class MemoFacts:
    """A credit memo. `shipping` includes its tax and is before its discount; `tax` and `discount`
    are those of the lines and the shipping."""

    memo_id: int
    created_at: datetime
    currency: str
    grand_total: Decimal
    lines: tuple[MemoLine, ...] = ()
    shipping: Decimal = ZERO
    shipping_tax: Decimal = ZERO
    subtotal: Decimal = ZERO
    tax: Decimal = ZERO
    discount: Decimal = ZERO
    tax_compensation: Decimal = ZERO
    adjustment_positive: Decimal = ZERO
    adjustment_negative: Decimal = ZERO
    base_currency: str = ""
    state: int = 0
    word: MemoWord = MemoWord.NONE
    reason: str = ""

    @property
    def adjustment(self) -> Decimal:
        """The money given back beyond lines and shipping, negative when a fee was kept."""
        return self.adjustment_positive - self.adjustment_negative

    @property
    def shipping_total(self) -> Decimal:
        """The shipping after its discount, with tax: the memo's discount that no line has is its
        shipping's."""
        discount = self.discount - sum((line.discount for line in self.lines), ZERO)
        compensation = self.tax_compensation - sum(
            (line.total + line.discount - line.row - line.tax for line in self.lines), ZERO
        )
        return self.shipping - discount + compensation

    def as_json(self) -> dict[str, Any]:
        """The facts for which the memo's row has no columns."""
        return {
            **{name: _plain(getattr(self, name)) for name in _AMOUNTS},
            "lines": [_line_as_json(line) for line in self.lines],
            "base_currency": self.base_currency,
            "state": self.state,
            "word": self.word,
            "reason": self.reason,
        }


_AMOUNTS = (
    "shipping",
    "shipping_tax",
    "subtotal",
    "tax",
    "discount",
    "tax_compensation",
    "adjustment_positive",
    "adjustment_negative",
)
_LINE_AMOUNTS = ("quantity", "total", "tax", "row", "discount")


def facts_of(memo: CreditMemo, item_ids: Mapping[int, str]) -> MemoFacts:
    """The facts of a credit memo; `item_ids` are the marketplace's by the shop's order item id."""
    said = comment_word(memo.comments)
    return MemoFacts(
        memo_id=memo.entity_id,
        created_at=memo.created_at,
        currency=memo.currency,
        grand_total=memo.grand_total,
        lines=tuple(
            MemoLine(
                item_id=item_ids.get(line.order_item_id, ""),
                sku=line.sku,
                quantity=line.quantity,
                total=line.total,
                tax=line.tax,
                row=line.row,
                discount=line.discount,
                name=line.name if line.sku == GIFT_WRAP_SKU else "",
            )
            for line in memo.lines
        ),
        base_currency=memo.base_currency,
        state=memo.state,
        word=said.word,
        reason=said.reason,
        **{name: getattr(memo, name) for name in _AMOUNTS},
    )


def stored_facts(refund: Refund) -> MemoFacts | None:
    """The facts of a stored memo; None for a memo of which they are not known.

    An older release stored none, and its memo may be gone from the shop by now. Another release may
    have stored more or less of them: each is read by its name.
    """
    kept = refund.facts
    if not kept:
        return None
    return MemoFacts(
        memo_id=refund.magento_creditmemo_id,
        created_at=refund.refunded_at,
        currency=refund.currency,
        grand_total=refund.grand_total,
        lines=tuple(
            MemoLine(
                item_id=line.get("item_id", ""),
                sku=line.get("sku", ""),
                name=line.get("name", ""),
                **{name: Decimal(line.get(name, 0)) for name in _LINE_AMOUNTS},
            )
            for line in kept.get("lines", ())
        ),
        base_currency=kept.get("base_currency", ""),
        state=kept.get("state", 0),
        word=MemoWord(word) if (word := kept.get("word")) in set(MemoWord) else MemoWord.NONE,
        reason=kept.get("reason", ""),
        **{name: Decimal(kept.get(name, 0)) for name in _AMOUNTS},
    )


def _line_as_json(line: MemoLine) -> dict[str, str]:
    """The line without its empty fields."""
    texts = {"item_id": line.item_id, "sku": line.sku, "name": line.name}
    amounts = {name: getattr(line, name) for name in _LINE_AMOUNTS}
    return {name: text for name, text in texts.items() if text} | {
        name: _plain(amount) for name, amount in amounts.items() if amount
    }


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
