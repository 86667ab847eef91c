"""Orders as the pipeline leaves them, written straight into the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import SecretStr

from pipeline.base.db import Sessions
from pipeline.orders.package_tables import Shipment, ShipmentItem
from pipeline.orders.tables import (
    Attempt,
    Effect,
    EffectState,
    Note,
    Order,
    OrderItem,
    Status,
)
from pipeline.settings.marketplace import MarketplaceSettings
from pipeline.settings.model import AccountSettings, Settings, ShopSettings
from tests.builders import with_keys

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
GERMANY, FRANCE = "A1PA6795UKMFR9", "A13V1IB3VIYZZH"


def some_settings() -> Settings:
    """One account, `eu`, with a store view per country."""
    return Settings(
        database_url=SecretStr("postgresql://"),
        redis_url=SecretStr("redis://127.0.0.1:1/0"),
        master_keys=(bytes(range(32)),),
        shops={"main": ShopSettings(base_url="https://shop.example")},
        accounts={
            "eu": AccountSettings(
                region="EU",
                shop="main",
                start_from=NOW - timedelta(days=90),
                seller_id="A1SELLER",
                marketplaces={
                    GERMANY: MarketplaceSettings(magento_store="german"),
                    FRANCE: MarketplaceSettings(magento_store="french", fba_store="french_fba"),
                },
            )
        },
    )


def an_order(number: int = 1, **changed: Any) -> Order:
    """An FBM order of one line that waits for the warehouse; `number` tells orders apart."""
    values: dict[str, Any] = {
        "account": "eu",
        "external_id": f"303-0000000-{number:07}",
        "marketplace_id": GERMANY,
        "fulfilled_by": "FBM",
        "step": "ship_order",
        "status": Status.WAITING,
        "due_at": NOW + timedelta(minutes=40),
        "tries": 0,
        "version": 1,
        "last_note": "waiting for the warehouse",
        "remote_status": "UNSHIPPED",
        "remote_updated_at": NOW - timedelta(hours=3),
        "purchased_at": NOW - timedelta(hours=number),
        "ship_by_at": NOW + timedelta(hours=5),
        "currency": "EUR",
        "grand_total": Decimal("41.97"),
        "shown": True,
        "magento_order_id": 1000 + number,
        "magento_increment_id": f"{number:09}",
        "magento_status": "processing",
        "created_at": NOW - timedelta(hours=number),
        "items": [an_item()],
    }
    return Order(**{**values, **changed})


def an_item(number: int = 1, **changed: Any) -> OrderItem:
    """A line of two."""
    values: dict[str, Any] = {
        "external_item_id": f"item-{number}",
        "sku": f"MUG-{number}",
        "title": f"Mug, model {number}",
        "quantity": 2,
        "line_total": Decimal("37.98"),
        "magento_item_id": 500 + number,
    }
    return OrderItem(**{**values, **changed})


def a_held_order(number: int = 1, **changed: Any) -> Order:
    """An order whose SKU the shop does not know."""
    values: dict[str, Any] = {
        "step": "enrich_order",
        "status": Status.HELD,
        "hold_code": "sku_not_found",
        "hold_reason": "MUG-1 is not in Magento's catalogue",
        "hold_facts": {"skus": "MUG-1"},
        "last_note": "MUG-1 is not in Magento's catalogue",
        "magento_order_id": None,
        "magento_increment_id": None,
        "magento_status": None,
    }
    return an_order(number, **{**values, **changed})


def a_pending_order(number: int = 1, **changed: Any) -> Order:
    """An order whose payment Amazon has not verified: hidden."""
    values: dict[str, Any] = {
        "step": "verify_order",
        "remote_status": "PENDING",
        "last_note": "Amazon has not verified the payment yet",
        "shown": False,
        "currency": None,
        "grand_total": None,
        "magento_order_id": None,
        "magento_increment_id": None,
    }
    return an_order(number, **{**values, **changed})


def a_shipped_order(number: int = 1, **changed: Any) -> Order:
    """A confirmed package with both units of the line, and the proof of the total."""
    shipment = Shipment(
        magento_shipment_id=77,
        package_reference="77",
        shipped_at=NOW - timedelta(minutes=50),
        carrier_code="dhl",
        carrier_title="DHL",
        tracking_number="00340434161094015902",
        confirmation="accepted",
        confirmed_at=NOW - timedelta(minutes=45),
        items=[ShipmentItem(magento_item_id=501, quantity=2)],
    )
    values: dict[str, Any] = {
        "step": "sync_tracking",
        "status": Status.DONE,
        "due_at": None,
        "last_note": "",
        "remote_status": "SHIPPED",
        "magento_status": "complete",
        "shipments": [shipment],
        "total_proof": {
            "mode": "tax inside",
            "grand_total": "41.97",
            "lines": {"item-1": "37.98"},
            "adjustments": {"delivery tip": "3.99"},
        },
    }
    return an_order(number, **{**values, **changed})


def store(sessions: Sessions, *orders: Order) -> list[int]:
    """Insert orders and return their ids."""
    with sessions() as session, session.begin():
        session.add_all(orders)
        session.flush()
        return [order.id for order in orders]


def store_with_keys(sessions: Sessions, *orders: Order) -> list[int]:
    """Insert orders with the keys under which what people type is sealed; return their ids."""
    ids = store(sessions, *orders)
    with_keys(sessions)
    return ids


def an_attempt(order_id: int, minutes_ago: float, **changed: Any) -> Attempt:
    """An attempt that took a second and ended in waiting for the warehouse."""
    started_at = NOW - timedelta(minutes=minutes_ago)
    values: dict[str, Any] = {
        "order_id": order_id,
        "step": "ship_order",
        "task_id": "task",
        "worker": "worker-1:20",
        "started_at": started_at,
        "ended_at": started_at + timedelta(seconds=1),
        "outcome": "wait",
        "detail": "waiting for the warehouse",
    }
    return Attempt(**{**values, **changed})


def an_effect(order_id: int, minutes_ago: float, **changed: Any) -> Effect:
    """A Magento order that was made."""
    at = NOW - timedelta(minutes=minutes_ago)
    values: dict[str, Any] = {
        "order_id": order_id,
        "key": f"order:{order_id}:{minutes_ago}",
        "kind": "order",
        "state": EffectState.DONE,
        "tries": 1,
        "intended_at": at,
        "ended_at": at,
        "remote_id": "1001",
    }
    return Effect(**{**values, **changed})


def a_note(order_id: int, minutes_ago: float, author: str, text: str = "released") -> Note:
    """What a person did."""
    return Note(
        order_id=order_id, at=NOW - timedelta(minutes=minutes_ago), author=author, text=text
    )
