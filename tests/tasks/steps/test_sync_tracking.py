"""Step 7: telling Amazon of each package, once per tracking number."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipeline.base.errors import CannotMap, OverQuota, Rejected, Transient
from pipeline.orders.channel import Confirmation
from pipeline.orders.outcome import Done, Hold, HoldCode, Skipped, Wait
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Order
from tests.builders import (
    ACCOUNT,
    GERMANY,
    NOW,
    a_raw_order,
    a_report,
    a_shipment,
    a_vault,
    an_item,
    an_order,
)
from tests.tasks.as_run import sync_tracking
from tests.tasks.fakes import (
    FakeChannel,
    FakeShop,
    InTurn,
    a_magento_order,
    clients,
)
from tests.tasks.ledgers import SeededLedger

AN_HOUR = timedelta(hours=1)
NUMBER = "00340434161094000001"
AS_DHL = f"dhl/DHL/{NUMBER}"


def shipped(*shipments: Shipment, **changes: Any) -> Order:
    raw = a_raw_order()
    facts = {"magento_order_id": 900, "items": [an_item(magento_item_id=501)], **changes}
    return an_order(raw=raw, shipments=list(shipments or [a_shipment()]), **facts)


def an_amazon(placed: Order, /, **answers: Any) -> FakeChannel:
    return FakeChannel(**{"order": placed.report.raw, "confirm_shipment": None, **answers})


def key(order: Order, times: int = 0, announcement: str = AS_DHL) -> str:
    pseudonym = a_vault().pseudonym(announcement)
    return f"confirm:{ACCOUNT}:{order.external_id}:71:{times}:{pseudonym}"


def confirmation(order: Order, reference: str = "71", **changes: Any) -> Confirmation:
    return Confirmation(
        **{
            "external_id": order.external_id,
            "marketplace_id": GERMANY,
            "reference": reference,
            "carrier_code": "dhl",
            "carrier_title": "DHL",
            "tracking_number": NUMBER,
            "shipped_at": NOW,
            "quantities": {"I1": 2},
            "country": "DE",
            **changes,
        }
    )


def test_confirms_after_reading_the_order_again() -> None:
    order, ledger = shipped(), SeededLedger()
    channel = an_amazon(order)
    assert sync_tracking(order, clients(channel, ledger=ledger)) == Done()
    assert channel.calls == [
        ("order", order.external_id),
        ("confirm_shipment", confirmation(order)),
    ]
    (shipment,) = order.shipments
    assert (shipment.confirmation, shipment.confirmed_at, shipment.refusal) == (
        "accepted",
        NOW,
        None,
    )
    assert shipment.confirmed_as == AS_DHL
    assert ledger.keys == [key(order)]
    # Amazon takes a second send of the same reference as an edit, so nothing need be waited for.
    assert ledger.writes[0].harmless_twice
    assert NUMBER not in ledger.keys[0]


def test_a_confirmed_package_is_never_told_again() -> None:
    order = shipped(a_shipment(confirmed_as=AS_DHL, confirmation="accepted"))
    assert sync_tracking(order, clients()) == Done()


def test_a_changed_tracking_number_edits_the_same_package() -> None:
    order = shipped(a_shipment(confirmed_as="dhl/DHL/OLD", confirmed_times=2))
    # Changed and changed back: what was told first has to be told again.
    told = {key(order): "71", key(order, 1, "dhl/DHL/OLD"): "71"}
    channel, ledger = an_amazon(order), SeededLedger(told)
    assert sync_tracking(order, clients(channel, ledger=ledger)) == Done()
    assert channel.calls[1] == ("confirm_shipment", confirmation(order))
    assert ledger.keys == [key(order, 2)]
    (shipment,) = order.shipments
    assert (shipment.confirmed_as, shipment.confirmed_times) == (AS_DHL, 3)


def test_a_run_that_was_superseded_after_telling_tells_nothing_again() -> None:
    order = shipped()
    channel, ledger = an_amazon(order), SeededLedger({key(order): "71"})
    assert sync_tracking(order, clients(channel, ledger=ledger)) == Done()
    assert channel.calls == [("order", order.external_id)]
    assert order.shipments[0].confirmed_times == 1


@pytest.mark.parametrize(
    ("shipments", "before", "outcome", "references"),
    [
        pytest.param(
            [a_shipment(71, items={501: 1})],
            0,
            Wait("units left to ship: 1", AN_HOUR),
            ["71"],
            id="the rest waits",
        ),
        pytest.param(
            [
                a_shipment(71, items={501: 1}, confirmed_as=AS_DHL),
                a_shipment(72, items={501: 1}),
            ],
            0,
            Done(),
            ["72"],
            id="the second package",
        ),
        pytest.param(
            [a_shipment(71, items={501: 1}), a_shipment(72, items={501: 1})],
            0,
            Done(),
            ["71", "72"],
            id="both at once",
        ),
        pytest.param(
            [a_shipment(71, items={501: 1}), a_shipment(72, items={501: 1}, tracking_number="")],
            0,
            Wait(
                "a package has no tracking number yet, or a text that does not look like one",
                AN_HOUR,
            ),
            ["71"],
            id="one has no number",
        ),
        pytest.param([a_shipment(71, items={501: 1})], 1, Done(), ["71"], id="one had left before"),
    ],
)
def test_partial_shipments(
    shipments: list[Shipment], before: int, outcome: Done | Wait, references: list[str]
) -> None:
    item = an_item(magento_item_id=501, quantity_fulfilled_before=before)
    order = shipped(*shipments, items=[item])
    channel = an_amazon(order)
    assert sync_tracking(order, clients(channel)) == outcome
    assert channel.calls == [
        ("order", order.external_id),
        *(
            ("confirm_shipment", confirmation(order, reference, quantities={"I1": 1}))
            for reference in references
        ),
    ]


@pytest.mark.parametrize(
    ("fulfilled_by", "shipments"), [("FBA", [a_shipment()]), ("FBA", []), ("FBM", [])]
)
def test_without_goods_of_ours_there_is_nothing_to_tell(
    fulfilled_by: str, shipments: list[Shipment]
) -> None:
    order = an_order(fulfilled_by=fulfilled_by, remote_status="SHIPPED", shipments=shipments)
    assert sync_tracking(order, clients()) == Skipped("nothing of ours to confirm")


def test_cancelled_meanwhile_confirms_nothing() -> None:
    order = shipped()
    channel = FakeChannel(order=a_raw_order(order.external_id, status="CANCELLED"))
    ledger = SeededLedger()
    assert sync_tracking(order, clients(channel, ledger=ledger)) == Hold(
        HoldCode.CANCELLED_AFTER_SHIPMENT,
        "cancelled on Amazon after goods had left the warehouse; nothing was confirmed",
    )
    assert ledger.keys == []
    assert order.shipments[0].confirmation == "queued"


NOT_FOUND = Rejected("nothing left", code="PackageToUpdateNotFound", status=400)


def with_package(order: Order, tracking_number: str) -> dict[str, Any]:
    package = {
        "packageReferenceId": "1",
        "carrier": "DHL",
        "trackingNumber": tracking_number,
        "packageItems": [{"orderItemId": "I1", "quantity": 2}],
    }
    return {**(order.report.raw or {}), "packages": [package]}


def test_a_package_amazon_has_under_another_reference_counts_as_confirmed() -> None:
    order = shipped()
    channel = an_amazon(
        order,
        order=InTurn(order.report.raw, with_package(order, NUMBER)),
        confirm_shipment=NOT_FOUND,
    )
    assert sync_tracking(order, clients(channel)) == Done()
    assert [name for name, _ in channel.calls] == ["order", "confirm_shipment", "order"]
    assert order.shipments[0].confirmation == "accepted"


def test_a_try_that_died_in_the_call_ends_in_the_ledger_without_a_second_call() -> None:
    order = shipped()
    channel = an_amazon(order, order=with_package(order, NUMBER))
    ledger = SeededLedger(begun=[key(order)])
    assert sync_tracking(order, clients(channel, ledger=ledger)) == Done()
    assert [call[0] for call in channel.calls] == ["order"]
    assert ledger.done == {key(order): "71"}
    assert order.shipments[0].confirmed_as == AS_DHL


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (NOT_FOUND, ["order", "confirm_shipment", "order"]),
        (Rejected("bad date", code="InvalidInput", status=400), ["order", "confirm_shipment"]),
    ],
)
def test_a_refusal_is_kept_beside_the_package(error: Rejected, calls: list[str]) -> None:
    order = shipped()
    channel = an_amazon(
        order,
        order=InTurn(order.report.raw, with_package(order, "ANOTHER")),
        confirm_shipment=error,
    )
    with pytest.raises(CannotMap) as held:
        sync_tracking(order, clients(channel))
    assert held.value.code == HoldCode.CONFIRMATION_REFUSED
    assert [name for name, _ in channel.calls] == calls
    (shipment,) = order.shipments
    assert (shipment.confirmation, shipment.refusal) == ("refused", str(error))
    assert shipment.confirmed_as is None


def test_trouble_with_the_second_package_keeps_the_first_ones_success() -> None:
    order = shipped(a_shipment(71, items={501: 1}), a_shipment(72, items={501: 1}))
    channel = an_amazon(order, confirm_shipment=InTurn(None, Transient("busy")))
    with pytest.raises(Transient):
        sync_tracking(order, clients(channel))
    assert [shipment.confirmation for shipment in order.shipments] == ["accepted", "sent"]
    assert [shipment.confirmed_as for shipment in order.shipments] == [AS_DHL, None]


def test_lines_of_the_shops_own_are_not_told() -> None:
    order = shipped(a_shipment(items={501: 2, 599: 1}))
    channel = an_amazon(order)
    assert sync_tracking(order, clients(channel)) == Done()
    assert channel.calls[1] == ("confirm_shipment", confirmation(order))


def test_without_an_address_the_marketplace_decides_the_country() -> None:
    order = shipped()
    raw = {name: value for name, value in (order.report.raw or {}).items() if name != "recipient"}
    channel = an_amazon(order, order=raw)
    assert sync_tracking(order, clients(channel)) == Done()
    assert channel.calls[1] == ("confirm_shipment", confirmation(order, country=""))


SELLER = {"seller_id": "A1SELLER"}
MESSAGE = {"order": "028", "tracking": NUMBER}
FEED = {**MESSAGE, "announcement": AS_DHL}


def test_behind_a_large_backlog_packages_wait_for_the_next_feed() -> None:
    """Nothing is asked of Amazon: the last poll's word counts."""
    order, ledger = shipped(), SeededLedger()
    channel = FakeChannel(feed_message=dict(MESSAGE))
    remotes = clients(channel, ledger=ledger, account=SELLER, has_large_backlog=True)
    assert sync_tracking(order, remotes) == Wait(
        "the confirmation goes to Amazon with the next feed", AN_HOUR
    )
    assert channel.calls == [("feed_message", confirmation(order))]
    assert ledger.keys == []
    (shipment,) = order.shipments
    assert (shipment.confirmation, shipment.to_feed, shipment.confirmed_as) == ("feed", FEED, None)


