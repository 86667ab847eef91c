"""Hand-written orders and settings for the tests of the pipeline and its steps.

Each is valid and dull by itself; a test names only what it is about.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import resources
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import exists, select

from pipeline.amazon import parsing
from pipeline.base.db import Sessions
from pipeline.base.security_log import Signature
from pipeline.base.vault import SealedColumn, Vault
from pipeline.orders.carrier_title import open_title
from pipeline.orders.machine import STEPS, owner
from pipeline.orders.package_tables import Shipment, ShipmentItem
from pipeline.orders.report import Report
from pipeline.orders.tables import Order, OrderItem, OrderPrivate, Status
from pipeline.settings.model import Settings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ACCOUNT = "eu"
SHOP = "main"
GERMANY = "A1PA6795UKMFR9"
MASTER_KEY = bytes(range(32))

_numbers = itertools.count(1)


def a_number() -> str:
    """An Amazon order number that no other test object of this run has."""
    return f"028-0000000-{next(_numbers):07}"


def unknown_to_the_database(zone: str) -> ZoneInfo:
    """The zone's clock under a name that no PostgreSQL has."""
    data = BytesIO(resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes())
    return ZoneInfo.from_file(data, key=f"Formerly/{zone}")


def a_vault() -> Vault:
    """The vault that `settings` and every sealed builder use."""
    return Vault(MASTER_KEY)


def signed(person: str = "anna", at: datetime = NOW) -> Signature:
    """The signature of somebody who acts at a console."""
    return Signature(person, "192.0.2.1", at)


def settings(
    *,
    marketplace: Mapping[str, Any] | None = None,
    account: Mapping[str, Any] | None = None,
    shop: Mapping[str, Any] | None = None,
    timing: Mapping[str, Any] | None = None,
    database_url: str = "postgresql+psycopg://nowhere.invalid/none",
    redis_url: str = "redis://nowhere.invalid/0",
) -> Settings:
    """One account, "eu", that sells into one shop, "main".

    `marketplace` holds what counts for all its marketplaces, `account`, `shop` and `timing` what is
    otherwise in their tables.
    """
    return Settings.model_validate(
        {
            "database_url": database_url,
            "redis_url": redis_url,
            "master_keys": (MASTER_KEY,),
            "shops": {
                SHOP: {
                    "base_url": "http://127.0.0.1:1",
                    "auth": "bearer",
                    "access_token": "shop-token",
                    **(shop or {}),
                }
            },
            "accounts": {
                ACCOUNT: {
                    "region": "EU",
                    "shop": SHOP,
                    "start_from": NOW - timedelta(days=30),
                    "base_url": "http://127.0.0.1:1",
                    "token_url": "http://127.0.0.1:1/token",
                    "settings": dict(marketplace or {}),
                    "client_id": "client-id",
                    "client_secret": "client-secret",
                    "refresh_token": "refresh-token",
                    **(account or {}),
                }
            },
            "timing": dict(timing or {}),
        }
    )


def a_raw_item(**changes: Any) -> dict[str, Any]:
    """An item of `a_raw_order`: two mugs of 10.00, no tax."""
    return {
        "orderItemId": "I1",
        "quantityOrdered": 2,
        "product": {
            "asin": "B000000001",
            "title": "Mug, blue",
            "sellerSku": "MUG-BLUE",
            "price": {"unitPrice": {"amount": "10.00", "currencyCode": "EUR"}},
        },
        "proceeds": {
            "proceedsTotal": {"amount": "20.00", "currencyCode": "EUR"},
            "breakdowns": [
                {"type": "ITEM", "subtotal": {"amount": "20.00", "currencyCode": "EUR"}}
            ],
        },
        "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": 2},
        **changes,
    }


def a_raw_order(
    external_id: str | None = None,
    *,
    status: str = "UNSHIPPED",
    fulfilled_by: str = "MERCHANT",
    purchased_at: datetime = NOW - timedelta(hours=1),
    updated_at: datetime = NOW,
    **changes: Any,
) -> dict[str, Any]:
    """An order as Amazon's Orders API 2026-01-01 sends it: 20.00 EUR for two mugs.

    `fulfilled_by` is Amazon's word, MERCHANT or AMAZON. `changes` replace whole top-level keys.
    """
    return {
        "orderId": external_id or a_number(),
        "createdTime": purchased_at.isoformat(),
        "lastUpdatedTime": updated_at.isoformat(),
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": GERMANY},
        "programs": [],
        "buyer": {"buyerName": "Berta Buyer", "buyerEmail": "berta@marketplace.example"},
        "recipient": {
            "deliveryAddress": {
                "name": "Karla Kühn",
                "addressLine1": "Lieferweg 7",
                "city": "Hamburg",
                "postalCode": "20095",
                "countryCode": "DE",
                "phone": "+49 40 123456",
            }
        },
        "fulfillment": {
            "fulfillmentStatus": status,
            "fulfilledBy": fulfilled_by,
            "fulfillmentServiceLevel": "STANDARD",
            "shipByWindow": {"latestDateTime": (NOW + timedelta(days=2)).isoformat()},
            "deliverByWindow": {"latestDateTime": (NOW + timedelta(days=5)).isoformat()},
        },
        "proceeds": {"grandTotal": {"amount": "20.00", "currencyCode": "EUR"}},
        "orderItems": [a_raw_item()],
        **changes,
    }


