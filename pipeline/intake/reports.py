"""Whether a report of an order is news: its time of change decides, then its content.

Amazon's times of change are whole seconds, and Amazon completes a report without a new time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from pipeline.base.clock import FAR_AHEAD
from pipeline.base.errors import CannotMap
from pipeline.base.id_lists import among
from pipeline.base.log import log
from pipeline.base.master_keys import KeyMissing, Unreadable
from pipeline.base.vault import SealedColumn, Vault
from pipeline.intake.buyer_index import buyer_columns
from pipeline.orders.channel import Channel, Raw
from pipeline.orders.channel_order import ChannelOrder, Identity
from pipeline.orders.tables import Order, OrderPrivate

Known = Row[*tuple[Any, ...]]


def known(session: Session, account_name: str, external_ids: Sequence[str]) -> dict[str, Known]:
    """The stored rows of these orders by the marketplace's number, locked."""
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


@dataclass(frozen=True, slots=True)
class Readable:
    """The newest report of each order by its number. For the unreadable reports: their count, the
    order numbers to read again, and how many have no number."""

    newest: Mapping[str, tuple[Identity, Raw]]
    unreadable: int = 0
    set_aside: Sequence[str] = ()
    nameless: int = 0


def readable(
    vault: Vault, account_name: str, channel: Channel, raws: Sequence[Raw], now: datetime
) -> Readable:
    """The reports that can be stored, and facts of those that cannot."""
    newest: dict[str, tuple[Identity, Raw]] = {}
    bad: list[str] = []
    for raw in raws:
        try:
            identity = channel.identify(raw)
            buyer_columns(vault, channel, raw)
            digest(vault, raw)
        except Exception as error:  # noqa: BLE001 - one bad order never stops its page
            log_unreadable(account_name, error)
            number = channel.number(raw)
            bad.append(number if channel.is_number(number) else "")
            continue
        # A time in the far future would make every later report count as old.
        changed_at = min(identity.updated_at, now + FAR_AHEAD)
        identity = identity._replace(updated_at=changed_at)
        seen = newest.get(identity.external_id)
        if seen is None or identity.updated_at >= seen[0].updated_at:
            newest[identity.external_id] = (identity, raw)
    return Readable(newest, len(bad), sorted({*bad} - {"", *newest}), bad.count(""))


def log_unreadable(account_name: str, error: Exception) -> None:
    """Log a report that cannot be stored."""
    code = error.code if isinstance(error, CannotMap) else type(error).__name__
    reason = str(error) if isinstance(error, KeyMissing) else None
    log.error("order.unreadable", account=account_name, code=code, error=reason)


def digest(vault: Vault, raw: Raw) -> str:
    """A keyed hash of a report, equal for equal content in any order; it reveals no content."""
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
    """Whether a report is newer than ours, or has the same time of change and other content.

    With the same time, a report that was requested before ours is no news, nor is a report with a
    hole that ours lacks.
    """
    if identity.updated_at != row.remote_updated_at:
        return bool(identity.updated_at > row.remote_updated_at)
    if row.wrapped_key is None or row.sealed is None:
        return False
    fingerprint = digest(vault, raw)
    if fingerprint == row.report_digest:
        return False
    if row.report_asked_at is not None and asked_at < row.report_asked_at:
        return False
    try:
        ours = vault.open(row.wrapped_key, owner, SealedColumn.REPORT, row.sealed)
    except Unreadable:
        return True
    if row.report_digest is None and fingerprint == digest(vault, ours):
        return False
    return not _tells_less(parsed(channel, raw), parsed(channel, ours))


def _tells_less(reported: ChannelOrder | None, ours: ChannelOrder | None) -> bool:
    if ours is None:
        return False
    return reported is None or any(
        has and not still for has, still in zip(_holds(ours), _holds(reported), strict=True)
    )


def _holds(order: ChannelOrder) -> tuple[bool, ...]:
    """Whether each field is present that an order needs and Amazon's reply may lack."""
    return (
        bool(order.status),
        bool(order.marketplace_id),
        order.grand_total is not None,
        order.address is not None and bool(order.address.lines),
        all(line.sku for line in order.lines),
    )


def parsed(channel: Channel, raw: Raw) -> ChannelOrder | None:
    """The facts of a report, or None when it cannot be read."""
    try:
        return channel.parse(raw)
    except Exception:  # noqa: BLE001 - the order's own step reads it again and holds the order
        return None


def _canonical(value: Any) -> str:
    return json.dumps(_sorted(value), sort_keys=True, default=str)


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        # Hashes keep one length, while nested JSON texts would be quoted again at every depth.
        return sorted(sha256(_canonical(entry).encode()).hexdigest() for entry in value)
    if isinstance(value, str) and value.startswith("https://"):
        return value.partition("?")[0]  # Amazon signs a link anew each time
    return value