def test_what_waits_for_a_feed_stays_with_it_and_takes_over_a_changed_track() -> None:
    order = shipped(a_shipment(confirmation="feed", to_feed={"tracking": "OLD"}))
    channel = FakeChannel(feed_message=dict(MESSAGE))
    assert sync_tracking(order, clients(channel, account=SELLER)) == Wait(
        "the confirmation goes to Amazon with the next feed", AN_HOUR
    )
    assert order.shipments[0].to_feed == FEED


def test_what_is_in_a_feed_is_left_alone() -> None:
    order = shipped(a_shipment(confirmation="sent", feed_id=5, to_feed=FEED))
    assert sync_tracking(order, clients(account=SELLER)) == Wait(
        "the confirmation was sent to Amazon in a feed; the result is pending", AN_HOUR
    )


@pytest.mark.parametrize("account", [{}, SELLER])
def test_without_a_seller_id_or_a_backlog_a_call_is_made(account: dict[str, Any]) -> None:
    order = shipped()
    channel = an_amazon(order)
    remotes = clients(channel, account=account, has_large_backlog=not account)
    assert sync_tracking(order, remotes) == Done()
    assert [name for name, _ in channel.calls] == ["order", "confirm_shipment"]


def test_a_feeds_refusal_is_shown_first_and_tried_by_a_call_the_next_time() -> None:
    order = shipped(a_shipment(confirmation="refused", refusal="8: CarrierCode is invalid."))
    assert sync_tracking(order, clients(account=SELLER, has_large_backlog=True)) == Hold(
        HoldCode.CONFIRMATION_REFUSED,
        "the shipment confirmation was refused: 8: CarrierCode is invalid.",
    )
    order.hold_code = HoldCode.CONFIRMATION_REFUSED
    channel = an_amazon(order)
    remotes = clients(channel, account=SELLER, has_large_backlog=True)
    assert sync_tracking(order, remotes) == Done()
    assert [name for name, _ in channel.calls] == ["order", "confirm_shipment"]
    assert order.shipments[0].confirmation == "accepted"


