"""The records of a refund at Amazon: what the buyer paid and got back, and the message or the hold.

Amounts are major units of the order's currency, totals of an item for all its units. Every amount
of a component is what the buyer paid or gets for it: tax included unless a component of its own or
Amazon itself gives the tax back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pipeline.amazon.refund_documents import ComponentType
from pipeline.base.money import ZERO
from pipeline.intake.own_memos import OwnMemos

NO_MEMOS = OwnMemos()


class RefundHold(StrEnum):
    """Why a credit memo is not sent to Amazon, or not without a person."""

    OWN_MEMO = "own_memo"
    FBA = "fba"
    ORDER_CANCELLED = "order_cancelled"
    MEMO_CANCELLED = "memo_cancelled"
    NOTHING_REFUNDED = "nothing_refunded"
    FREE_ORDER = "free_order"
    FORBIDDEN = "forbidden"
    MAYBE_OWN_MEMO = "maybe_own_memo"
    NOT_READ = "not_read"
    MEMO_OPEN = "memo_open"
    BEFORE_START = "before_start"
    CURRENCY = "currency"
    NOT_SHIPPED = "not_shipped"
    AMOUNTS_UNCLEAR = "amounts_unclear"
    MEMO_UNCLEAR = "memo_unclear"
    OTHER_LINE = "other_line"
    GIFT_WRAP_UNCLEAR = "gift_wrap_unclear"
    TAX_UNCLEAR = "tax_unclear"
    ADJUSTMENT_UNCLEAR = "adjustment_unclear"
    FEE_TOO_HIGH = "fee_too_high"
    OVER_BALANCE = "over_balance"
    DIFFERS = "differs"
    REFUND_UNCLEAR = "refund_unclear"
    MAYBE_REFUNDED = "maybe_refunded"


@dataclass(frozen=True, slots=True)
class NotSendable:
    """A memo that is not sent: the code, the reason in a sentence, and the figures.

    `is_final`: it is never to be sent; otherwise a person decides, or a later reading.
    """

    code: RefundHold
    sentence: str
    facts: Mapping[str, str] = field(default_factory=dict)
    is_final: bool = False


class Held(Exception):
    """Ends the planning of a refund: the memo is not sent."""

    def __init__(
        self, code: RefundHold, sentence: str, *, is_final: bool = False, **facts: object
    ) -> None:
        super().__init__(sentence)
        figures = {name: str(value) for name, value in facts.items()}
        self.outcome = NotSendable(code, sentence, figures, is_final)


class TaxMode(StrEnum):
    """Who gives back the tax of an item, and by which component."""

    INSIDE = "inside"
    """No tax, or a price that includes it: Principal is gross, and there is no Tax."""
    ON_TOP = "on top"
    """The seller's own tax beside the price: a component Tax."""
    BY_AMAZON = "by Amazon"
    """Amazon collected the tax and gives it back itself: Principal without tax, and no Tax."""
    BY_VCS = "by Amazon's VAT service"
    """A price that includes the VAT that Amazon computed: which amount is Principal is unproven."""


class Slot(StrEnum):
    """What an amount is paid for."""

    GOODS = "goods"
    SHIPPING = "shipping"
    GIFT_WRAP = "gift wrap"


PRICE = {
    Slot.GOODS: ComponentType.PRINCIPAL,
    Slot.SHIPPING: ComponentType.SHIPPING,
    Slot.GIFT_WRAP: ComponentType.GIFT_WRAP,
}
TAX = {
    Slot.GOODS: ComponentType.TAX,
    Slot.SHIPPING: ComponentType.SHIPPING_TAX,
    Slot.GIFT_WRAP: ComponentType.GIFT_WRAP_TAX,
}
PRICE_OF = {TAX[slot]: PRICE[slot] for slot in Slot}
"""The price of each tax."""


@dataclass(frozen=True, slots=True)
class Paid:
    """What the buyer paid, after discounts: without tax, and the tax inside the order's total."""

    net: Decimal = ZERO
    tax: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class PaidItem:
    """An order item at Amazon, with what the buyer paid for all its units."""

    item_id: str
    sku: str
    quantity: int
    paid: Mapping[Slot, Paid]
    tax_mode: TaxMode = TaxMode.INSIDE

    def of(self, slot: Slot) -> Paid:
        return self.paid.get(slot, Paid())


