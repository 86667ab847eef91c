"""A person's decisions about a single order. Each is noted, and the order becomes due.

The order's version stays the same: a running step keeps its claim, and the next run sees the
decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline.access.work_tables import Mention
from pipeline.base.db import Sessions
from pipeline.base.master_keys import KeyMissing
from pipeline.base.vault import Vault
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.decision_table import PENDING
from pipeline.orders.machine import wake
from pipeline.orders.order_words import note
from pipeline.orders.outcome import HoldCode
from pipeline.orders.package_tables import Shipment
from pipeline.orders.requested_shipment_table import standing
from pipeline.orders.state_changes import dismiss, take_up_again
from pipeline.orders.states import TAKEN_BACK, CancellationState
from pipeline.orders.tables import LIVE, Order, OrderItem
from pipeline.settings.model import AccountSettings, needs_seller_id
from pipeline.shipping.feed_collecting import CANCELLABLE

LONGEST_NOTE = 1000
LONGEST_WHY = 300
ASKED_TO_CANCEL = "asked Amazon to cancel it: "
"""The beginning of the note of a person who cancelled an order."""


DISMISSED = "dismissed it"
"""The note of a person who dismissed an order; the reason is sealed."""


class NotPossible(Exception):
    """The order's state does not allow this; the message says why."""


