"""Applies a feed's results to the packages and orders of its messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from pipeline.amazon.feed_documents import MessageOutcome, MessageResult
from pipeline.base.id_lists import among
from pipeline.base.vault import Vault
from pipeline.orders.machine import wake
from pipeline.orders.order_words import ARE_SEALED, Said, keep
from pipeline.orders.package_tables import Shipment, untitled
from pipeline.orders.states import CancellationState, ConfirmationState
from pipeline.orders.tables import Order
from pipeline.shipping.tables import FeedMessage

TIMES = 3
"""How often a message without a result is sent before it counts as refused."""

_TYPED = {"carrier_name", "announcement"}

_CANCELLATION = (
    update(Order.__table__)  # type: ignore[arg-type]
    .where(Order.__table__.c.id == bindparam("of_order"))
    .values(cancellation=bindparam("cancellation"), cancel_refusal=bindparam("cancel_refusal"))
)


def take_in(
    session: Session,
    vault: Vault,
    feed_id: int,
    results: Mapping[int, MessageResult],
    now: datetime,
) -> dict[MessageOutcome, int]:
    """Record the results of these messages, wake their orders, and count the outcomes.

    Amazon's words are sealed with the orders.

    A message that has an outcome keeps it. A message with the outcome AGAIN is sent again, at most
    three times in all; then it counts as refused, for a person to check.
    """
    counts = dict.fromkeys(MessageOutcome, 0)
    messages = session.scalars(
        select(FeedMessage)
        .where(
            FeedMessage.feed_id == feed_id,
            FeedMessage.outcome.is_(None),
            among(FeedMessage.message_id, list(results)),
        )
        .order_by(FeedMessage.message_id)
    ).all()
    order_ids = sorted({message.order_id for message in messages})
    tried = _tried(session, order_ids)
    # Orders are locked first and sorted by id, as everywhere.
    orders = {
        order.id: order
        for order in session.scalars(
            select(Order).where(among(Order.id, order_ids)).order_by(Order.id).with_for_update()
        )
    }
    packages = {
        package.id: package
        for package in session.scalars(
            select(Shipment)
            .where(Shipment.feed_id == feed_id, among(Shipment.order_id, order_ids))
            .order_by(Shipment.id)
            .with_for_update()
        )
    }
    said = [
        Said(message.order_id, _about(message), results[message.message_id].words)
        for message in messages
    ]
    sealed = keep(session, vault, said, now)
    cancellations: list[dict[str, Any]] = []
    for message in messages:
        result = results[message.message_id]
        if result.words and message.order_id in sealed:
            result = result._replace(reason=f"{result.reason}{ARE_SEALED}")
        message.outcome, message.reason = result.outcome, result.reason
        counts[result.outcome] += 1
        if (
            result.outcome is MessageOutcome.AGAIN
            and tried.get((message.order_id, message.shipment_id), 0) + 1 >= TIMES
        ):
            reason = f"no result after {TIMES} feeds: {result.reason}"
            result = MessageResult(MessageOutcome.REFUSED, reason)
        if message.shipment_id is None:
            if orders[message.order_id].cancellation == CancellationState.SENT:
                cancellations.append(_cancellation_after(message.order_id, result))
        elif (package := packages.get(message.shipment_id)) is not None:
            _package_after(package, message.body, result, now)
            if orders[message.order_id].purged_at is not None and package.confirmed_as:
                package.confirmed_as = untitled(package.confirmed_as)
        # The package has the carrier's title if it is sent again.
        message.body = {**message.body, **dict.fromkeys(_TYPED & message.body.keys(), "")}
    if cancellations:
        # The update leaves `version` alone, so that a running step keeps its claim.
        session.execute(_CANCELLATION, cancellations)
    wake(session, order_ids, now)
    return counts


def _about(message: FeedMessage) -> str:
    if message.shipment_id is None:
        return "cancellation"
    return f"confirmation of package {message.body.get('reference', '')}"


def _tried(session: Session, order_ids: Sequence[int]) -> dict[tuple[int, int | None], int]:
    """How often each message has been sent without a result, by order and shipment."""
    rows = session.execute(
        select(FeedMessage.order_id, FeedMessage.shipment_id, func.count())
        .where(
            among(FeedMessage.order_id, list(order_ids)),
            FeedMessage.outcome == MessageOutcome.AGAIN,
        )
        .group_by(FeedMessage.order_id, FeedMessage.shipment_id)
    )
    return {(order_id, shipment_id): times for order_id, shipment_id, times in rows}


def _package_after(
    package: Shipment, body: Mapping[str, Any], result: MessageResult, now: datetime
) -> None:
    package.feed_id = None
    match result.outcome:
        case MessageOutcome.ACCEPTED:
            package.confirmation, package.refusal = ConfirmationState.ACCEPTED, None
            package.to_feed = None
            package.confirmed_at, package.confirmed_as = now, body["announcement"]
            package.confirmed_times += 1
        case MessageOutcome.REFUSED | MessageOutcome.UNCLEAR:
            package.confirmation, package.refusal = str(result.outcome), result.reason
            package.to_feed = None
        case MessageOutcome.AGAIN:
            package.confirmation = ConfirmationState.FEED


def _cancellation_after(order_id: int, result: MessageResult) -> dict[str, Any]:
    is_again = result.outcome is MessageOutcome.AGAIN
    has_failed = result.outcome in (MessageOutcome.REFUSED, MessageOutcome.UNCLEAR)
    return {
        "of_order": order_id,
        "cancellation": CancellationState.ASKED if is_again else str(result.outcome),
        "cancel_refusal": result.reason if has_failed else None,
    }
