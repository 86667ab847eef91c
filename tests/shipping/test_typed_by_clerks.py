"""Carriers' titles and tracking numbers that a clerk typed: sealed, opened for who needs them, and
gone with the buyer's data."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text

from pipeline.amazon.feed_documents import FeedKind
from pipeline.base.db import Sessions
from pipeline.base.vault import Vault
from pipeline.magento.records import MagentoShipment, Track
from pipeline.monitoring.purging import typed_titles
from pipeline.operations.acts.erase import Erasure, of_orders
from pipeline.orders.carrier_title import SEALED
from pipeline.orders.package_tables import Shipment, announcement
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.states import ConfirmationState
from pipeline.orders.tables import Order, Status
from pipeline.shipping.feeds import Feeds
from pipeline.shipping.shop_shipments import Shipments
from tests.builders import (
    ACCOUNT,
    NOW,
    SHOP,
    a_raw_order,
    a_vault,
    an_item,
    an_order,
    loaded,
    signed,
    stored,
    title_of,
)
from tests.shipping.test_shop_shipments import told

TYPED = "given to Mr Quandt's neighbour"
FREE = Track(1, "custom", TYPED, "S-1")


def waiting(sessions: Sessions, **changes: Any) -> int:
    facts = {
        "step": "ship_order",
        "status": Status.WAITING,
        "magento_order_id": 900,
        "items": [an_item(magento_item_id=501)],
    }
    return stored(sessions, an_order(raw=a_raw_order(), **{**facts, **changes}))


def watch(
    sessions: Sessions, order_id: int, *shipments: MagentoShipment, vault: Vault | None = None
) -> list[int]:
    """The shop tells these shipments; the orders that have news."""
    return Shipments(sessions, vault or a_vault()).store(SHOP, {900: order_id}, shipments, {}, NOW)


def package(sessions: Sessions, order_id: int) -> Shipment:
    (found,) = loaded(sessions, order_id).shipments
    return found


def change(sessions: Sessions, order_id: int, **values: Any) -> None:
    """As a step leaves the package."""
    with sessions() as session, session.begin():
        found = session.scalars(select(Shipment).where(Shipment.order_id == order_id)).one()
        for name, value in values.items():
            setattr(found, name, value)


def erased(sessions: Sessions, order_id: int) -> bool:
    """Whether the proof of an erasure is that nothing is left."""
    erasure = Erasure(sessions, of_orders([order_id]))
    assert len(erasure.run(signed(), "request 17").erased) == 1
    return not erasure.prove().left


def test_a_typed_title_is_sealed_and_the_same_one_is_no_news(sessions: Sessions) -> None:
    order_id = waiting(sessions)
    assert watch(sessions, order_id, told(tracks=(FREE,))) == [order_id]
    kept = package(sessions, order_id).carrier_title
    assert kept.startswith(SEALED)
    assert "Quandt" not in kept
    assert title_of(sessions, order_id, kept) == TYPED
    assert watch(sessions, order_id, told(tracks=(FREE,))) == []
    assert package(sessions, order_id).carrier_title == kept
    other = Track(1, "custom", f"{TYPED}, 2nd floor", "S-1")
    assert watch(sessions, order_id, told(tracks=(other,))) == [order_id]
    changed = package(sessions, order_id).carrier_title
    assert title_of(sessions, order_id, changed) == other.title
    known = Track(1, "custom", "Royal Mail", "S-1")
    assert watch(sessions, order_id, told(tracks=(known,))) == [order_id]
    assert package(sessions, order_id).carrier_title == "Royal Mail"


def test_a_title_stored_in_clear_before_is_no_news_either(sessions: Sessions) -> None:
    """Else every finished order would be confirmed anew."""
    order_id = waiting(sessions)
    watch(sessions, order_id, told(tracks=(FREE,)))
    change(sessions, order_id, carrier_title=TYPED)
    assert watch(sessions, order_id, told(tracks=(FREE,))) == []


def test_without_the_key_in_this_process_nothing_is_stored_yet(sessions: Sessions) -> None:
    order_id = waiting(sessions)
    assert watch(sessions, order_id, told(tracks=(FREE,)), vault=Vault(bytes(32))) == []
    assert loaded(sessions, order_id).shipments == []
    assert watch(sessions, order_id, told(tracks=(FREE,))) == [order_id]


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("1Z 999-AA1", "1Z 999-AA1"),
        ("JJD/01_2.3#4", "JJD/01_2.3#4"),
        ("follows", ""),
        ("door 7, neighbour", ""),
        ("7 Müllerstraße", ""),
        ("1" * 61, ""),
    ],
)
def test_words_in_place_of_a_number_are_not_stored(
    sessions: Sessions, number: str, kept: str
) -> None:
    order_id = waiting(sessions)
    watch(sessions, order_id, told(tracks=(Track(1, "dhl", "DHL", number),)))
    assert package(sessions, order_id).tracking_number == kept


def test_a_feed_has_the_title_sealed_and_its_document_in_clear(sessions: Sessions) -> None:
    order_id = waiting(sessions, step="sync_tracking")
    watch(sessions, order_id, told(tracks=(FREE,)))
    found = package(sessions, order_id)
    message = {"tracking": "S-1", "carrier_code": "Other", "carrier_name": found.carrier_title}
    body = {
        **{"order": "1", "reference": "71", "date": "2026-03-10T12:00:00Z", "items": {"I1": 2}},
        **message,
        "announcement": announcement(found),
    }
    change(sessions, order_id, confirmation=ConfirmationState.FEED, to_feed=body)
    feeds = Feeds(sessions, a_vault())
    feed = feeds.collect(ACCOUNT, FeedKind.CONFIRMATIONS, NOW)
    assert feed is not None
    ((number, opened),) = feeds.messages(feed)
    assert (number, opened) == (1, {**body, "carrier_name": TYPED})
    with sessions() as session:
        assert "Quandt" not in str(session.execute(text("SELECT body FROM feed_messages")).all())
    assert erased(sessions, order_id)
    ((_, opened),) = feeds.messages(feed)
    assert opened["carrier_name"] == ""


@pytest.mark.parametrize("is_told", [True, False], ids=["confirmed", "still to be confirmed"])
@pytest.mark.parametrize("in_clear", [True, False], ids=["in clear before", "sealed"])
def test_the_title_goes_with_the_buyers_data(
    sessions: Sessions, is_told: bool, in_clear: bool
) -> None:
    order_id = waiting(sessions)
    watch(sessions, order_id, told(tracks=(FREE,)))
    if in_clear:
        change(sessions, order_id, carrier_title=TYPED)
    if is_told:
        announced = announcement(package(sessions, order_id))
        change(sessions, order_id, confirmation="accepted", confirmed_as=announced)
    assert erased(sessions, order_id)
    found = package(sessions, order_id)
    assert (found.carrier_title, found.tracking_number) == ("", "S-1")
    # What Amazon was told counts as told still, and what it was not as outdated.
    assert found.confirmed_as == (announcement(found) if is_told else None)
    # Nobody types it back in, while the order goes on and when it has ended.
    assert watch(sessions, order_id, told(tracks=(FREE,))) == []
    with sessions() as session, session.begin():
        session.get_one(Order, order_id).status = Status.DONE
    assert watch(sessions, order_id, told(tracks=(FREE,))) == []
    more = told(72, tracks=(Track(2, "custom", TYPED, "S-2"),))
    watch(sessions, order_id, told(tracks=(FREE,)), more)
    assert [each.carrier_title for each in loaded(sessions, order_id).shipments] == ["", ""]


def test_an_outdated_confirmation_stays_outdated_after_the_purge(sessions: Sessions) -> None:
    order_id = waiting(sessions)
    watch(sessions, order_id, told(tracks=(FREE,)))
    before = announcement(package(sessions, order_id))
    change(
        sessions,
        order_id,
        **{"confirmation": "accepted", "confirmed_as": before},
        **{"carrier_title": "Royal Mail", "tracking_number": "S-2"},
    )
    assert erased(sessions, order_id)
    found = package(sessions, order_id)
    assert found.carrier_title == "Royal Mail"
    assert found.confirmed_as == "custom//S-1"
    assert found.confirmed_as != announcement(found)


def test_the_proof_names_a_title_that_is_left(sessions: Sessions) -> None:
    order_id = waiting(sessions)
    watch(sessions, order_id, told(tracks=(FREE,)))
    with sessions() as session, session.begin():
        session.add(
            RequestedShipmentRow(
                **{"order_id": order_id, "asked_at": NOW, "author": "anna"},
                **{"carrier_code": "custom", "carrier_title": TYPED, "tracking_number": "S-1"},
            )
        )
    erasure = Erasure(sessions, of_orders([order_id]))
    erasure.run(signed(), "request 17")
    assert erasure.prove().left == []
    number = loaded(sessions, order_id).external_id
    for table in ("shipments", "requested_shipments"):
        for title, left in ((TYPED, [number]), ("Royal Mail", [])):
            with sessions() as session, session.begin():
                session.execute(text(f"UPDATE {table} SET carrier_title = :t"), {"t": title})  # noqa: S608
            assert erasure.prove().left == left
    with sessions() as session:
        assert typed_titles(session, [order_id]) == []
