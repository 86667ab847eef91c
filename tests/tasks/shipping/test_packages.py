"""Step 7 over several packages, packages without a number, what the shop changed, and comments."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline.base.errors import OutcomeUnknown, Rejected
from pipeline.orders.channel import Confirmation
from pipeline.orders.outcome import Cancelled, Done, Hold, HoldCode, Skipped, Wait
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Order
from tasks.cancelling.fewer_units import being_reduced
from tasks.cancelling.part_cancelled import reduced
from tests.builders import a_raw_order, a_shipment, an_item, an_order
from tests.tasks.as_run import ship_order, sync_tracking
from tests.tasks.fakes import FakeChannel, FakeShop, InTurn, a_magento_order, clients
from tests.tasks.ledgers import SeededLedger

AN_HOUR = timedelta(hours=1)
NUMBER = "00340434161094000001"
AS_DHL = f"dhl/DHL/{NUMBER}"
SECOND = "10000000071"
SELLER = {"seller_id": "A1SELLER"}


def shipped(*shipments: Shipment, **changes: Any) -> Order:
    facts = {
        "magento_order_id": 900,
        "magento_status": "complete",
        "items": [an_item(magento_item_id=501)],
    }
    return an_order(raw=a_raw_order(), shipments=list(shipments), **{**facts, **changes})


def second(**changes: Any) -> Shipment:
    """The second package of shipment 71."""
    return a_shipment(
        **{"package_reference": SECOND, "items": {501: 1}, "tracking_number": "2", **changes}
    )


def told(channel: FakeChannel) -> list[tuple[str, str, dict[str, int]]]:
    sent: list[Confirmation] = [call[1] for call in channel.calls if call[0] == "confirm_shipment"]
    return [(call.reference, call.tracking_number, dict(call.quantities)) for call in sent]


def test_each_package_of_a_shipment_is_told_with_its_share() -> None:
    order = shipped(a_shipment(items={501: 1}), second())
    channel = FakeChannel(order=order.report.raw, confirm_shipment=None)
    assert sync_tracking(order, clients(channel)) == Done()
    assert told(channel) == [("71", NUMBER, {"I1": 1}), (SECOND, "2", {"I1": 1})]


def test_transparency_codes_are_each_packages_own() -> None:
    item = an_item(magento_item_id=501, transparency_codes=["AZ:1", "AZ:2"])
    order = shipped(a_shipment(items={501: 1}), second(), items=[item])
    raw: dict[str, Any] = dict(order.report.raw or {})
    raw["orderItems"] = [{**raw["orderItems"][0], "programs": ["TRANSPARENCY"]}]
    channel = FakeChannel(order=raw, confirm_shipment=None)
    assert sync_tracking(order, clients(channel)) == Done()
    sent = [call[1] for call in channel.calls if call[0] == "confirm_shipment"]
    assert [call.transparency_codes for call in sent] == [{"I1": ["AZ:1"]}, {"I1": ["AZ:2"]}]


def test_a_track_without_a_unit_is_named_and_not_told() -> None:
    order = shipped(a_shipment(), second(items={}))
    channel = FakeChannel(order=order.report.raw, confirm_shipment=None)
    assert sync_tracking(order, clients(channel)) == Skipped(
        "not sent to Amazon, since no unit is left for this tracking number: 2"
    )
    assert told(channel) == [("71", NUMBER, {"I1": 2})]


def test_without_a_number_the_order_waits_unless_the_operator_says_otherwise() -> None:
    order = shipped(a_shipment(tracking_number="", carrier_code="", carrier_title=""))
    assert ship_order(order, clients()) == Wait("shipped, waiting for a tracking number", AN_HOUR)
    assert sync_tracking(order, clients()) == Wait(
        "a package has no tracking number yet, or a text that does not look like one", AN_HOUR
    )
    assert ship_order(order, clients(confirm_without_tracking=True)) == Done()
    # The call asks for a number, so that it goes by feed; and a feed needs to know its sender.
    outcome = sync_tracking(order, clients(confirm_without_tracking=True))
    assert isinstance(outcome, Hold)
    assert outcome.code == HoldCode.SETTING_MISSING


def test_a_package_without_a_number_goes_by_feed_and_its_number_by_a_call() -> None:
    unnumbered = second(tracking_number="", carrier_code="", carrier_title="")
    order = shipped(a_shipment(items={501: 1}), unnumbered)
    message = {"order": order.external_id, "tracking": ""}
    channel = FakeChannel(order=order.report.raw, confirm_shipment=None, feed_message=dict(message))
    remotes = clients(channel, account=SELLER, confirm_without_tracking=True)
    assert sync_tracking(order, remotes) == Wait(
        "the confirmation goes to Amazon with the next feed", AN_HOUR
    )
    assert told(channel) == [("71", NUMBER, {"I1": 1})]
    assert unnumbered.to_feed == {**message, "announcement": "//"}
    # The feed has been worked on.
    unnumbered.confirmation, unnumbered.confirmed_as, unnumbered.to_feed = "accepted", "//", None
    assert sync_tracking(order, remotes) == Done()
    unnumbered.tracking_number = "2"
    assert sync_tracking(order, remotes) == Done()
    assert told(channel)[1:] == [(SECOND, "2", {"I1": 1})]


def test_a_number_taken_away_after_it_was_told_is_not_untold() -> None:
    order = shipped(a_shipment(tracking_number="", confirmed_as=AS_DHL))
    remotes = clients(account=SELLER, confirm_without_tracking=True)
    assert sync_tracking(order, remotes) == Wait(
        "a package has no tracking number yet, or a text that does not look like one", AN_HOUR
    )


def changed(reason: str) -> Hold:
    return Hold(HoldCode.SHIPMENT_CHANGED, reason, {"shipment": "71"})


def test_a_shipment_deleted_after_it_was_told_is_for_a_person() -> None:
    order = shipped(a_shipment(confirmed_as=AS_DHL, mismatch="deleted"))
    assert sync_tracking(order, clients()) == changed(
        f"shipment 71 was deleted in Magento after it was confirmed to Amazon under {NUMBER}: ship "
        "the same units again there, and the package at Amazon gets their number; or leave the "
        f"package at Amazon as it is with `orderbridge orders release {order.external_id} "
        "--confirm-anyway`"
    )
    order.confirm_anyway = True
    assert sync_tracking(order, clients()) == Done()


def test_units_moved_out_of_a_told_package_are_for_a_person_and_never_told_twice() -> None:
    order = shipped(
        a_shipment(confirmed_as=AS_DHL, mismatch="quantities"), a_shipment(72, items={501: 1})
    )
    assert sync_tracking(order, clients()) == changed(
        "units were taken out of shipment 71 in Magento after they were confirmed to Amazon, which "
        "never changes the contents of a package: put them back; or leave the package at Amazon as "
        f"it is with `orderbridge orders release {order.external_id} --confirm-anyway`"
    )
    order.confirm_anyway = True
    # Amazon has both units already.
    assert sync_tracking(order, clients()) == Done()


def test_an_order_on_hold_in_magento_waits_and_says_so() -> None:
    on_hold = Wait(
        "on hold in Magento, so nothing of it can be shipped until it is taken off hold there",
        AN_HOUR,
    )
    assert ship_order(shipped(magento_state="holded"), clients()) == on_hold
    half = shipped(a_shipment(items={501: 1}, confirmed_as=AS_DHL), magento_state="holded")
    assert sync_tracking(half, clients()) == on_hold


PROOF = {"grand_total": "20.00"}


@pytest.mark.parametrize(
    ("invoiced", "refunded", "is_right"),
    [
        (None, None, True),
        ("20.00", "0", True),
        ("25.00", "5.00", True),
        ("25.00", "0", False),
        ("25.00", "4.99", False),
        ("19.99", "0", False),
    ],
)
def test_an_invoice_of_another_sum_holds_the_order(
    invoiced: str | None, refunded: str | None, is_right: bool
) -> None:
    order = shipped(
        magento_invoiced=Decimal(invoiced) if invoiced else None,
        magento_refunded=Decimal(refunded) if refunded else None,
        total_proof=PROOF,
    )
    outcome = ship_order(order, clients())
    if is_right:
        assert outcome == Wait("waiting for the warehouse", AN_HOUR)
    else:
        shown = f"{Decimal(invoiced or 0).normalize():f}"
        assert outcome == Hold(
            HoldCode.TOTALS_DIFFER,
            f"Magento's invoices come to {shown} EUR, Amazon's total is 20.00 EUR: refund the "
            "difference in Magento, or correct the order there",
            {"invoiced": shown, "amazon": "20.00"},
        )


def test_what_amazon_fulfilled_is_checked_too() -> None:
    order = shipped(
        fulfilled_by="FBA", magento_invoiced=Decimal(1), total_proof=PROOF, remote_status="SHIPPED"
    )
    outcome = sync_tracking(order, clients())
    assert isinstance(outcome, Hold)
    assert outcome.code == HoldCode.TOTALS_DIFFER


TOLD = f"Told Amazon:\nDHL {NUMBER}: 1 x MUG-BLUE\nDHL 2: 1 x MUG-BLUE"


def both_told() -> Order:
    return shipped(
        a_shipment(items={501: 1}, confirmed_as=AS_DHL), second(confirmed_as="dhl/DHL/2")
    )


def test_the_shop_hears_once_of_what_amazon_was_told() -> None:
    order, ledger = both_told(), SeededLedger()
    shop = FakeShop(comment=None)
    remotes = clients(shop=shop, ledger=ledger, order_comments=True)
    assert sync_tracking(order, remotes) == Done()
    assert sync_tracking(order, remotes) == Done()
    assert shop.calls == [("comment", 900, TOLD, "complete")]
    (write, _) = ledger.writes
    assert write.key.startswith(f"comment:eu:{order.external_id}:")
    assert NUMBER not in write.key


def test_the_shop_hears_nothing_before_all_has_left_or_when_it_is_not_to() -> None:
    half = shipped(a_shipment(items={501: 1}, confirmed_as=AS_DHL))
    assert sync_tracking(half, clients(order_comments=True)) == Wait(
        "units left to ship: 1", AN_HOUR
    )
    assert sync_tracking(both_told(), clients(order_comments=False)) == Done()


def test_a_lost_answer_to_a_comment_is_looked_for_before_it_is_sent_again() -> None:
    order, ledger = both_told(), SeededLedger()
    shop = FakeShop(comment=OutcomeUnknown("no answer"), find_comment=InTurn("17"))
    remotes = clients(shop=shop, ledger=ledger, order_comments=True)
    with pytest.raises(OutcomeUnknown):
        sync_tracking(order, remotes)
    assert sync_tracking(order, remotes) == Done()
    assert [name for name, *_ in shop.calls] == ["comment", "find_comment"]


def test_a_refused_comment_holds_nothing() -> None:
    refusal = Rejected("The status is not part of it", code="x", status=400)
    shop = FakeShop(comment=refusal)
    assert sync_tracking(both_told(), clients(shop=shop, order_comments=True)) == Skipped(
        "no comment on Magento's order: the comment was refused: The status is not part of it"
    )


def test_the_shop_hears_of_a_cancellation_on_amazon() -> None:
    gone = a_magento_order(state="canceled", status="canceled")
    order = shipped(remote_status="CANCELLED", magento_status="pending")
    key = f"order:eu:{order.external_id}"
    shop = FakeShop(
        order=InTurn(a_magento_order(state="new"), gone, gone),
        cancel=True,
        comment=None,
    )
    remotes = clients(shop=shop, ledger=SeededLedger({key: "900"}), order_comments=True)
    assert ship_order(order, remotes) == Cancelled("cancelled on Amazon and in Magento")
    assert shop.calls[-1] == (
        "comment",
        900,
        "Cancelled on Amazon, and therefore here too.",
        "canceled",
    )


def test_the_shop_hears_of_a_part_that_amazon_cancelled() -> None:
    order = shipped()
    (item,) = order.items
    item.quantity = 3
    # Somebody has taken it off in the shop already.
    shop = FakeShop(order=a_magento_order(), comment=None)
    remotes = clients(shop=shop, order_comments=True)
    assert reduced(order, being_reduced(order, remotes), remotes) is None
    assert item.quantity == 2
    text = "Amazon cancelled 1 of 3 MUG-BLUE: taken off here too."
    assert shop.calls == [("order", 900), ("comment", 900, text, "complete")]
