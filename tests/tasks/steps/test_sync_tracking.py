"""Step 7: telling Amazon of each package, once per tracking number."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipeline.channel import Confirmation
from pipeline.errors import CannotMap, Rejected, Transient
from pipeline.models import Order, Shipment
from pipeline.outcome import Done, Hold, HoldCode, Skipped, Wait
from tasks.steps.sync_tracking import sync_tracking
from tests.builders import (
    ACCOUNT,
    GERMANY,
    NOW,
    a_raw_order,
    a_shipment,
    a_vault,
    an_item,
    an_order,
)
from tests.tasks.fakes import FakeChannel, InTurn, MemoryLedger, clients

AN_HOUR = timedelta(hours=1)
NUMBER = "00340434161094000001"
AS_DHL = f"dhl/DHL/{NUMBER}"


def shipped(*shipments: Shipment, **changes: Any) -> Order:
    raw = a_raw_order()
    facts = {"magento_order_id": 900, "items": [an_item(magento_item_id=501)], **changes}
    return an_order(raw=raw, shipments=list(shipments or [a_shipment()]), **facts)


def an_amazon(placed: Order, /, **answers: Any) -> FakeChannel:
    return FakeChannel(**{"order": placed.raw, "confirm_shipment": None, **answers})


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
    order, ledger = shipped(), MemoryLedger()
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
    channel, ledger = an_amazon(order), MemoryLedger(told)
    assert sync_tracking(order, clients(channel, ledger=ledger)) == Done()
    assert channel.calls[1] == ("confirm_shipment", confirmation(order))
    assert ledger.keys == [key(order, 2)]
    (shipment,) = order.shipments
    assert (shipment.confirmed_as, shipment.confirmed_times) == (AS_DHL, 3)


def test_a_run_that_was_superseded_after_telling_tells_nothing_again() -> None:
    order = shipped()
    channel, ledger = an_amazon(order), MemoryLedger({key(order): "71"})
    assert sync_tracking(order, clients(channel, ledger=ledger)) == Done()
    assert channel.calls == [("order", order.external_id)]
    assert order.shipments[0].confirmed_times == 1


@pytest.mark.parametrize(
    ("shipments", "before", "outcome", "references"),
    [
        pytest.param(
            [a_shipment(71, items={501: 1})],
            0,
            Wait("1 more to be shipped", AN_HOUR),
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
            Wait("a package has no tracking number yet", AN_HOUR),
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
    ledger = MemoryLedger()
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
    return {**(order.raw or {}), "packages": [package]}


def test_a_package_amazon_has_under_another_reference_counts_as_confirmed() -> None:
    order = shipped()
    channel = an_amazon(
        order,
        order=InTurn(order.raw, with_package(order, NUMBER)),
        confirm_shipment=NOT_FOUND,
    )
    assert sync_tracking(order, clients(channel)) == Done()
    assert [name for name, _ in channel.calls] == ["order", "confirm_shipment", "order"]
    assert order.shipments[0].confirmation == "accepted"


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
        order, order=InTurn(order.raw, with_package(order, "ANOTHER")), confirm_shipment=error
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
    assert [one.confirmation for one in order.shipments] == ["accepted", "sent"]
    assert [one.confirmed_as for one in order.shipments] == [AS_DHL, None]


def test_lines_of_the_shops_own_are_not_told() -> None:
    order = shipped(a_shipment(items={501: 2, 599: 1}))
    channel = an_amazon(order)
    assert sync_tracking(order, clients(channel)) == Done()
    assert channel.calls[1] == ("confirm_shipment", confirmation(order))


def test_without_an_address_the_marketplace_decides_the_country() -> None:
    order = shipped()
    raw = {name: value for name, value in (order.raw or {}).items() if name != "recipient"}
    channel = an_amazon(order, order=raw)
    assert sync_tracking(order, clients(channel)) == Done()
    assert channel.calls[1] == ("confirm_shipment", confirmation(order, country=""))
