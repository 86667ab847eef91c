"""A person corrects an order's delivery address, as long as the order has no Magento order.

A correction is sealed under the order's own key and destroyed with the key. Notes name the
corrected fields, never their content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.errors import CannotMap
from pipeline.base.id_lists import among
from pipeline.base.master_keys import KeyMissing, Unreadable
from pipeline.base.security_log import Action, Signature, order_object, record
from pipeline.base.vault import SealedColumn, Vault
from pipeline.magento.order.addresses import check_deliverable, country_of
from pipeline.operations.acts.one_order import NotPossible
from pipeline.orders.channel import ParseReport
from pipeline.orders.channel_order import Address, ChannelOrder, FulfilledBy
from pipeline.orders.corrected_address import Correction
from pipeline.orders.locking import lock
from pipeline.orders.machine import owner, wake
from pipeline.orders.order_words import Shown, shown
from pipeline.orders.states import EffectKind, StepName
from pipeline.orders.tables import LIVE, Effect, EffectState, Note, Order, OrderPrivate, Status

LINES = ("line1", "line2", "line3")
FIELDS = (
    *("name", "company", *LINES, "district", "city", "postcode", "region", "country", "phone"),
)

PRINTED = "printed the packing slip"


@dataclass(frozen=True, slots=True)
class Addresses:
    """An order's delivery addresses: the marketplace's, and a person's correction, if any.

    `overtaken` names the fields that the marketplace has changed since the correction.
    """

    reported: Address
    corrected: Address | None = None
    overtaken: tuple[str, ...] = ()

    @property
    def counts(self) -> Address:
        """The address that the parcel goes to."""
        return self.corrected or self.reported


@dataclass(frozen=True, slots=True)
class Disclosed:
    """All data that names an order's buyer, and what was said of the order, for who asked."""

    order: ChannelOrder
    addresses: Addresses
    words: Sequence[Shown]


class Corrections:
    """Stores and shows corrected addresses. Each method raises NotPossible."""

    def __init__(self, sessions: Sessions, vault: Vault, parse: ParseReport, by: Signature) -> None:
        self._sessions = sessions
        self._vault = vault
        self._parse = parse
        self._by = by

    def correct(self, order_id: int, changes: Mapping[str, str]) -> tuple[str, ...]:
        """Apply `changes` to the current address and release the order; return the changed fields.

        The keys are names in FIELDS; "" clears a field. The corrected address must be deliverable.
        """
        with self._sessions() as session, session.begin():
            order = _changeable(session, order_id)
            if order.fulfilled_by == FulfilledBy.AMAZON:
                raise NotPossible("Amazon fulfils it, and delivers to where the buyer said")
            if is_being_placed(session, order):
                raise NotPossible(
                    "its Magento order is being created at this moment: try again in some minutes"
                )
            private, key = self._private(session, order)
            reported, before = (
                self._reported(order, private, key),
                self._correction(order, private, key),
            )
            now_is = before.address if before else reported
            wanted = _changed(now_is, changes)
            try:
                check_deliverable(wanted)
            except CannotMap as error:
                raise NotPossible(error.reason) from error
            different = tuple(
                name for name in FIELDS if field_of(wanted, name) != field_of(now_is, name)
            )
            if not different and (before is None or before.instead_of == reported):
                raise NotPossible("that is its address already")
            sealed = Correction(wanted, instead_of=reported).as_json()
            private.correction = self._vault.seal(
                key, owner(order), SealedColumn.CORRECTION, sealed
            )
            named = ", ".join(different) or "as it was"
            self._note(session, order_id, f"corrected the shipping address: {named}")
            wake(session, [order_id], self._by.at)
        return different

    def withdraw(self, order_id: int) -> None:
        """Drop the correction; the marketplace's address counts again."""
        with self._sessions() as session, session.begin():
            _changeable(session, order_id)
            private = session.get(OrderPrivate, order_id)
            if private is None or private.correction is None:
                raise NotPossible("its address was not corrected")
            private.correction = None
            self._note(session, order_id, "withdrew the corrected shipping address")
            wake(session, [order_id], self._by.at)

    def show(self, order_id: int) -> Addresses:
        """Both addresses, for who signs; the security log records it."""
        return self._open(order_id, "shipping address").addresses

    def disclose(self, order_id: int) -> Disclosed:
        """All data that names the buyer, and what remotes and people said of the order, for who
        signs; the security log records it."""
        return self._open(order_id, "buyer's data")

    def for_packing(
        self, orders: Sequence[Order], why: str
    ) -> tuple[Mapping[int, Address], Mapping[int, str]]:
        """Where the parcels of these orders go, and why the address of others cannot be shown.

        Each order that is shown has a note; the security log records how many.
        """
        shown_to: dict[int, Address] = {}
        refused: dict[int, str] = {}
        ids = [order.id for order in orders]
        with self._sessions() as session, session.begin():
            lock(session, ids)
            rows = session.scalars(
                select(OrderPrivate)
                .where(among(OrderPrivate.order_id, ids))
                .order_by(OrderPrivate.order_id)
                .with_for_update()
            )
            privates = {private.order_id: private for private in rows}
            for order in orders:
                try:
                    private, key = _with_key(privates.get(order.id))
                    correction = self._correction(order, private, key)
                    address = (
                        correction.address if correction else self._reported(order, private, key)
                    )
                except NotPossible as error:
                    refused[order.id] = str(error)
                    continue
                shown_to[order.id] = address
            if shown_to:
                note = {"at": self._by.at, "author": self._by.person, "text": PRINTED}
                session.execute(
                    insert(Note), [{**note, "order_id": id_} for id_ in sorted(shown_to)]
                )
                record(
                    session,
                    at=self._by.at,
                    person=self._by.person,
                    address=self._by.address,
                    action=Action.DISCLOSED,
                    facts={"what": "packing slips", "orders": len(shown_to), "why": why},
                )
        return shown_to, refused

    def words(self, order_id: int) -> Sequence[Shown]:
        """What remotes and people said of the order, for who signs; the security log records it."""
        with self._sessions() as session, session.begin():
            order = _order(session, order_id)
            _, key = self._private(session, order)
            words = shown(session, self._vault, order, key)
            self._record(session, order, "words about it")
        return words

    def _open(self, order_id: int, what: str) -> Disclosed:
        with self._sessions() as session, session.begin():
            order = _order(session, order_id)
            private, key = self._private(session, order)
            parsed = self._parsed(order, private, key)
            correction = self._correction(order, private, key)
            words = shown(session, self._vault, order, key)
            self._record(session, order, what)
        reported = parsed.address or Address()
        if correction is None:
            return Disclosed(parsed, Addresses(reported), words)
        overtaken = tuple(correction.overtaken_by(reported))
        return Disclosed(parsed, Addresses(reported, correction.address, overtaken), words)

    def _record(self, session: Session, order: Order, what: str) -> None:
        record(
            session,
            at=self._by.at,
            person=self._by.person,
            address=self._by.address,
            action=Action.DISCLOSED,
            object=order_object(order.id),
            facts={"what": what, "orders": 1, "number": order.external_id},
        )

    def _private(self, session: Session, order: Order) -> tuple[OrderPrivate, bytes]:
        return _with_key(session.get(OrderPrivate, order.id, with_for_update=True))

    def _reported(self, order: Order, private: OrderPrivate, key: bytes) -> Address:
        return self._parsed(order, private, key).address or Address()

    def _parsed(self, order: Order, private: OrderPrivate, key: bytes) -> ChannelOrder:
        if private.sealed is None:
            raise NotPossible("its personal data was purged")
        try:
            raw = self._vault.open(key, owner(order), SealedColumn.REPORT, private.sealed)
            return self._parse(order.account, raw)
        except KeyMissing as error:
            raise NotPossible(str(error)) from None
        except Unreadable:
            raise NotPossible("ORDERBRIDGE_MASTER_KEY does not open its data") from None
        except CannotMap as error:
            raise NotPossible(error.reason) from error

    def _correction(self, order: Order, private: OrderPrivate, key: bytes) -> Correction | None:
        """The earlier correction; None also when no key opens it any more."""
        if private.correction is None:
            return None
        try:
            opened = self._vault.open(
                key, owner(order), SealedColumn.CORRECTION, private.correction
            )
            return Correction.from_json(opened)
        except Unreadable:
            return None

    def _note(self, session: Session, order_id: int, text: str) -> None:
        note = Note(order_id=order_id, at=self._by.at, author=self._by.person, text=text)
        session.add(note)