@dataclass(frozen=True, slots=True)
class OrderPaid:
    """What the buyer paid for an order, and what decides whether a memo of it is sent.

    `wrap_is_in_price`: the shop's row of the goods includes their gift wrap. `unclear` says why
    Amazon's amounts are not certain. `unread_refunds` are the words of refunds at Amazon that
    belong to no known component.
    """

    external_id: str
    currency: str
    items: tuple[PaidItem, ...]
    is_fba: bool = False
    is_cancelled: bool = False
    is_partly_shipped: bool = False
    wrap_is_in_price: bool = False
    unclear: str = ""
    own_memos: OwnMemos = NO_MEMOS
    is_buyer_cancelled: bool = False
    is_undelivered: bool = False
    unread_refunds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Given:
    """An amount that the buyer got back, or may have got back, each refund counted once.

    `item_ids` are the items that it may belong to: several where Amazon names the SKU alone, and
    then each is taken to have got it. Of goods, `units` is the number of units taken back.
    """

    item_ids: frozenset[str]
    component: ComponentType
    amount: Decimal
    units: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class RefundRules:
    """The settings of a marketplace, and the decision of a person about this memo.

    `reason` is for goods that came back. `chosen_reason` is a person's. `since` is since when
    refunds go to Amazon. `spread_adjustments`: money given back for no line is spread over several
    items. `allow_goodwill`: what exceeds the paid goods is sent as Goodwill. `gross_without_tax`:
    tax has no component of its own, as VAT of Amazon's service needs it and as Amazon asks for
    where it refused a tax.
    """

    reason: str = "CustomerReturn"
    chosen_reason: str = ""
    since: datetime | None = None
    spread_adjustments: bool = False
    allow_goodwill: bool = False
    gross_without_tax: bool = False


@dataclass(frozen=True, slots=True)
class AdjustedItem:
    """The refund of an order item. Not sent are `units`, those taken back, and `by_amazon`, the tax
    that Amazon gives back itself, by component."""

    item_id: str
    reference: str
    amounts: Mapping[ComponentType, Decimal]
    units: Decimal = ZERO
    by_amazon: Mapping[ComponentType, Decimal] = field(default_factory=dict)

    @property
    def total(self) -> Decimal:
        return sum(self.amounts.values(), ZERO)


@dataclass(frozen=True, slots=True)
class RefundMessage:
    """A refund to send. Total, `by_amazon` and `rounding` sum to the memo's grand total exactly.

    `by_amazon` is the tax that Amazon collected and gives back itself. `rounding` is what the memo
    has beyond Amazon's own figures where these are refunded entirely: at most a minor unit for each
    component.
    """

    external_id: str
    currency: str
    reason: str
    items: tuple[AdjustedItem, ...]
    rounding: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return sum((item.total for item in self.items), ZERO)

    @property
    def by_amazon(self) -> Decimal:
        return sum((sum(item.by_amazon.values(), ZERO) for item in self.items), ZERO)

    def body(self) -> dict[str, Any]:
        """The message as JSON, for `refund_documents.write` and `given_by`."""
        return {
            "order": self.external_id,
            "currency": self.currency,
            "reason": self.reason,
            "by_amazon": f"{self.by_amazon:f}",
            "rounding": f"{self.rounding:f}",
            "items": [
                {
                    "item": item.item_id,
                    "reference": item.reference,
                    "units": f"{item.units:f}",
                    "amounts": _written(item.amounts),
                    **({"by_amazon": _written(item.by_amazon)} if item.by_amazon else {}),
                }
                for item in self.items
            ],
        }


def _written(amounts: Mapping[ComponentType, Decimal]) -> dict[str, str]:
    return {kind.value: f"{amount:f}" for kind, amount in amounts.items()}


def given_by(body: Mapping[str, Any]) -> list[Given]:
    """What the buyer gets by a message of ours, from its stored body; bodies of older versions do
    not say for which item Amazon gives tax back."""
    return [
        Given(
            item_ids=frozenset({item["item"]}),
            component=ComponentType(kind),
            amount=Decimal(amount),
            units=Decimal(item["units"]) if kind == ComponentType.PRINCIPAL else ZERO,
        )
        for item in body["items"]
        for kind, amount in (*item["amounts"].items(), *item.get("by_amazon", {}).items())
    ]
