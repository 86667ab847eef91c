"""Which orders want an invoice, and how often each shop is asked for it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from pipeline.invoices.tables import UploadState
from pipeline.invoices.wanted import LOOKED_FOR, SEVERAL, SOONEST_LOOK
from pipeline.magento.records import NumberedInvoice
from tests.builders import GERMANY
from tests.colliding import OTHER_ACCOUNT, OTHER_SHOP
from tests.invoices.rig import Rig

INVOICE = NumberedInvoice("7", Decimal("19.98"), Decimal("3.19"))
BATCH = 3


def looked_at(rig: Rig) -> list[int]:
    """A batch of the orders whose shop is asked now; none of them has an invoice there."""
    rig.wanted.want([GERMANY], rig.at, BATCH)
    asked = [order.order_id for order in rig.wanted.due([GERMANY], rig.at, BATCH)]
    rig.wanted.not_found(asked, rig.at, "no invoice")
    return asked


def test_orders_without_an_invoice_starve_no_other(rig: Rig) -> None:
    without = [rig.sold(number=str(number)) for number in range(BATCH)]
    others = [rig.sold(number=str(number)) for number in range(BATCH)]
    assert looked_at(rig) == without
    rig.at += timedelta(minutes=2)
    assert looked_at(rig) == others
    rig.at += timedelta(minutes=2)
    assert looked_at(rig) == []
    rig.at += SOONEST_LOOK
    assert sorted(looked_at(rig) + looked_at(rig)) == sorted(without + others)


def test_a_shop_is_asked_ever_more_rarely_and_then_a_person(rig: Rig) -> None:
    order_id = rig.sold()
    times = 0
    for _ in range(int(1.2 * LOOKED_FOR / timedelta(minutes=30))):
        times += len(looked_at(rig))
        rig.at += timedelta(minutes=30)
    assert 20 < times < 100
    upload = rig.upload(order_id)
    assert (upload.state, upload.trouble) == (UploadState.HELD, "no invoice")


def test_a_shop_that_does_not_answer_asks_nobody(rig: Rig) -> None:
    order_id = rig.sold()
    rig.wanted.want([GERMANY], rig.at, BATCH)
    rig.at += 2 * LOOKED_FOR
    rig.wanted.not_found([order_id], rig.at)
    assert rig.state(order_id) == (UploadState.WANTED, None)
    assert rig.wanted.due([GERMANY], rig.at + LOOKED_FOR / 10, BATCH) == []
    (order,) = rig.wanted.due([GERMANY], rig.at + LOOKED_FOR, BATCH)
    assert order.order_id == order_id


def test_each_account_wants_its_own_alone(rig: Rig) -> None:
    other = Rig(rig.sessions, rig.store, rig.url, rig.folder, account=OTHER_ACCOUNT)
    other.shop = OTHER_SHOP
    ours, others = rig.sold(external_id="303-1-1"), other.sold(external_id="303-1-1")
    assert (looked_at(rig), looked_at(other)) == ([ours], [others])
    (shop,) = {order.shop for order in other.wanted.due([GERMANY], rig.at + SOONEST_LOOK, 9)}
    assert shop == OTHER_SHOP


def test_a_late_answer_of_the_shop_changes_nothing(rig: Rig) -> None:
    order_id = rig.ready("7")
    rig.go()
    assert rig.upload(order_id).state == UploadState.SUBMITTED
    rig.wanted.found({order_id: [INVOICE, INVOICE]}, rig.at)
    rig.wanted.not_found([order_id], rig.at + 2 * LOOKED_FOR, "no invoice")
    assert rig.upload(order_id).state == UploadState.SUBMITTED


def test_two_parcels_and_two_invoices_wait_for_a_persons_choice(rig: Rig) -> None:
    """Amazon takes one invoice for an order number, however many parcels it left in."""
    order_id = rig.sold("PARTIALLY_SHIPPED", remote_status="PARTIALLY_SHIPPED")
    assert looked_at(rig) == []
    whole = rig.sold("SHIPPED")
    assert rig.known("7", "8") == 1
    upload = rig.upload(whole)
    assert (upload.state, upload.trouble) == (UploadState.HELD, SEVERAL)
    assert upload.ended_at == rig.at
    rig.through()
    assert rig.amazons() == []
    with rig.sessions() as session:
        assert session.get(type(upload), order_id) is None
