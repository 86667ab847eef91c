"""An order's events, newest first: attempts, writes, packages, refunds, notes, disclosures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import partial
from itertools import groupby

from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.money import ZERO, written
from pipeline.base.security_log import Action, order_object
from pipeline.base.tables import SecurityLogRow
from pipeline.base.tracing import trace_id
from pipeline.clients import shown_carrier
from pipeline.finances.order_refunds import RefundAtAmazon, refunds_at_amazon
from pipeline.intake.own_memos import own_memos
from pipeline.intake.tables import Refund
from pipeline.operations.lists.order_facts import price
from pipeline.orders.tables import Attempt, Effect, Note, Order, Status
from pipeline.refunds.states import QUIET_HOLDS, RefundState
from pipeline.refunds.tables import AmazonRefund
from pipeline.settings.model import Settings

NEWEST = 500
_LOST = "no end was recorded: its worker died"


class Kind(StrEnum):
    """The kind of an event."""

    ATTEMPT = "attempt"
    WRITE = "remote write"
    PACKAGE = "package"
    REFUND = "refund"
    NOTE = "note"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Event:
    """An event, or `times` equal events, from `first_at` to `at`.

    `by` is the worker or the person, `reference` the remote's id: the request id of an attempt, the
    id of the object that a remote write made.
    """

    at: datetime
    first_at: datetime
    kind: Kind
    what: str
    result: str = ""
    code: str = ""
    detail: str = ""
    by: str = ""
    reference: str = ""
    ended_at: datetime | None = None
    times: int = 1

    @property
    def lasted(self) -> timedelta | None:
        """How long the event took, or the newest of several. None without an end."""
        return self.ended_at - self.at if self.ended_at else None


def timeline(sessions: Sessions, order: Order) -> list[Event]:
    """The order's events; repeats in a row are merged. At most 500 attempts and 500 writes.

    `order` has its shipments loaded.
    """
    with sessions() as session:
        attempts = session.scalars(
            select(Attempt)
            .where(Attempt.order_id == order.id)
            .order_by(Attempt.id.desc())
            .limit(NEWEST)
        ).all()
        effects = session.scalars(
            select(Effect)
            .where(Effect.order_id == order.id)
            .order_by(Effect.id.desc())
            .limit(NEWEST)
        ).all()
        notes = session.scalars(
            select(Note).where(Note.order_id == order.id).order_by(Note.id.desc()).limit(NEWEST)
        ).all()
        disclosures = session.scalars(
            select(SecurityLogRow)
            .where(
                SecurityLogRow.object == order_object(order.id),
                SecurityLogRow.action == Action.DISCLOSED,
            )
            .order_by(SecurityLogRow.id.desc())
            .limit(NEWEST)
        ).all()
        refunds_there = refunds_at_amazon(session, order.id)
        refunds = session.execute(
            select(Refund, AmazonRefund)
            .outerjoin(AmazonRefund, AmazonRefund.refund_id == Refund.id)
            .where(Refund.order_id == order.id)
            .order_by(Refund.id)
        ).all()
    events = [
        *_attempts(order, attempts),
        *map(_write, effects),
        *_packages(order),
        *_refunds([(refund, at_amazon) for refund, at_amazon in refunds], effects),
        *map(_made_there, refunds_there),
        *(Event(note.at, note.at, Kind.NOTE, note.text, by=note.author) for note in notes),
        *map(_disclosure, disclosures),
        Event(order.created_at, order.created_at, Kind.REPORT, "first reported by Amazon"),
    ]
    return list(_repeats_as_one(sorted(events, key=lambda event: event.at, reverse=True)))


def trace_of(settings: Settings, order: Order) -> str:
    """The id of the order's trace; empty where tracing is not set up."""
    return trace_id(order.account, order.external_id) if settings.tracing is not None else ""


def _attempts(order: Order, newest_first: Sequence[Attempt]) -> Iterator[Event]:
    for position, attempt in enumerate(newest_first):
        is_running = position == 0 and order.status == Status.RUNNING
        yield Event(
            at=attempt.started_at,
            first_at=attempt.first_at or attempt.started_at,
            kind=Kind.ATTEMPT,
            what=attempt.step,
            result=attempt.outcome or ("running" if is_running else "lost"),
            code=attempt.code or "",
            detail=attempt.detail or ("" if attempt.ended_at or is_running else _LOST),
            by=attempt.worker,
            reference=attempt.request_id or "",
            ended_at=attempt.ended_at,
            times=attempt.times,
        )


