"""Two shops and two accounts with the same numbers: nothing of one happens to the other."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.intake.credit_memos import Refunds
from pipeline.intake.tables import Refund
from pipeline.magento.records import CreditMemo, MagentoOrder
from pipeline.monitoring.reconcile.runs import Runs, SeveralAccounts
from pipeline.monitoring.reconcile.tables import Difference, Reconciliation
from pipeline.operations.lists.filters import read
from pipeline.operations.lists.orders import Listing
from pipeline.operations.lists.stores import stores
from pipeline.orders.tables import Status
from pipeline.shipping.packages import Mismatch
from pipeline.shipping.shop_shipments import Shipments
from tests.builders import ACCOUNT, NOW, SHOP, a_shipment, a_vault, loaded
from tests.colliding import ENTITY_ID, OTHER_ACCOUNT, OTHER_SHOP, twins, two_of_each


@pytest.mark.parametrize("is_told", [False, True], ids=["not told", "told to Amazon"])
def test_a_shipment_deleted_in_one_shop_stays_in_the_other(
    is_told: bool, sessions: Sessions
) -> None:
    made = twins(
        sessions,
        shipments=lambda: [
            a_shipment(confirmed_as="a" if is_told else None, confirmed_at=NOW if is_told else None)
        ],
    )
    watch = Shipments(sessions, a_vault())
    states = {ENTITY_ID: MagentoOrder(ENTITY_ID, state="processing", status="processing")}
    woken = watch.store(
        SHOP, watch.awaited([ACCOUNT], SHOP), [], states, NOW + timedelta(hours=1), {71}
    )
    assert woken == [made.ours]
    gone = [shipment.mismatch for shipment in loaded(sessions, made.ours).shipments]
    assert gone == ([Mismatch.DELETED] if is_told else [])
    other = loaded(sessions, made.others)
    assert [shipment.mismatch for shipment in other.shipments] == [None]
    assert (other.due_at, other.news, other.magento_state) == (NOW, 0, None)


def test_a_credit_memo_is_of_the_order_of_its_own_shop(sessions: Sessions) -> None:
    made = twins(sessions)
    memo = CreditMemo(12, ENTITY_ID, "12", NOW, "EUR", Decimal(5), Decimal(0), ())
    assert Refunds(sessions).store([OTHER_ACCOUNT], OTHER_SHOP, [memo]) == 1
    assert Refunds(sessions).store([ACCOUNT], SHOP, [memo]) == 1
    with sessions() as session:
        kept = session.scalars(select(Refund.order_id).order_by(Refund.id)).all()
    assert kept == [made.others, made.ours]


def test_a_difference_is_accepted_in_the_account_that_was_meant(sessions: Sessions) -> None:
    made = twins(sessions, status=Status.HELD, hold_code="not_in_magento", due_at=None)
    with sessions() as session, session.begin():
        for account in (ACCOUNT, OTHER_ACCOUNT):
            run = Reconciliation(
                account=account, author="test", state="done", after_at=NOW, before_at=NOW,
                due_at=NOW, created_at=NOW,
            )  # fmt: skip
            session.add(run)
            session.flush()
            session.add(
                Difference(
                    account=account, external_id=made.number, kind="different totals", detail="d",
                    treatment="held", reconciliation_id=run.id, found_at=NOW,
                )
            )  # fmt: skip
    runs = Runs(sessions)
    with pytest.raises(SeveralAccounts):
        runs.accept(made.number, author="anna", now=NOW)
    accepted = runs.accept(made.number, author="anna", now=NOW, account=OTHER_ACCOUNT)
    assert accepted == ["different totals"]
    assert loaded(sessions, made.others).due_at == NOW
    assert loaded(sessions, made.ours).due_at is None


def test_a_store_view_of_one_shop_lists_none_of_the_other(sessions: Sessions) -> None:
    made = twins(sessions)
    known = stores(two_of_each())
    assert sorted(known) == ["main/default", "other/default"]
    asked = read({"store": "other/default", "number": "000000900"}, known)
    assert asked.mistakes == {}
    page = Listing(sessions).page(asked.filters)
    assert [order.id for order in page.orders] == [made.others]
