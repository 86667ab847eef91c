"""Magento's shipments, brought to the orders they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session, selectinload

from pipeline.channel import FulfilledBy
from pipeline.db import Sessions
from pipeline.magento.records import ENDED, MagentoOrder, MagentoShipment
from pipeline.models import LIVE, Order, Shipment, ShipmentItem, Status
from pipeline.orders import reopen, wake


class Shipments:
    """Reads which orders wait for the warehouse and stores what it has shipped."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def awaited(self, accounts: Sequence[str]) -> dict[int, int]:
        """Magento entity id → order id, of every order of these accounts not yet through."""
        with self._sessions() as session:
            rows = session.execute(
                select(Order.magento_order_id, Order.id).where(
                    Order.account.in_(accounts),
                    Order.magento_order_id.is_not(None),
                    Order.fulfilled_by == FulfilledBy.MERCHANT,
                    Order.status.in_(LIVE),
                )
            )
            return {row.magento_order_id: row.id for row in rows}

    def lately_confirmed(self, accounts: Sequence[str], since: datetime) -> dict[int, int]:
        """The same, of orders that are through and had a package confirmed since then."""
        confirmed = select(Shipment.order_id).where(Shipment.confirmed_at >= since)
        with self._sessions() as session:
            rows = session.execute(
                select(Order.magento_order_id, Order.id).where(
                    Order.id.in_(confirmed),
                    Order.account.in_(accounts),
                    Order.magento_order_id.is_not(None),
                    Order.status == Status.DONE,
                )
            )
            return {row.magento_order_id: row.id for row in rows}

    def store(
        self,
        awaited: Mapping[int, int],
        shipments: Sequence[MagentoShipment],
        states: Mapping[int, MagentoOrder],
        now: datetime,
    ) -> list[int]:
        """Add new shipments, take over changed tracks and statuses, and wake the orders concerned.

        Returns the ids of the orders that have news. Tracks are compared by their content, since
        neither a shipment's nor an order's `updated_at` moves when one is added later.
        """
        with self._sessions() as session, session.begin():
            order_ids = sorted({awaited[one.order_id] for one in shipments})
            known = {
                (row.order_id, row.magento_shipment_id): row
                for row in session.scalars(
                    select(Shipment)
                    .where(Shipment.order_id.in_(order_ids))
                    .options(selectinload(Shipment.items))
                    .order_by(Shipment.id)
                    .with_for_update(of=Shipment)
                )
            }
            news: set[int] = set()
            for shipment in shipments:
                order_id = awaited[shipment.order_id]
                row = known.get((order_id, shipment.entity_id))
                if row is None:
                    row = Shipment(
                        order_id=order_id,
                        magento_shipment_id=shipment.entity_id,
                        package_reference=str(shipment.entity_id),
                    )
                    session.add(row)
                    # A page may shift while it is read, and the same shipment come twice.
                    known[order_id, shipment.entity_id] = row
                if _take(row, shipment, now):
                    news.add(order_id)
            news |= _take_states(session, awaited, states, sorted(news))
            reopen(session, sorted(news), now)
            return wake(session, sorted(news), now)


def _take(row: Shipment, shipment: MagentoShipment, now: datetime) -> bool:
    """Bring a row up to what Magento says, and tell whether that changed anything."""
    seen_at = row.shipped_at or now
    track = shipment.tracks[-1] if shipment.tracks else None
    facts = (
        track.carrier_code if track else "",
        track.title if track else "",
        track.number if track else "",
        shipment.created_at or seen_at,
    )
    had = (row.carrier_code, row.carrier_title, row.tracking_number, row.shipped_at)
    quantities = {item_id: int(quantity) for item_id, quantity in shipment.items.items()}
    had_quantities = {item.magento_item_id: item.quantity for item in row.items}
    if facts == had and quantities == had_quantities:
        return False
    row.carrier_code, row.carrier_title, row.tracking_number, row.shipped_at = facts
    kept = {item.magento_item_id: item for item in row.items}
    for item_id, quantity in quantities.items():
        if item_id in kept:
            kept[item_id].quantity = quantity
        else:
            row.items.append(ShipmentItem(magento_item_id=item_id, quantity=quantity))
    row.items = [item for item in row.items if item.magento_item_id in quantities]
    return True


def _take_states(
    session: Session,
    awaited: Mapping[int, int],
    states: Mapping[int, MagentoOrder],
    news: Sequence[int],
) -> set[int]:
    """Keep each order's state and status, and return those that have been ended in Magento."""
    by_state: dict[tuple[str, str], list[int]] = {}
    for entity_id, one in states.items():
        by_state.setdefault((one.state, one.status), []).append(awaited[entity_id])
    changed = {
        told: and_(
            Order.id.in_(order_ids),
            or_(
                Order.magento_state.is_distinct_from(told[0]),
                Order.magento_status.is_distinct_from(told[1]),
            ),
        )
        for told, order_ids in by_state.items()
    }
    with session.no_autoflush:
        # All in one order, before anything else holds them: the intake locks several as well.
        session.execute(
            select(Order.id)
            .where(or_(Order.id.in_(news), *changed.values()))
            .order_by(Order.id)
            .with_for_update()
        )
    ended: set[int] = set()
    for (state, status), condition in changed.items():
        order_ids = session.scalars(
            update(Order)
            .where(condition)
            .values(magento_state=state, magento_status=status)
            .returning(Order.id)
            .execution_options(synchronize_session=False)
        )
        if state in ENDED:
            ended.update(order_ids)
    return ended
