"""A person decides about the refund of a credit memo at Amazon."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.master_keys import KeyMissing
from pipeline.base.money import written
from pipeline.base.security_log import Action, Signature, order_object, record
from pipeline.base.vault import Vault
from pipeline.operations.acts.one_order import NotPossible
from pipeline.orders.channel_order import FulfilledBy, RemoteStatus
from pipeline.orders.order_words import note
from pipeline.orders.tables import Order
from pipeline.refunds.matching import with_more
from pipeline.refunds.states import RefundState
from pipeline.refunds.tables import AmazonRefund


def may_send(refund: AmazonRefund) -> bool:
    """Whether a person may have the refund sent: its message is known, and it is not under way."""
    return refund.body is not None and (
        refund.state in (RefundState.ASKED, RefundState.WAITING, RefundState.REFUSED)
        or (refund.state == RefundState.UNKNOWN and refund.needs_person)
    )


def may_prepare(refund: AmazonRefund) -> bool:
    """Whether the refund is held because of the settings or its figures, and can be asked for."""
    return refund.state == RefundState.HELD and refund.due_at is None


def may_dismiss(refund: AmazonRefund) -> bool:
    """Whether nothing is on its way to Amazon, so that the refund can be left out."""
    return refund.state in (
        RefundState.HELD,
        RefundState.ASKED,
        RefundState.WAITING,
        RefundState.CHOSEN,
        RefundState.REFUSED,
    ) or (refund.state == RefundState.UNKNOWN and refund.needs_person)


def may_take_back(refund: AmazonRefund) -> bool:
    """Whether a decision can be undone: the refund is in no feed yet, or it was seen at Amazon in a
    refund that may be another's."""
    return refund.state in (RefundState.CHOSEN, RefundState.DISMISSED, RefundState.SEEN)


class RefundDecisions:
    """Stores a person's decisions about refunds, with a row of the security log. Each method raises
    NotPossible."""

    def __init__(self, sessions: Sessions, vault: Vault, by: Signature) -> None:
        self._sessions = sessions
        self._vault = vault
        self._by = by

    def send(self, order_id: int, refund_id: int, total: str) -> None:
        """Have Amazon refund the buyer: exactly `total`, as the person saw it."""
        with self._sessions() as session, session.begin():
            order, refund = _locked(session, order_id, refund_id)
            if order.fulfilled_by == FulfilledBy.AMAZON:
                raise NotPossible("Amazon fulfils the order, and refunds its buyers itself")
            if not may_send(refund):
                raise NotPossible(f"its refund is {refund.state}")
            if total != amount(refund):
                raise NotPossible("the amount has changed since: look at the page again")
            if order.remote_status != RemoteStatus.SHIPPED:
                raise NotPossible(
                    f"it is {order.remote_status} at Amazon, which refunds after the dispatch is "
                    "confirmed"
                )
            self._change(
                session,
                Action.REFUND_SENT,
                order,
                refund,
                f"asked Amazon to refund {total} {refund.currency}",
                state=RefundState.CHOSEN,
                looked_at=None,
                tries=0,
                due_at=self._by.at,
            )

    def prepare(self, order_id: int, refund_id: int) -> None:
        """Have the message of a held refund made, for a person to decide."""
        with self._sessions() as session, session.begin():
            order, refund = _locked(session, order_id, refund_id)
            if not may_prepare(refund):
                raise NotPossible(f"its refund is {refund.state}")
            self._change(
                session,
                Action.REFUND_PREPARED,
                order,
                refund,
                "had the refund at Amazon prepared",
                state=RefundState.ASKED,
                due_at=self._by.at,
            )

    def dismiss(self, order_id: int, refund_id: int, why: str = "") -> None:
        """Leave the refund out: Amazon is not told of this credit memo."""
        with self._sessions() as session, session.begin():
            order, refund = _locked(session, order_id, refund_id)
            if not may_dismiss(refund):
                raise NotPossible(f"its refund is {refund.state}")
            self._change(
                session,
                Action.REFUND_LEFT_OUT,
                order,
                refund,
                "decided against a refund at Amazon",
                why,
                state=RefundState.DISMISSED,
                due_at=None,
            )

    def take_back(self, order_id: int, refund_id: int) -> None:
        """Undo a decision, as long as the refund is in no feed; or that it was seen at Amazon.

        A message that was sent is looked for again, and is a person's 96 hours after it was sent.
        """
        with self._sessions() as session, session.begin():
            order, refund = _locked(session, order_id, refund_id)
            if not may_take_back(refund):
                raise NotPossible(f"its refund is {refund.state}, which cannot be undone")
            if refund.state == RefundState.SEEN:
                self._change(
                    session,
                    Action.REFUND_TAKEN_BACK,
                    order,
                    refund,
                    f"said that refund {refund.transaction_id} at Amazon is not this memo's",
                    state=RefundState.ASKED if refund.sent_at is None else RefundState.UNKNOWN,
                    asked_about=with_more(refund.asked_about, refund.transaction_id),
                    transaction_id=None,
                    due_at=self._by.at,
                )
                return
            self._change(
                session,
                Action.REFUND_TAKEN_BACK,
                order,
                refund,
                "took back the decision about the refund at Amazon",
                state=RefundState.ASKED,
                due_at=self._by.at,
            )

    def _change(
        self,
        session: Session,
        action: Action,
        order: Order,
        refund: AmazonRefund,
        text: str,
        typed: str = "",
        **values: Any,
    ) -> None:
        seen = refund.transaction_id
        is_asked = values["state"] == RefundState.ASKED
        for name, value in values.items():
            setattr(refund, name, value)
        refund.changed_at, refund.needs_person = self._by.at, is_asked
        is_open = is_asked or values["state"] == RefundState.UNKNOWN
        refund.decided_by = None if is_open else self._by.person
        refund.decided_at = None if is_open else self._by.at
        refund.hold_code = refund.reason = None
        text = f"{text} (credit memo {refund.memo_id})"
        try:
            note(
                session,
                self._vault,
                [refund.order_id],
                text,
                typed.strip(),
                author=self._by.person,
                at=self._by.at,
            )
        except KeyMissing as error:
            raise NotPossible(str(error)) from None
        record(
            session,
            at=self._by.at,
            person=self._by.person,
            address=self._by.address,
            action=action,
            object=order_object(order.id),
            facts={
                "number": order.external_id,
                "memo": refund.memo_id,
                "amount": amount(refund) or None,
                "currency": refund.currency,
                **({"transaction": seen} if seen else {}),
            },
        )


def amount(refund: AmazonRefund) -> str:
    """What the refund gives the buyer, as people read and confirm it."""
    return "" if refund.total is None else written(refund.total, refund.currency)


def _locked(session: Session, order_id: int, refund_id: int) -> tuple[Order, AmazonRefund]:
    """The order and its refund, locked in this sequence as everywhere."""
    order = session.get(Order, order_id, with_for_update=True)
    refund = session.get(AmazonRefund, refund_id, with_for_update=True)
    if order is None or refund is None or refund.order_id != order_id:
        raise NotPossible("there is no such refund")
    return order, refund