def test_over_quota_nothing_was_sent() -> None:
    order = shipped()
    channel = an_amazon(order, confirm_shipment=OverQuota("later", retry_after_s=5))
    with pytest.raises(OverQuota):
        sync_tracking(order, clients(channel))
    assert order.shipments[0].confirmation == "queued"


@pytest.mark.parametrize("program", ["FBM_SHIP_PLUS", "AMAZON_EASY_SHIP", "DELIVERY_BY_AMAZON"])
def test_what_amazon_confirms_itself_is_skipped(program: str) -> None:
    order = shipped(programs=["PRIME", program])
    assert sync_tracking(order, clients()) == Skipped(
        f"{program}: Amazon needs no confirmation, and takes none"
    )


def a_requested_shipment(order: Order) -> dict[str, Any]:
    raw: dict[str, Any] = dict(order.report.raw or {})
    (item,) = raw["orderItems"]
    wish = {"cancellationRequest": {"requester": "BUYER", "cancelReason": "Mistake"}}
    return {**raw, "orderItems": [{**item, "cancellation": wish}]}


def test_a_buyer_who_wants_to_cancel_stops_the_confirmation() -> None:
    order = shipped()
    channel = FakeChannel(order=a_requested_shipment(order))
    assert sync_tracking(order, clients(channel)) == Hold(
        HoldCode.BUYER_WANTS_TO_CANCEL,
        "the buyer asked to cancel and nothing was confirmed yet: stop the parcel and cancel the "
        "order in Seller Central, or confirm its packages with `orderbridge orders release "
        f"{order.external_id} --confirm-anyway`",
    )
    assert order.shipments[0].confirmation == "queued"


