"""Whether a report of an order tells anything new: its age decides, and between two of one age what
they say. Amazon counts changes by the second, and completes a report without calling it a change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from pipeline.channel import Channel, ChannelOrder, Identity, Raw
from pipeline.errors import CannotMap
from pipeline.id_lists import among
from pipeline.models import Order, OrderPrivate
from pipeline.privacy import Unreadable, Vault

_NUMBER = re.compile(r"[0-9A-Z]{3}-[0-9]{7}-[0-9]{7}")

Known = Row[*tuple[Any, ...]]


def known(session: Session, account_name: str, external_ids: Sequence[str]) -> dict[str, Known]:
    """What we have of these orders, locked, by the marketplace's number."""
    rows = session.execute(
        select(
            Order.id,
            Order.external_id,
            Order.marketplace_id,
            Order.remote_updated_at,
            Order.status,
            Order.magento_order_id,
            OrderPrivate.wrapped_key,
            OrderPrivate.sealed,
            OrderPrivate.report_digest,
            OrderPrivate.report_asked_at,
        )
        .outerjoin(OrderPrivate, OrderPrivate.order_id == Order.id)
        .where(Order.account == account_name, among(Order.external_id, external_ids))
        .order_by(Order.id)
        .with_for_update(of=Order)
    )
    return {row.external_id: row for row in rows}


def numbered(raw: object) -> str:
    """The order's number where a report has one that can be asked for, or nothing."""
    number = raw.get("orderId") if isinstance(raw, Mapping) else None
    return number if isinstance(number, str) and _NUMBER.fullmatch(number) else ""


def digest(vault: Vault, raw: Raw) -> str:
    """The same for two reports that say the same, in whatever order; it tells nothing of them."""
    return vault.pseudonym(_canonical(raw))


def is_news(
    vault: Vault,
    owner: str,
    row: Known,
    channel: Channel,
    identity: Identity,
    raw: Raw,
    asked_at: datetime,
) -> bool:
    """Whether a report is newer than ours, or of the same age and says something else.

    Of the same age, one that was asked for before ours is not, nor one with a hole where ours has
    none.
    """
    if identity.updated_at != row.remote_updated_at:
        return bool(identity.updated_at > row.remote_updated_at)
    if row.wrapped_key is None or row.sealed is None:
        return False
    told = digest(vault, raw)
    if told == row.report_digest:
        return False
    if row.report_asked_at is not None and asked_at < row.report_asked_at:
        return False
    try:
        ours = vault.open(row.wrapped_key, owner, row.sealed)
    except Unreadable:
        return True
    if row.report_digest is None and told == digest(vault, ours):
        return False
    return not _tells_less(_parsed(channel, raw), _parsed(channel, ours))


def _tells_less(told: ChannelOrder | None, ours: ChannelOrder | None) -> bool:
    if ours is None:
        return False
    return told is None or any(
        has and not still for has, still in zip(_holds(ours), _holds(told), strict=True)
    )


def _holds(order: ChannelOrder) -> tuple[bool, ...]:
    """What an order needs and Amazon's reply may lack."""
    return (
        bool(order.status),
        bool(order.marketplace_id),
        order.grand_total is not None,
        order.address is not None and bool(order.address.lines),
        all(line.sku for line in order.lines),
    )


def _parsed(channel: Channel, raw: Raw) -> ChannelOrder | None:
    try:
        return channel.parse(raw)
    except CannotMap:
        return None


def _canonical(value: Any) -> str:
    return json.dumps(_sorted(value), sort_keys=True, default=str)


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return sorted(map(_canonical, value))
    if isinstance(value, str) and value.startswith("https://"):
        return value.partition("?")[0]  # a link is signed anew each time
    return value
