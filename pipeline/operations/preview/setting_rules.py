"""The rules of a setting's preview: which stored orders a new value would affect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, false

from pipeline.operations.acts.one_order import ASKED_TO_CANCEL
from pipeline.orders.channel_order import FulfilledBy, RemoteStatus
from pipeline.orders.order_shop import BEFORE_THE_SHOP
from pipeline.orders.outcome import HoldCode
from pipeline.orders.package_tables import Shipment
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import LIVE, Effect, EffectState, Note, Order, Status
from pipeline.shipping.feed_collecting import CANCELLABLE

_TABLE = (
    "The decision table, with each order's last status at Amazon, its fulfilment, and whether it "
    "is in Magento."
)
DECIDED_BY_TABLE: Mapping[str, tuple[str, str]] = {
    "import_orders": (
        _TABLE,
        "Orders under way that are in Magento already would end: their tracking numbers would not "
        "reach Amazon. Undoing the change does not bring back orders that have ended.",
    ),
    "fba_orders": (
        _TABLE,
        "Orders that have ended, as shown only or in Magento, stay as they are; a replay brings "
        "those shown only to Magento.",
    ),
    "pending_orders": (
        _TABLE,
        "Orders that were pending and are paid by now are not counted: what they would have held "
        "is not stored.",
    ),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A value's effect on the orders of a condition. Those held as `held_as` would continue."""

    name: str
    value: object
    what: str
    rests_on: str
    condition: ColumnElement[bool]
    unknown: str = ""
    held_as: HoldCode | None = None


def _held(code: HoldCode) -> ColumnElement[bool]:
    return and_(Order.status == Status.HELD, Order.hold_code == code)


def _has_package(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(
        Shipment.order_id == Order.id, Shipment.tracking_number == "", *conditions
    )


_SHIPPED_OR_NEVER = (RemoteStatus.CANCELLED, RemoteStatus.SHIPPED, RemoteStatus.UNFULFILLABLE)
_WAS_COMMENTED = exists().where(
    Effect.order_id == Order.id, Effect.kind == EffectKind.COMMENT, Effect.state == EffectState.DONE
)
_WAS_ASKED_BY_A_PERSON = exists().where(
    Note.order_id == Order.id, Note.text.startswith(ASKED_TO_CANCEL)
)

RULES: tuple[Rule, ...] = (
    Rule(
        "out_of_stock",
        "backorder",
        "held as out of stock: would go on to Magento",
        "The orders that are held for this reason now.",
        _held(HoldCode.OUT_OF_STOCK),
        "Orders that were held and went on since are not counted.",
        held_as=HoldCode.OUT_OF_STOCK,
    ),
    Rule(
        "out_of_stock",
        "block",
        "not in Magento yet: would be held where the shop cannot sell all of it",
        "The merchant's own orders that have not come to Magento.",
        and_(
            Order.fulfilled_by == FulfilledBy.MERCHANT,
            Order.status.in_(LIVE),
            Order.step.in_(BEFORE_THE_SHOP),
            Order.magento_order_id.is_(None),
            Order.remote_status.not_in(_SHIPPED_OR_NEVER),
        ),
        "The shop's past stock is not stored: the number of orders that would have lacked stock is "
        "unknown.",
    ),
    Rule(
        "unclear_totals",
        "import",
        "held since their amounts do not add up: would be taken with Amazon's total",
        "The orders that are held for this reason now.",
        _held(HoldCode.TOTALS_UNCLEAR),
        "Those of them that have no total at all stay held. Orders that were held and went on "
        "since are not counted.",
        held_as=HoldCode.TOTALS_UNCLEAR,
    ),
    Rule(
        "unclear_totals",
        "hold",
        "taken with Amazon's total: would have been held",
        "The doubt that is kept with the proof of an order's total.",
        Order.total_proof["doubt"].astext != "",
        "An order that is in Magento already is held as soon as its amounts are needed again, as "
        "when a part of it is cancelled.",
    ),
    Rule(
        "cancel_from_amazon",
        "cancel",
        "cancelled on Amazon and left to a person: would be cancelled in Magento",
        "The orders that are held for this reason now.",
        and_(
            _held(HoldCode.CANCEL_REFUSED),
            Order.remote_status == RemoteStatus.CANCELLED,
            Order.cancel_reason.is_(None),
        ),
        held_as=HoldCode.CANCEL_REFUSED,
    ),
    Rule(
        "cancel_from_amazon",
        "hold",
        "cancelled on Amazon, and therefore in Magento: would have been left to a person",
        "The orders that ended as cancelled, have a Magento order and were not cancelled by us.",
        and_(
            Order.status == Status.CANCELLED,
            Order.remote_status == RemoteStatus.CANCELLED,
            Order.magento_order_id.is_not(None),
            Order.cancel_reason.is_(None),
        ),
    ),
    Rule(
        "cancel_to_amazon",
        "send",
        "cancelled in Magento and open on Amazon: would be cancelled there too",
        "The orders that are held for this reason now and have no shipment.",
        and_(
            _held(HoldCode.CANCELLED_IN_MAGENTO),
            Order.remote_status.in_(sorted(CANCELLABLE)),
        ),
        held_as=HoldCode.CANCELLED_IN_MAGENTO,
    ),
    Rule(
        "cancel_to_amazon",
        "never",
        "cancelled in Magento, and therefore on Amazon: would have been left to a person",
        "The cancellations that went to Amazon, or will, and that no person asked for here.",
        and_(
            Order.cancellation.is_not(None),
            Order.magento_order_id.is_not(None),
            ~_WAS_ASKED_BY_A_PERSON,
        ),
        "Cancellations that Amazon was asked for are not taken back.",
    ),
    Rule(
        "confirm_without_tracking",
        True,
        "wait for a tracking number: their packages would be confirmed without one",
        "The unconfirmed packages without a tracking number, of orders under way.",
        and_(
            Order.fulfilled_by == FulfilledBy.MERCHANT,
            Order.status.in_(LIVE),
            _has_package(Shipment.confirmed_as.is_(None), Shipment.mismatch.is_(None)),
        ),
        "Packages that got their number since would have been confirmed earlier; they are not "
        "counted. It needs the account's seller_id.",
    ),
    Rule(
        "confirm_without_tracking",
        False,
        "confirmed without a tracking number: would have waited for one",
        "The confirmed packages that have no tracking number yet.",
        _has_package(Shipment.confirmed_as.is_not(None)),
        "Packages that got their number after their confirmation are not counted.",
    ),
    Rule(
        "order_comments",
        False,
        "got a comment in Magento: would have got none",
        "The comments that were written.",
        _WAS_COMMENTED,
    ),
    Rule(
        "order_comments",
        True,
        "",
        "Nothing: no record is kept of comments that were not written.",
        false(),
        "The number of comments that would have been written is unknown.",
    ),
)
