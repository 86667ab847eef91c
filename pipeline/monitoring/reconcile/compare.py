"""Compares one order as Amazon, our database and Magento hold it, and names the cure. Pure.

Changes still in progress are no difference: an order that a step works on, a change that the next
poll reads, a package that left a short while ago.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from pipeline.base.money import ZERO, written
from pipeline.magento.records import ENDED, MagentoOrder
from pipeline.orders.channel_order import ChannelOrder, FulfilledBy, Identity, Program, RemoteStatus
from pipeline.orders.decision import Case, Next
from pipeline.orders.decision_table import (
    CARRIED_BY_AMAZON,
    PENDING,
    STILL_TO_SHIP,
    case_of,
    decide,
)
from pipeline.orders.machine import STEPS
from pipeline.orders.outcome import HoldCode
from pipeline.orders.states import StepName
from pipeline.orders.tables import Order, Status
from pipeline.settings.marketplace import MarketplaceSettings

# A difference younger than this is ignored: the confirmation may wait for quota or a feed, and
# the warehouse may enter its shipments in the evening.
SETTLED_AFTER = timedelta(hours=4)
NEVER_CONFIRMED = CARRIED_BY_AMAZON | {Program.FBM_SHIP_PLUS}
_PLACING = STEPS.index(StepName.CREATE_ORDER)


class Kind(StrEnum):
    """The kind of a difference."""

    MISSING_HERE = "missing here"
    OUTDATED = "outdated here"
    MISSING_IN_MAGENTO = "missing in Magento"
    NOT_OURS = "in Magento, not by us"
    DOUBLED = "doubled in Magento"
    TOTALS = "different totals"
    UNCONFIRMED = "shipped but unconfirmed"
    NOT_SHIPPED = "confirmed but not shipped"
    CANCELLED = "cancelled on one side"
    EDITED = "edited in Magento"


class Cure(StrEnum):
    """What to do about a difference. TELL is for an order that has no row here to hold."""

    TAKE_IN = "to be taken in"
    LOOK = "to be retried"
    HOLD = "to be held"
    TELL = "for a person"


@dataclass(frozen=True, slots=True)
class FoundDifference:
    """A difference. `detail` names no person; `code` is the hold code for the order."""

    kind: Kind
    cure: Cure
    detail: str
    code: HoldCode | None = None


@dataclass(frozen=True, slots=True)
class Sides:
    """An order as Amazon, our database and Magento hold it.

    `placed` is None when Amazon's report cannot be read in full. `in_shop` lists all Magento orders
    with the order's number or the entity id we know. `is_placing` says that the ledger has a
    creation of the order, `is_unproven` that the ledger calls a cancellation done without proof.
    Writes before `forgotten_before` may be missing from this database after a restore.
    """

    identity: Identity
    placed: ChannelOrder | None
    ours: Order | None
    in_shop: Sequence[MagentoOrder]
    settings: MarketplaceSettings
    start_from: datetime
    is_placing: bool = False
    is_unproven: bool = False
    forgotten_before: datetime | None = None

    @property
    def live(self) -> list[MagentoOrder]:
        """The Magento orders that are neither cancelled nor closed."""
        return [order for order in self.in_shop if order.state not in ENDED]

    @property
    def is_remembered(self) -> bool:
        """Whether this database would know that we placed the order."""
        return self.forgotten_before is None or self.identity.purchased_at >= self.forgotten_before


def compare(sides: Sides, now: datetime) -> list[FoundDifference] | None:
    """Return every difference of the order, the gravest first; None while a step works on it."""
    if sides.ours is None:
        return list(_not_here(sides))
    if _is_at_work(sides.ours):
        return None
    if sides.ours.dismissed_at is not None:
        return []
    if decide(case_of(sides.ours, sides.settings)).next is Next.VIEW_ONLY:
        return []
    differences = list(_in_shop(sides, sides.ours))
    is_outdated = (
        sides.identity.updated_at > sides.ours.remote_updated_at
        and sides.identity.status not in PENDING
    )
    if is_outdated:
        return [*differences, _outdated(sides, sides.ours)]
    shop = next((order for order in sides.in_shop if _is_its_own(order, sides.ours)), None)
    is_through = sides.ours.status == Status.CANCELLED
    if shop is not None and (is_through or STEPS.index(sides.ours.step) > _PLACING):
        differences += _states(sides, sides.ours, shop, now)
    return differences


def _is_at_work(ours: Order) -> bool:
    """Also true between a failed try and the next: the Magento order may be half done."""
    is_tried_again = ours.status == Status.WAITING and ours.tries > 0
    return ours.status in (Status.READY, Status.RUNNING) or is_tried_again


def _is_its_own(shop: MagentoOrder, ours: Order) -> bool:
    return shop.entity_id == ours.magento_order_id


def _not_here(sides: Sides) -> Iterator[FoundDifference]:
    identity = sides.identity
    decision = decide(Case(identity.fulfilled_by, identity.status, sides.settings))
    if not decision.kept or decision.next in (Next.VIEW_ONLY, Next.WAIT):
        return
    if identity.purchased_at < sides.start_from:
        return
    if sides.live and sides.is_remembered:
        yield FoundDifference(Kind.NOT_OURS, Cure.TELL, _not_ours(sides))
    else:
        yield FoundDifference(Kind.MISSING_HERE, Cure.TAKE_IN, f"{identity.status} on Amazon")


def _in_shop(sides: Sides, ours: Order) -> Iterator[FoundDifference]:
    if len(sides.live) > 1:
        numbers = ", ".join(f"{order.increment_id} ({order.state})" for order in sides.live)
        yield FoundDifference(
            Kind.DOUBLED,
            Cure.HOLD,
            f"Magento has it {len(sides.live)} times: {numbers}; ours is "
            f"{ours.magento_increment_id or 'none of them'}, cancel the others",
            HoldCode.DOUBLED_IN_MAGENTO,
        )
    if ours.status == Status.CANCELLED:
        return
    if ours.magento_order_id is None:
        if len(sides.live) == 1 and not sides.is_placing and sides.is_remembered:
            yield FoundDifference(
                Kind.NOT_OURS, Cure.HOLD, _not_ours(sides), HoldCode.IN_MAGENTO_ALREADY
            )
    elif not any(_is_its_own(order, ours) for order in sides.in_shop):
        yield FoundDifference(
            Kind.MISSING_IN_MAGENTO,
            Cure.HOLD,
            f"Magento order {ours.magento_increment_id} (entity {ours.magento_order_id}) is gone; "
            "it is not made again by itself: place it by hand, or cancel it",
            HoldCode.MISSING_IN_MAGENTO,
        )


def _not_ours(sides: Sides) -> str:
    return (
        f"Magento has it as {sides.live[0].increment_id}, which Orderbridge did not place: find "
        "out what else places Amazon's orders there, or cancel that Magento order"
    )


def _outdated(sides: Sides, ours: Order) -> FoundDifference:
    amazons_status = sides.identity.status
    is_one_sided = amazons_status == RemoteStatus.CANCELLED and sides.live
    if amazons_status == ours.remote_status:
        detail = f"{amazons_status}, with a later change on Amazon than the last one read"
    else:
        detail = f"{ours.remote_status} here, {amazons_status} on Amazon"
    return FoundDifference(Kind.CANCELLED if is_one_sided else Kind.OUTDATED, Cure.TAKE_IN, detail)


def _states(
    sides: Sides, ours: Order, shop: MagentoOrder, now: datetime
) -> Iterator[FoundDifference]:
    status, is_ended = sides.identity.status, shop.state in ENDED
    is_own_work = sides.identity.fulfilled_by is FulfilledBy.MERCHANT
    if status == RemoteStatus.CANCELLED:
        if not is_ended or _kept(shop) != ZERO:
            yield _cancelled_in_shop(sides, ours, shop)
    elif shop.is_edited:
        detail = f"edited in Magento into {shop.child_number}"
        yield FoundDifference(Kind.EDITED, Cure.LOOK, detail)
    elif is_ended:
        if is_own_work and status in STILL_TO_SHIP:
            detail = f"{shop.state} in Magento, {status} on Amazon"
            yield FoundDifference(Kind.CANCELLED, Cure.LOOK, detail)
    else:
        yield from _totals(sides, ours, shop)
        if is_own_work and status in STILL_TO_SHIP:
            yield from _unconfirmed(sides, ours, shop, now)
        elif is_own_work and status == RemoteStatus.SHIPPED:
            yield from _not_shipped(sides, shop, now)


def _kept(shop: MagentoOrder) -> Decimal:
    """The amount paid and not refunded in the shop, to the cent."""
    return (shop.total_paid - shop.total_refunded).quantize(Decimal("0.01"))


def _cancelled_in_shop(sides: Sides, ours: Order, shop: MagentoOrder) -> FoundDifference:
    detail = f"cancelled on Amazon, {shop.state} in Magento as {shop.increment_id}"
    advice = "cancel it there"
    if _kept(shop) != ZERO:
        currency = ours.currency or ""
        paid, refunded = (
            written(amount, currency) for amount in (shop.total_paid, shop.total_refunded)
        )
        detail += f", {paid} {currency} paid and {refunded} refunded"
        advice = "refund the difference there" if shop.state in ENDED else advice
    is_ended_here = ours.status in (Status.DONE, Status.CANCELLED)
    if is_ended_here and not (ours.status == Status.CANCELLED and sides.is_unproven):
        # The order was cancelled in Magento before, or is done: no step would cancel it again.
        code = HoldCode.CANCELLED_ON_ONE_SIDE
        return FoundDifference(Kind.CANCELLED, Cure.HOLD, f"{detail}; {advice}", code)
    return FoundDifference(Kind.CANCELLED, Cure.LOOK, detail)


def _totals(sides: Sides, ours: Order, shop: MagentoOrder) -> Iterator[FoundDifference]:
    totals = [("Magento", shop.grand_total)]
    # A later return or cancellation lowers the total on one side only.
    if any(item.quantity_left < item.quantity_ordered for item in shop.items):
        return
    placed = sides.placed
    if placed is not None and placed.grand_total is not None and not placed.cancelled_lines:
        wanted = {item.external_item_id: item.quantity for item in ours.items}
        if {line.item_id: line.quantity for line in placed.lines} == wanted:
            totals.append(("Amazon", placed.grand_total))
    currency = ours.currency or ""
    for name, total in totals:
        if ours.grand_total is not None and total != ours.grand_total:
            yield FoundDifference(
                Kind.TOTALS,
                Cure.HOLD,
                f"{name} has {written(total, currency)}, placed were "
                f"{written(ours.grand_total, currency)} {currency}: "
                "correct the order in Magento",
                HoldCode.TOTALS_DIFFER,
            )
            return


def _unconfirmed(
    sides: Sides, ours: Order, shop: MagentoOrder, now: datetime
) -> Iterator[FoundDifference]:
    if NEVER_CONFIRMED.intersection(ours.programs) or sides.placed is None:
        return
    shipped = sum((item.quantity_shipped for item in shop.items if item.ext_order_item_id), ZERO)
    confirmed = sum(line.quantity_fulfilled for line in sides.placed.lines)
    left_at = [shipment.shipped_at for shipment in ours.shipments]
    if shipped <= confirmed or (left_at and max(left_at) > now - SETTLED_AFTER):
        return
    detail = f"{shipped:f} shipped in Magento, {confirmed} confirmed at Amazon"
    if ours.status == Status.DONE and ours.shipments:
        yield FoundDifference(
            Kind.UNCONFIRMED,
            Cure.HOLD,
            f"{detail}, though Amazon took the confirmation: confirm it in Seller Central",
            HoldCode.CONFIRMATION_LOST,
        )
    else:
        yield FoundDifference(Kind.UNCONFIRMED, Cure.LOOK, detail)


def _not_shipped(sides: Sides, shop: MagentoOrder, now: datetime) -> Iterator[FoundDifference]:
    left = sum(
        (
            item.quantity_left - item.quantity_shipped
            for item in shop.items
            if item.ext_order_item_id
        ),
        ZERO,
    )
    if left > 0 and sides.identity.updated_at <= now - SETTLED_AFTER:
        yield FoundDifference(
            Kind.NOT_SHIPPED,
            Cure.HOLD,
            f"shipped on Amazon, {left:f} unshipped in Magento order {shop.increment_id}: ship "
            "it there as well",
            HoldCode.NOT_SHIPPED_IN_MAGENTO,
        )