def test_the_wish_is_seen_in_the_last_poll_too_and_takes_the_package_out_of_the_next_feed() -> None:
    order = shipped(a_shipment(confirmation="feed", to_feed=FEED))
    order.report = a_report(a_requested_shipment(order))
    outcome = sync_tracking(order, clients(account=SELLER))
    assert isinstance(outcome, Hold)
    assert outcome.code == HoldCode.BUYER_WANTS_TO_CANCEL
    (shipment,) = order.shipments
    assert (shipment.confirmation, shipment.to_feed) == ("queued", None)


def test_a_wish_that_is_overruled_withdrawn_or_too_late_stops_nothing() -> None:
    overruled = shipped(confirm_anyway=True)
    channel = FakeChannel(order=a_requested_shipment(overruled), confirm_shipment=None)
    assert sync_tracking(overruled, clients(channel)) == Done()
    withdrawn = shipped()
    withdrawn_raw, withdrawn.report = (
        withdrawn.report.raw,
        a_report(a_requested_shipment(withdrawn)),
    )
    channel = FakeChannel(order=withdrawn_raw, confirm_shipment=None)
    assert sync_tracking(withdrawn, clients(channel)) == Done()
    late = shipped(
        a_shipment(71, items={501: 1}, confirmed_as=AS_DHL), a_shipment(72, items={501: 1})
    )
    channel = FakeChannel(order=a_requested_shipment(late), confirm_shipment=None)
    assert sync_tracking(late, clients(channel)) == Done()


@pytest.mark.parametrize("number", [NUMBER, "0034 0434161094000001 "])
def test_a_package_amazon_knows_already_is_not_told(number: str) -> None:
    order, ledger = shipped(), SeededLedger()
    channel = FakeChannel(order=with_package(order, number))
    assert sync_tracking(order, clients(channel, ledger=ledger)) == Done()
    assert ledger.keys == []
    (shipment,) = order.shipments
    assert (shipment.confirmation, shipment.confirmed_as) == ("accepted", AS_DHL)