def _with_key(private: OrderPrivate | None) -> tuple[OrderPrivate, bytes]:
    if private is None or private.wrapped_key is None:
        raise NotPossible("its personal data was purged")
    return private, private.wrapped_key


def _changed(address: Address, changes: Mapping[str, str]) -> Address:
    texts: dict[str, Any] = {name: text.strip() for name, text in changes.items()}
    lines = [*address.lines, "", "", ""][: max(len(address.lines), len(LINES))]
    for place, name in enumerate(LINES):
        lines[place] = texts.pop(name, lines[place])
    if "country" in texts:
        texts["country"] = texts["country"].upper()
        if not country_of(Address(country=texts["country"])):
            raise NotPossible("the country must be its code of two letters, such as DE")
    return replace(address, lines=tuple(filter(None, lines)), **texts)


def field_of(address: Address, name: str) -> str:
    """The text of a field in FIELDS; a fourth address line has no name."""
    if name not in LINES:
        return str(getattr(address, name))
    return [*address.lines, "", "", ""][LINES.index(name)]


def _order(session: Session, order_id: int) -> Order:
    order = session.get(Order, order_id, with_for_update=True)
    if order is None:
        raise NotPossible("it has just been deleted")
    return order


def _changeable(session: Session, order_id: int) -> Order:
    order = _order(session, order_id)
    if order.magento_order_id is not None:
        number = order.magento_increment_id or str(order.magento_order_id)
        raise NotPossible(f"it is Magento order {number} already: change its address there")
    if order.status not in LIVE:
        raise NotPossible(f"it is {order.status} here")
    return order


def is_being_placed(session: Session, order: Order) -> bool:
    """Whether a step has read the address, or a request with it may have arrived."""
    if order.status == Status.RUNNING and order.step == StepName.CREATE_ORDER:
        return True
    begun = (EffectState.INTENDED, EffectState.UNKNOWN, EffectState.DONE)
    sent = select(Effect.id).where(
        Effect.order_id == order.id, Effect.kind == EffectKind.ORDER, Effect.state.in_(begun)
    )
    return session.scalar(sent.limit(1)) is not None
