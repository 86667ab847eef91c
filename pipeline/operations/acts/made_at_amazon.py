"""A person settles a refund that was made at Amazon and that the shop does not show."""

from __future__ import annotations

from pipeline.base.db import Sessions
from pipeline.base.master_keys import KeyMissing
from pipeline.base.money import written
from pipeline.base.security_log import Action, Signature, order_object, record
from pipeline.base.vault import Vault
from pipeline.operations.acts.one_order import NotPossible
from pipeline.orders.order_words import note
from pipeline.orders.tables import Order
from pipeline.refunds.made_at_amazon_tables import MadeAtAmazon


def settle(sessions: Sessions, vault: Vault, order_id: int, by: Signature) -> None:
    """Say that nothing is needed for the difference as it is now, in the security log too; another
    one needs a person again. Raises NotPossible."""
    with sessions() as session, session.begin():
        order = session.get(Order, order_id, with_for_update=True)
        row = session.get(MadeAtAmazon, order_id, with_for_update=True)
        if order is None or row is None or not row.needs_person or row.difference is None:
            raise NotPossible("no refund at Amazon needs a person")
        row.needs_person, row.dismissed = False, row.difference
        text = (
            f"settled the refunds made at Amazon: {row.difference.normalize():f} {row.currency} "
            "are not in the shop's credit memos"
        )
        try:
            note(session, vault, [order_id], text, "", author=by.person, at=by.at)
        except KeyMissing as error:
            raise NotPossible(str(error)) from None
        currency = row.currency or ""
        record(
            session,
            at=by.at,
            person=by.person,
            address=by.address,
            action=Action.REFUND_SETTLED,
            object=order_object(order_id),
            facts={
                "number": order.external_id,
                "amount": written(row.difference, currency),
                "currency": currency,
            },
        )
