"""Destroys personal data on demand: of orders, of an account, of a buyer.

Amazon may demand it, and so may a buyer by the GDPR. See docs/decisions/0070.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, false, func, insert, or_, select, true
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.base.log import log
from pipeline.base.security_log import Action, Signature, order_object, record
from pipeline.base.vault import Vault
from pipeline.intake.buyer_index import hashes_of
from pipeline.monitoring.purging import BATCH, TAKEN, Taken, destroy, typed_titles
from pipeline.monitoring.residue import sampled, vacuum
from pipeline.orders.machine import SHIPPING_STEPS
from pipeline.orders.package_tables import Shipment
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.tables import LIVE, Note, Order, OrderPrivate, Status
from pipeline.orders.words_table import OrderWords

REFERENCE = re.compile(r"([A-Za-z]{1,12} )?[A-Z#_/.-]{0,12}[0-9][0-9A-Z#_/.-]{0,23}")
"""How the number of a request is written. A note of it outlives the purge, so it takes no words."""


NO_REFERENCE = 'the reason is the number of a request, such as "request 17", without other words'


class NoReference(Exception):
    """The reason is not the number of a request."""


class NoBuyer(Exception):
    """The text has no word to search a buyer by."""


@dataclass(frozen=True, slots=True)
class Erased:
    """The orders whose data was, or would be, destroyed, and those that are left out.

    `kept` need their data to reach the shop, `busy` are worked on at this moment; the numbers are
    the marketplace's.
    """

    erased: Sequence[str]
    kept: Sequence[str]
    busy: Sequence[str]


@dataclass(frozen=True, slots=True)
class Proof:
    """What is left of the data of orders that were purged, read back from the database.

    `left` are orders of which a key, sealed data, a hash, initials or a typed title are still
    there, `sampled` the columns that PostgreSQL's statistics hold values of. `is_vacuumed` is False
    where old versions of the rows are left to PostgreSQL's autovacuum.
    """

    checked: int
    left: Sequence[str]
    sampled: Sequence[str]
    is_vacuumed: bool

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left that a key could open."""
        return not self.left and not self.sampled


def of_orders(order_ids: Sequence[int]) -> ColumnElement[bool]:
    """The condition that an order is one of these."""
    return among(Order.id, order_ids)


def of_account(name: str) -> ColumnElement[bool]:
    """The condition that an order belongs to this account, configured or not."""
    return Order.account == name


def of_buyer(vault: Vault, sought: str) -> ColumnElement[bool]:
    """The condition that an order's buyer or recipient has this e-mail address, or all these names.

    Raises NoBuyer.
    """
    hashes = hashes_of(vault, sought)
    if not hashes:
        raise NoBuyer
    private = select(OrderPrivate.order_id)
    return Order.id.in_(private.where(OrderPrivate.buyer_words.contains(list(hashes))))


class Erasure:
    """Destroys the personal data of the orders that `chosen` selects, for a person."""

    def __init__(
        self, sessions: Sessions, chosen: ColumnElement[bool], *, also_live: bool = False
    ) -> None:
        """`also_live` includes orders that are not in the shop yet: they end."""
        self._sessions = sessions
        self._erased: list[int] = []
        self._chosen = and_(chosen, Order.purged_at.is_(None))
        needs_it = and_(Order.status.in_(LIVE), Order.step.not_in(SHIPPING_STEPS))
        self._needs_it = false() if also_live else needs_it
        self._erasable = and_(self._chosen, ~self._needs_it, Order.status != Status.RUNNING)

    def preview(self) -> Erased:
        """What `run` would do now."""
        with self._sessions() as session:
            erasable = self._numbers(session, self._erasable)
            return Erased(erasable, *self._left_out(session, Order.status == Status.RUNNING))

    def run(self, signature: Signature, why: str) -> Erased:
        """Destroy the data, in short transactions, each with a row in the security log. `why`, the
        number of a request, is noted at each order. Raises NoReference."""
        if why and not REFERENCE.fullmatch(why):
            raise NoReference
        while rows := self._erase(self._erased[-1] if self._erased else 0, signature, why):
            self._erased += [row.id for row in rows]
        log.warning("purge.on_demand", count=len(self._erased))
        with self._sessions() as session:
            numbers = self._numbers(session, of_orders(self._erased))
            return Erased(numbers, *self._left_out(session, true()))

    def prove(self) -> Proof:
        """Vacuum the old versions of the rows, and read back what `run` destroyed."""
        is_vacuumed = vacuum(self._sessions)
        with self._sessions() as session:
            left = self._left(session, self._erased)
            return Proof(len(self._erased), left, sampled(session), is_vacuumed)

    def _erase(self, after: int, signature: Signature, why: str) -> Sequence[Taken]:
        with self._sessions() as session, session.begin():
            rows = session.execute(
                select(*TAKEN)
                .where(self._erasable, Order.id > after)
                .order_by(Order.id)
                .limit(BATCH)
                .with_for_update(of=Order, skip_locked=True)
            ).all()
            if rows:
                destroy(session, rows, signature.at, "its buyer's data was destroyed on demand")
                _note(session, [row.id for row in rows], signature, why)
        return rows

    def _left_out(
        self, session: Session, is_busy: ColumnElement[bool]
    ) -> tuple[Sequence[str], Sequence[str]]:
        kept = and_(self._chosen, self._needs_it)
        busy = and_(self._chosen, ~self._needs_it, is_busy)
        return self._numbers(session, kept), self._numbers(session, busy)

    def _numbers(self, session: Session, condition: ColumnElement[bool]) -> Sequence[str]:
        query = select(Order.external_id).where(condition).order_by(Order.id)
        return session.scalars(query).all()

    def _left(self, session: Session, order_ids: Sequence[int]) -> Sequence[str]:
        private, typed = OrderPrivate, typed_titles(session, order_ids)
        is_left = or_(
            private.wrapped_key.is_not(None),
            private.sealed.is_not(None),
            private.correction.is_not(None),
            private.report_digest.is_not(None),
            private.buyer_initials != "",
            func.cardinality(private.buyer_words) > 0,
            Order.id.in_(select(OrderWords.order_id)),
            *(
                exists().where(table.order_id == Order.id, among(table.carrier_title, typed))
                for table in (Shipment, RequestedShipmentRow)
            ),
        )
        return session.scalars(
            select(Order.external_id)
            .join(private, private.order_id == Order.id)
            .where(of_orders(order_ids), is_left)
            .order_by(Order.id)
        ).all()


def _note(session: Session, order_ids: Sequence[int], signature: Signature, why: str) -> None:
    """A note at each order, and the row of the security log."""
    text = "destroyed the buyer's data on demand" + (f": {why}" if why else "")
    session.execute(
        insert(Note),
        [
            {"order_id": id_, "at": signature.at, "author": signature.person, "text": text}
            for id_ in order_ids
        ],
    )
    is_one = len(order_ids) == 1
    record(
        session,
        at=signature.at,
        person=signature.person,
        address=signature.address,
        action=Action.PURGED,
        object=order_object(order_ids[0]) if is_one else "orders",
        facts={"orders": len(order_ids), "ids": " ".join(map(str, order_ids))},
    )
