"""The messages of a feed without a result, whose orders are to be read at Amazon."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.base.id_lists import among
from pipeline.orders.package_tables import Shipment
from pipeline.shipping.tables import FeedMessage


class Unanswered(NamedTuple):
    """A message without a result. `confirmed_as` is the earlier confirmation of its package,
    `others` are the references of the order's other packages."""

    number: int
    body: Mapping[str, Any]
    confirmed_as: str | None
    others: Collection[str]


def unanswered(session: Session, feed_id: int, limit: int) -> list[Unanswered]:
    """Up to `limit` of these messages, by number."""
    rows = session.execute(
        select(FeedMessage, Shipment.confirmed_as)
        .outerjoin(Shipment, Shipment.id == FeedMessage.shipment_id)
        .where(FeedMessage.feed_id == feed_id, FeedMessage.outcome.is_(None))
        .order_by(FeedMessage.message_id)
        .limit(limit)
    ).all()
    references: dict[int, set[str]] = {}
    for order_id, reference in session.execute(
        select(Shipment.order_id, Shipment.package_reference).where(
            among(Shipment.order_id, [message.order_id for message, _ in rows])
        )
    ):
        references.setdefault(order_id, set()).add(reference)
    return [
        Unanswered(
            message.message_id,
            message.body,
            confirmed_as,
            references.get(message.order_id, set()) - {message.body.get("reference", "")},
        )
        for message, confirmed_as in rows
    ]
