"""Stores Magento's shipments, states and totals with their orders."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session, load_only, selectinload

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.base.master_keys import KeyMissing
from pipeline.base.vault import Vault
from pipeline.magento.records import MagentoOrder, MagentoShipment
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.locking import lock
from pipeline.orders.machine import owner, reopen, wake
from pipeline.orders.order_shop import placed_in
from pipeline.orders.package_tables import Shipment, ShipmentItem
from pipeline.orders.states import ConfirmationState
from pipeline.orders.tables import LIVE, Order, OrderPrivate, Status
from pipeline.shipping.packages import Mismatch, Parcel, arranged
from pipeline.shipping.shop_states import changed_states, store_states
from pipeline.shipping.typed_by_clerks import Clerks


class Shipments:
    """Reads which orders wait for the warehouse and stores their shipments."""

    def __init__(self, sessions: Sessions, vault: Vault) -> None:
        self._sessions = sessions
        self._vault = vault

    def awaited(self, accounts: Sequence[str], shop: str) -> dict[int, int]:
        """Magento entity id → order id of this shop's unfinished orders that the merchant fulfils.

        `accounts` have this shop in their settings now; see `placed_in`.
        """
        return self._watched(
            placed_in(shop, accounts),
            Order.fulfilled_by == FulfilledBy.MERCHANT,
            Order.status.in_(LIVE),
        )

    def awaited_among(
        self, accounts: Sequence[str], shop: str, entity_ids: Collection[int]
    ) -> dict[int, int]:
        """The same, of these Magento orders alone."""
        return self._watched(
            placed_in(shop, accounts),
            Order.fulfilled_by == FulfilledBy.MERCHANT,
            Order.status.in_(LIVE),
            among(Order.magento_order_id, entity_ids),
        )

    def _watched(self, *conditions: Any) -> dict[int, int]:
        with self._sessions() as session:
            rows = session.execute(
                select(Order.magento_order_id, Order.id).where(
                    Order.magento_order_id.is_not(None), *conditions
                )
            )
            return {row.magento_order_id: row.id for row in rows}

    def missing(
        self, awaited: Mapping[int, int], shipments: Iterable[MagentoShipment]
    ) -> dict[int, set[int]]:
        """By Magento order id, the stored shipments that are not among `shipments`."""
        in_shop = {shipment.entity_id for shipment in shipments}
        missing: dict[int, set[int]] = {}
        with self._sessions() as session:
            rows = session.execute(
                select(Order.magento_order_id, Shipment.magento_shipment_id)
                .join(Order, Order.id == Shipment.order_id)
                .where(
                    among(Order.id, awaited.values()),
                    Shipment.mismatch.is_distinct_from(Mismatch.DELETED),
                )
            )
            for row in rows:
                if row.magento_shipment_id not in in_shop:
                    missing.setdefault(row.magento_order_id, set()).add(row.magento_shipment_id)
        return missing

    def news_of(self, order_ids: Iterable[int]) -> dict[int, int]:
        """How often each of these orders had news, by order id."""
        with self._sessions() as session:
            return _news(session, order_ids)

    def store(
        self,
        shop: str,
        awaited: Mapping[int, int],
        shipments: Sequence[MagentoShipment],
        states: Mapping[int, MagentoOrder],
        now: datetime,
        gone: Collection[int] = (),
        before: Mapping[int, int] | None = None,
    ) -> list[int]:
        """Store packages, states and totals, wake the changed orders, and return their ids.

        Tracks are compared by content, since a track that is added later changes `updated_at` of
        neither shipment nor order. All of it is `shop`'s; `gone` are shipments of these orders that
        it has deleted, since another shop may have shipments with the same ids.
        `before` is how often the orders had news before the shop was asked: an order with more news
        by now is left out, since another watch may have stored a later answer.
        """
        by_order: dict[int, list[MagentoShipment]] = {}
        for shipment in shipments:
            if shipment.order_id in awaited:
                by_order.setdefault(awaited[shipment.order_id], []).append(shipment)
        with self._sessions() as session:
            changed = self._changed(session, awaited.values(), by_order, gone, now)
            seen = {awaited[key]: state for key, state in states.items() if key in awaited}
            states_changed = changed_states(session, seen, by_order)
        with self._sessions() as session, session.begin():
            statuses = lock(session, {*changed, *states_changed})
            if before is not None:
                now_known = _news(session, statuses)
                overtaken = {one for one, news in now_known.items() if news != before.get(one)}
                changed = [order_id for order_id in changed if order_id not in overtaken]
                for order_id in overtaken:
                    states_changed.pop(order_id, None)
            news = {
                order_id
                for order_id, known in _known(session, changed).items()
                if self._take(
                    *(session, order_id, known, by_order.get(order_id, ()), gone, now, statuses),
                    shop,
                )
            }
            store_states(session, states_changed.values())
            news |= {order_id for order_id, state in states_changed.items() if state.is_news}
            reopen(session, sorted(news), now)
            return wake(session, sorted(news), now)

    def _changed(
        self,
        session: Session,
        ours: Collection[int],
        by_order: Mapping[int, Sequence[MagentoShipment]],
        gone: Collection[int],
        now: datetime,
    ) -> list[int]:
        """The orders whose stored packages differ from the shop's shipments."""
        losers = session.scalars(
            select(Shipment.order_id).where(
                among(Shipment.magento_shipment_id, gone), among(Shipment.order_id, ours)
            )
        )
        changed = []
        for order_id, known in _known(session, sorted({*by_order, *losers})).items():
            # Its step cannot run without the key either; the first watch that has it stores them.
            with suppress(KeyMissing):
                parcels = known.parcels
                in_shop = known.storable(by_order.get(order_id, ()), self._vault)
                if parcels != arranged(parcels, in_shop, gone, now):
                    changed.append(order_id)
        return changed

    def _take(
        self,
        session: Session,
        order_id: int,
        stored: _Known,
        in_shop: Sequence[MagentoShipment],
        gone: Collection[int],
        now: datetime,
        statuses: Mapping[int, str],
        shop: str,
    ) -> bool:
        """Update an order's packages from the shop's shipments; returns whether any changed."""
        known, rows = stored.parcels, stored.rows
        parcels = arranged(known, stored.storable(in_shop, self._vault), gone, now)
        references = {parcel.reference for parcel in parcels}
        dropped = [row for row in rows if row.package_reference not in references]
        if dropped and statuses[order_id] == Status.RUNNING:
            return False  # the running step may be confirming it just now; the next watch drops it
        for row in dropped:
            session.delete(row)
        by_reference = {row.package_reference: row for row in rows}
        for parcel in parcels:
            if parcel.reference not in by_reference:
                made = Shipment(order_id=order_id, package_reference=parcel.reference)
                by_reference[parcel.reference] = made
                session.add(made)
            row = by_reference[parcel.reference]
            row.shop = shop
            _bring_up(row, parcel)
        if {parcel.reference for parcel in parcels if parcel.mismatch} - {
            parcel.reference for parcel in known if parcel.mismatch
        }:
            # The person overruled an earlier mismatch, so `confirm_anyway` does not cover this one.
            session.execute(
                update(Order)
                .where(Order.id == order_id)
                .values(confirm_anyway=False)
                .execution_options(synchronize_session=False)
            )
        return parcels != known