def an_item(**changes: Any) -> OrderItem:
    """An order line, as `enrich_order` leaves it."""
    return OrderItem(
        **{
            "external_item_id": "I1",
            "sku": "MUG-BLUE",
            "title": "Mug, blue",
            "quantity": 2,
            "quantity_fulfilled_before": 0,
            **changes,
        }
    )


def a_shipment(
    magento_shipment_id: int = 71, *, items: Mapping[int, int] | None = None, **changes: Any
) -> Shipment:
    """A Magento shipment of two units of Magento item 501, with a DHL number."""
    parts = {501: 2} if items is None else items
    return Shipment(
        **{
            "magento_shipment_id": magento_shipment_id,
            "package_reference": str(magento_shipment_id),
            "shipped_at": NOW,
            "carrier_code": "dhl",
            "carrier_title": "DHL",
            "tracking_number": "00340434161094000001",
            "confirmation": "queued",
            "confirmed_times": 0,
            "items": [
                ShipmentItem(magento_item_id=item_id, quantity=quantity)
                for item_id, quantity in parts.items()
            ],
            **changes,
        }
    )


def an_order(*, raw: Mapping[str, Any] | None = None, **changes: Any) -> Order:
    """An order at its first step, in no database yet (see `stored`).

    With `raw` its identity comes from there, and `order.report` is set as for a worker that claimed
    it; `changes` win.
    """
    facts: dict[str, Any] = {
        "account": ACCOUNT,
        "external_id": a_number() if raw is None else "",
        "marketplace_id": GERMANY,
        "fulfilled_by": "FBM",
        "step": STEPS[0],
        "status": Status.READY,
        "due_at": NOW,
        "tries": 0,
        "unfinished": 0,
        "news": 0,
        "hold_facts": {},
        "facts": {},
        "last_note": "",
        "programs": [],
        "shown": False,
        "remote_status": "UNSHIPPED",
        "remote_updated_at": NOW,
        "purchased_at": NOW - timedelta(hours=1),
    }
    if raw is not None:
        identity = parsing.identify(raw)
        facts |= {
            "external_id": identity.external_id,
            "marketplace_id": identity.marketplace_id,
            "fulfilled_by": identity.fulfilled_by.value,
            "remote_status": identity.status,
            "remote_updated_at": identity.updated_at,
            "purchased_at": identity.purchased_at,
        }
    order = Order(**{**facts, **changes})
    order.report = a_report(raw)
    return order


def a_report(raw: Mapping[str, Any] | None, correction: Mapping[str, Any] | None = None) -> Report:
    """What a worker that claimed an order has of it."""
    return Report(lambda: raw, lambda: correction)


def stored(sessions: Sessions, order: Order, *, vault: Vault | None = None) -> int:
    """Put an order, and what its report says, into the database; its id."""
    vault = vault or a_vault()
    raw = order.report.raw
    with sessions() as session, session.begin():
        session.add(order)
        session.flush()
        if raw is not None:
            key = vault.new_key(owner(order))
            sealed = vault.seal(key, owner(order), SealedColumn.REPORT, raw)
            session.add(OrderPrivate(order_id=order.id, wrapped_key=key, sealed=sealed))
        return order.id


def with_keys(sessions: Sessions) -> None:
    """Give each order that has none a key, so that words about it can be sealed."""
    with sessions() as session, session.begin():
        lacking = select(Order).where(~exists().where(OrderPrivate.order_id == Order.id))
        session.add_all(
            OrderPrivate(order_id=order.id, wrapped_key=a_vault().new_key(owner(order)))
            for order in session.scalars(lacking)
        )


def title_of(sessions: Sessions, order_id: int, stored: str) -> str:
    """A stored carrier's title, opened with the order's key."""
    with sessions() as session:
        order, private = session.get_one(Order, order_id), session.get_one(OrderPrivate, order_id)
        return open_title(a_vault(), private.wrapped_key, owner(order), stored)


def loaded(sessions: Sessions, order_id: int) -> Order:
    """The order as the database has it now, without its private data."""
    with sessions() as session:
        order = session.get_one(Order, order_id)
        session.refresh(order, ["items", "shipments"])
        for shipment in order.shipments:
            session.refresh(shipment, ["items"])
        return order
