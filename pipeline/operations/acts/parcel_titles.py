"""Carriers' titles of requested parcels, as they are stored: a person may have typed them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.base.id_lists import among
from pipeline.base.master_keys import KeyMissing, Unreadable
from pipeline.base.vault import Vault
from pipeline.operations.acts.one_order import NotPossible
from pipeline.orders.carrier_title import open_title
from pipeline.orders.machine import owner
from pipeline.orders.tables import Order, OrderPrivate
from pipeline.shipping.typed_by_clerks import Clerks


def stored_title(vault: Vault, key: bytes | None, order: Order, title: str) -> str:
    """The carrier's title as it is stored: sealed, unless it is a known carrier's name.

    Raises NotPossible where there is no key to seal it with, and KeyMissing where only this process
    lacks it.
    """
    stored = Clerks(vault, key, owner(order)).title(title)
    if not stored:
        raise NotPossible(
            "it has no key to seal a title with: give a carrier that Amazon knows, "
            "without a title of your own"
        )
    return stored


def opened_title(vault: Vault, key: bytes | None, order: Order, stored: str) -> str:
    """The title that `stored_title` gave. Raises NotPossible where its key is gone, and KeyMissing
    where only this process lacks it."""
    try:
        return open_title(vault, key, owner(order), stored)
    except KeyMissing:
        raise
    except Unreadable as error:
        raise NotPossible(f"its carrier's title cannot be read: {error}") from None


def keys_of(session: Session, order_ids: Collection[int]) -> dict[int, bytes | None]:
    """The wrapped keys of these orders."""
    rows = session.execute(
        select(OrderPrivate.order_id, OrderPrivate.wrapped_key).where(
            among(OrderPrivate.order_id, order_ids)
        )
    )
    return {row.order_id: row.wrapped_key for row in rows}