def _write(effect: Effect) -> Event:
    tries = f"try {effect.tries}" if effect.tries > 1 else ""
    adopted = "found in the remote system" if effect.adopted else ""
    return Event(
        at=effect.intended_at,
        first_at=effect.intended_at,
        kind=Kind.WRITE,
        what=effect.kind,
        result=effect.state,
        detail="; ".join(part for part in (effect.detail, tries, adopted) if part),
        reference=effect.remote_id or "",
        ended_at=effect.ended_at,
    )


def _disclosure(row: SecurityLogRow) -> Event:
    return Event(row.at, row.at, Kind.NOTE, f"viewed the {row.facts['what']}", by=row.person)


def _packages(order: Order) -> Iterator[Event]:
    for shipment in order.shipments:
        name = f"shipment {shipment.magento_shipment_id}"
        carrier = shown_carrier(shipment.carrier_code, shipment.carrier_title)
        detail = " ".join(part for part in (carrier, shipment.tracking_number) if part)
        yield Event(
            shipment.shipped_at, shipment.shipped_at, Kind.PACKAGE, name, "shipped", detail=detail
        )
        if shipment.confirmed_at is not None:
            yield Event(
                shipment.confirmed_at,
                shipment.confirmed_at,
                Kind.PACKAGE,
                name,
                "confirmed to Amazon",
                detail=detail,
            )


def _refunds(
    refunds: Sequence[tuple[Refund, AmazonRefund | None]], effects: Sequence[Effect]
) -> Iterator[Event]:
    """The credit memos of the shop's staff, each with its refund to Amazon; our own memos appear
    as remote writes.

    After our own cancellation no memos are listed, since that write stores no memo number.
    """
    ours = own_memos(effects)
    if ours.has_cancelled:
        return
    for refund, at_amazon in refunds:
        if refund.magento_creditmemo_id in ours.ids:
            continue
        lines = sum((Decimal(line["total"]) for line in refund.lines.values()), ZERO)
        charges = refund.grand_total - lines - refund.shipping - refund.adjustment
        amount_of = partial(written, currency=refund.currency)
        parts = [
            f"{line['quantity']} x {line['sku']} {amount_of(Decimal(line['total']))}"
            for line in refund.lines.values()
        ]
        parts += [
            f"{name} {amount_of(amount)}"
            for name, amount in (
                ("shipping", refund.shipping),
                ("gift wrap and other lines", charges),
                ("adjustment", refund.adjustment),
            )
            if amount != ZERO
        ]
        yield Event(
            refund.refunded_at,
            refund.refunded_at,
            Kind.REFUND,
            f"credit memo {refund.magento_creditmemo_id}",
            detail=f"{price(refund.grand_total, refund.currency)} ({', '.join(parts)}); "
            f"{_at_amazon(at_amazon)}",
        )


def _made_there(one: RefundAtAmazon) -> Event:
    """A refund as Amazon's transactions show it, whoever made it."""
    return Event(
        one.posted_at,
        one.posted_at,
        Kind.REFUND,
        "refund at Amazon",
        detail=price(one.amount, one.currency),
        reference=one.refund_id,
    )


def _at_amazon(refund: AmazonRefund | None) -> str:
    """How far the refund to Amazon is. Only one that the settings leave out is a person's to make:
    a second refund would pay the buyer twice."""
    is_left_out = refund is not None and refund.state == RefundState.HELD
    if refund is None or (is_left_out and refund.hold_code in QUIET_HOLDS):
        return "nothing was sent to Amazon: refund it in Seller Central too"
    return f"the refund to Amazon: {refund.state}"


def _repeats_as_one(newest_first: Sequence[Event]) -> Iterator[Event]:
    """Merge repeated events in a row into a single line, whether they have one row or many."""
    for _, group in groupby(newest_first, key=_likeness):
        repeats = list(group)
        times = sum(event.times for event in repeats)
        yield replace(repeats[0], first_at=repeats[-1].first_at, times=times)


def _likeness(event: Event) -> tuple[str, ...]:
    """The fields that are equal in repeated events; the worker may differ."""
    person = event.by if event.kind is Kind.NOTE else ""
    return event.kind, event.what, event.result, event.code, event.detail, person