class Decisions:
    """Stores a person's decisions. Each method raises NotPossible."""

    def __init__(
        self,
        sessions: Sessions,
        vault: Vault,
        author: str,
        now: datetime,
        accounts: Mapping[str, AccountSettings] | None = None,
    ) -> None:
        """`accounts` are the configured accounts; without them their missing settings are
        unknown."""
        self._accounts = accounts or {}
        self._sessions = sessions
        self._vault = vault
        self._author = author
        self._now = now

    def note(self, order_id: int, text: str, mentioned: Sequence[int] = ()) -> None:
        """Seal a person's note about an order in any state, which addresses the people with these
        ids; nothing else happens.

        Without the order's key nothing could be kept of it.
        """
        with self._sessions() as session, session.begin():
            order = session.get(Order, order_id, with_for_update=True)
            if order is None:
                raise NotPossible("it has just been deleted")
            if order.purged_at is not None:
                raise NotPossible("its personal data was purged, and notes are kept with it")
            if not text.strip():
                raise NotPossible("the note is empty")
            if len(text) > LONGEST_NOTE:
                raise NotPossible(f"a note has {LONGEST_NOTE} characters at most")
            notes = self._keep(session, order_id, "wrote a note", text.strip())
            session.add_all(
                Mention(note_id=note_id, person_id=person_id)
                for note_id in notes
                for person_id in mentioned
            )

    def hold(self, order_id: int, why: str) -> None:
        """Hold an order before its next step, until a person releases it."""
        if not why.strip():
            raise NotPossible("give the reason why it is held")
        if len(why.strip()) > LONGEST_WHY:
            raise NotPossible(f"the reason has {LONGEST_WHY} characters at most")
        with self._sessions() as session, session.begin():
            _live(session, order_id)
            self._write(session, order_id, "held it", why.strip(), kept_back=self._author)

    def dismiss(self, order_id: int, why: str) -> None:
        """End an order that is done elsewhere or never will be; no step runs for it any more."""
        if not why.strip():
            raise NotPossible("give the reason why it is dismissed")
        with self._sessions() as session, session.begin():
            order = _live(session, order_id)
            if order.remote_status in PENDING:
                raise NotPossible("Amazon has not verified its payment yet")
            if order.cancellation in (CancellationState.ASKED, CancellationState.SENT):
                raise NotPossible("Amazon is being asked to cancel it")
            if not dismiss(session, [order_id], DISMISSED, self._now):
                raise NotPossible("a step is running right now: try again in a moment")
            self._keep(session, order_id, DISMISSED, why.strip()[:LONGEST_NOTE])

    def take_up_again(self, order_id: int) -> None:
        """Undo a dismissal: the order continues at the step it had reached."""
        with self._sessions() as session, session.begin():
            if not take_up_again(session, [order_id], self._now):
                raise NotPossible("it is not dismissed")
            self._keep(session, order_id, "resumed it")

    def cancel(self, order_id: int, reason: str) -> None:
        """Have Amazon cancel an order of which nothing is shipped, for a reason on Amazon's
        list."""
        with self._sessions() as session, session.begin():
            order = _live(session, order_id)
            if order.fulfilled_by == FulfilledBy.AMAZON:
                raise NotPossible("Amazon fulfils it: only the buyer and Amazon can cancel it")
            account = self._accounts.get(order.account)
            if account is not None and not account.may_cancel:
                raise NotPossible(f"{needs_seller_id(order.account)}, or cancel it there")
            if order.remote_status not in CANCELLABLE:
                raise NotPossible(f"it is {order.remote_status} on Amazon")
            if session.scalar(select(Shipment.id).where(Shipment.order_id == order_id).limit(1)):
                raise NotPossible("the warehouse has shipped some of it")
            if order.cancellation in (CancellationState.SENT, CancellationState.ACCEPTED):
                raise NotPossible("its cancellation has been sent to Amazon already")
            if standing(session, order_id):
                raise NotPossible("its shipment has been requested: take that back first")
            self._write(
                session,
                order_id,
                f"{ASKED_TO_CANCEL}{reason}",
                cancel_reason=reason,
                cancellation=CancellationState.ASKED,
                cancel_refusal=None,
            )

    def withdraw(self, order_id: int) -> None:
        """Withdraw a cancellation that has not been sent to Amazon, or that Amazon refused."""
        with self._sessions() as session, session.begin():
            order = _live(session, order_id)
            if order.cancellation not in TAKEN_BACK:
                raise NotPossible("there is no cancellation that could be taken back")
            self._write(
                session,
                order_id,
                "took the cancellation back",
                cancel_reason=None,
                cancellation=None,
                cancel_refusal=None,
            )

    def confirm_anyway(self, order_id: int) -> None:
        """Confirm the order's packages although the buyer asked to cancel, or although the shop
        changed a package that Amazon already knows."""
        with self._sessions() as session, session.begin():
            order = _live(session, order_id)
            text = "to be confirmed although the buyer asked to cancel"
            if order.hold_code == HoldCode.SHIPMENT_CHANGED:
                text = "left its packages at Amazon as they are"
            self._write(session, order_id, text, confirm_anyway=True)

    def transparency(self, order_id: int, item_id: str, codes: Sequence[str]) -> None:
        """Store an item's Transparency codes, in place of the earlier codes."""
        with self._sessions() as session, session.begin():
            _live(session, order_id)
            item = session.scalar(
                select(OrderItem).where(
                    OrderItem.order_id == order_id, OrderItem.external_item_id == item_id
                )
            )
            if item is None:
                raise NotPossible(f"it has no item {item_id}")
            if len(codes) != item.quantity or len(set(codes)) != len(codes):
                raise NotPossible(f"item {item_id} needs {item.quantity} different codes")
            item.transparency_codes = list(codes)
            self._write(session, order_id, f"entered {len(codes)} Transparency codes of {item_id}")

    def _write(
        self, session: Session, order_id: int, text: str, typed: str = "", **values: Any
    ) -> None:
        if values:
            session.execute(
                update(Order)
                .where(Order.id == order_id)
                .values(**values)
                .execution_options(synchronize_session=False)
            )
        self._keep(session, order_id, text, typed)
        wake(session, [order_id], self._now)

    def _keep(self, session: Session, order_id: int, text: str, typed: str = "") -> list[int]:
        orders = [order_id]
        try:
            return note(
                session, self._vault, orders, text, typed, author=self._author, at=self._now
            )
        except KeyMissing as error:
            raise NotPossible(str(error)) from None


def _live(session: Session, order_id: int) -> Order:
    order = session.get(Order, order_id, with_for_update=True)
    if order is None:
        raise NotPossible("it has just been deleted")
    if order.status not in LIVE:
        raise NotPossible(f"it is {order.status} here")
    return order