def _news(session: Session, order_ids: Iterable[int]) -> dict[int, int]:
    found = session.execute(select(Order.id, Order.news).where(among(Order.id, {*order_ids})))
    return {row.id: row.news for row in found}


class _Known(NamedTuple):
    """An order's stored packages. Without a key, its personal data was purged or never came."""

    owner: str
    wrapped_key: bytes | None
    is_purged: bool
    rows: list[Shipment]

    @property
    def parcels(self) -> list[Parcel]:
        return [_parcel(row, is_purged=self.is_purged) for row in self.rows]

    def storable(self, shipments: Iterable[MagentoShipment], vault: Vault) -> list[MagentoShipment]:
        """The shop's shipments as they may be stored. Raises KeyMissing."""
        stored = (row.carrier_title for row in self.rows)
        clerks = Clerks(vault, self.wrapped_key, self.owner, stored)
        return [clerks.shipment(shipment) for shipment in shipments]


def _known(session: Session, order_ids: Sequence[int]) -> dict[int, _Known]:
    known: dict[int, _Known] = {}
    for order, wrapped_key, row in session.execute(
        select(Order, OrderPrivate.wrapped_key, Shipment)
        .options(load_only(Order.account, Order.external_id, Order.purged_at))
        .outerjoin(OrderPrivate, OrderPrivate.order_id == Order.id)
        .outerjoin(Shipment, Shipment.order_id == Order.id)
        .where(among(Order.id, order_ids))
        .options(selectinload(Shipment.items))
        .order_by(Order.id, Shipment.id)
    ):
        is_purged = order.purged_at is not None
        found = known.setdefault(order.id, _Known(owner(order), wrapped_key, is_purged, []))
        if row is not None:
            found.rows.append(row)
    return known


def _parcel(row: Shipment, *, is_purged: bool) -> Parcel:
    return Parcel(
        reference=row.package_reference,
        shipment_id=row.magento_shipment_id,
        shipped_at=row.shipped_at,
        track_id=row.magento_track_id,
        carrier_code=row.carrier_code,
        carrier_title=row.carrier_title,
        tracking_number=row.tracking_number,
        items={item.magento_item_id: item.quantity for item in row.items},
        confirmation_sent=row.confirmed_as is not None
        or row.confirmation in (ConfirmationState.SENT, ConfirmationState.UNCLEAR),
        mismatch=row.mismatch,
        has_no_title=is_purged and not row.carrier_title,
    )


def _bring_up(row: Shipment, parcel: Parcel) -> None:
    kept = {item.magento_item_id: item for item in row.items}
    if row.confirmation == ConfirmationState.FEED and parcel.items != {
        item_id: item.quantity for item_id, item in kept.items()
    }:
        row.confirmation, row.to_feed = ConfirmationState.QUEUED, None
    row.magento_shipment_id, row.magento_track_id = parcel.shipment_id, parcel.track_id
    row.carrier_code, row.carrier_title = parcel.carrier_code, parcel.carrier_title
    row.tracking_number, row.shipped_at = parcel.tracking_number, parcel.shipped_at
    row.mismatch = parcel.mismatch
    for item_id, quantity in parcel.items.items():
        if item_id in kept:
            kept[item_id].quantity = quantity
        else:
            row.items.append(ShipmentItem(magento_item_id=item_id, quantity=quantity))
    row.items = [item for item in row.items if item.magento_item_id in parcel.items]