def test_two_packages_under_one_number_are_both_told() -> None:
    """What Amazon knows of the first says nothing of the second."""
    order = shipped(
        a_shipment(71, items={501: 1}, confirmed_as=AS_DHL), a_shipment(72, items={501: 1})
    )
    raw = with_package(order, NUMBER)
    raw["packages"][0] |= {
        "packageReferenceId": "71",
        "packageItems": [{"orderItemId": "I1", "quantity": 1}],
    }
    channel = FakeChannel(order=raw, confirm_shipment=None)
    assert sync_tracking(order, clients(channel)) == Done()
    assert channel.calls[1:] == [
        ("confirm_shipment", confirmation(order, "72", quantities={"I1": 1}))
    ]


def test_less_in_amazons_package_than_in_ours_is_not_the_same_parcel() -> None:
    order = shipped()
    raw = with_package(order, NUMBER)
    raw["packages"][0]["packageItems"] = [{"orderItemId": "I1", "quantity": 1}]
    channel = FakeChannel(order=raw, confirm_shipment=None)
    assert sync_tracking(order, clients(channel)) == Done()
    assert [name for name, _ in channel.calls] == ["order", "confirm_shipment"]


def test_all_units_shipped_under_another_number_is_for_a_person() -> None:
    order = shipped()
    raw = with_package(order, "1Z-OTHER")
    raw["orderItems"][0]["fulfillment"] = {"quantityFulfilled": 2, "quantityUnfulfilled": 0}
    assert sync_tracking(order, clients(FakeChannel(order=raw))) == Hold(
        HoldCode.CONFIRMED_ELSEWHERE,
        f"Amazon shows all of this order as shipped under 1Z-OTHER, Magento under {NUMBER}: "
        "correct the number that is wrong",
        {"amazon": "1Z-OTHER", "magento": NUMBER},
    )


def transparent(order: Order) -> dict[str, Any]:
    raw: dict[str, Any] = dict(order.report.raw or {})
    (item,) = raw["orderItems"]
    return {**raw, "orderItems": [{**item, "programs": ["TRANSPARENCY"]}]}


def test_transparency_codes_go_along_one_per_unit_and_never_by_feed() -> None:
    item = an_item(magento_item_id=501, transparency_codes=["AZ:1", "AZ:2"])
    order = shipped(a_shipment(71, items={501: 1}), a_shipment(72, items={501: 1}), items=[item])
    channel = FakeChannel(order=transparent(order), confirm_shipment=None)
    remotes = clients(channel, account=SELLER, has_large_backlog=True)
    assert sync_tracking(order, remotes) == Done()
    assert channel.calls[1:] == [
        (
            "confirm_shipment",
            confirmation(order, reference, quantities={"I1": 1}, transparency_codes={"I1": [code]}),
        )
        for reference, code in (("71", "AZ:1"), ("72", "AZ:2"))
    ]


def test_missing_transparency_codes_hold_the_order() -> None:
    order = shipped(items=[an_item(magento_item_id=501, transparency_codes=["AZ:1"])])
    assert sync_tracking(order, clients(FakeChannel(order=transparent(order)))) == Hold(
        HoldCode.TRANSPARENCY_CODES,
        "Amazon wants a Transparency code per unit; 1 of item I1 are missing: `orderbridge orders "
        f"transparency {order.external_id} I1 CODE...`",
        {"item": "I1", "missing": "1"},
    )


def test_units_cancelled_in_magento_after_a_part_was_shipped_are_for_a_person() -> None:
    order = shipped(a_shipment(items={501: 1}, confirmed_as=AS_DHL), magento_state="closed")
    shop = FakeShop(order=a_magento_order(state="closed"))
    assert sync_tracking(order, clients(shop=shop)) == Hold(
        HoldCode.CANCELLED_IN_MAGENTO,
        "1 units will not be shipped, since the rest was cancelled in Magento; Amazon cancels "
        "whole orders only: refund them in Seller Central",
    )
