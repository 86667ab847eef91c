"""A report as `order_private` stores it: encrypted, with the hashes for the search by buyer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipeline.base.master_keys import KeyMissing, Unreadable
from pipeline.base.vault import SealedColumn, Vault
from pipeline.intake.buyer_index import buyer_columns
from pipeline.intake.reports import digest
from pipeline.orders.channel import Channel, Raw


def sealed(
    vault: Vault, wrapped_key: bytes, owner: str, channel: Channel, raw: Raw, asked_at: datetime
) -> dict[str, Any]:
    """The report encrypted with the order's key, or with a new key if that key is unreadable.

    Raises KeyMissing where only this process lacks its master key: what else is under it stays.
    """
    try:
        report = vault.seal(wrapped_key, owner, SealedColumn.REPORT, raw)
    except KeyMissing:
        raise
    except Unreadable:
        wrapped_key = vault.new_key(owner)
        report = vault.seal(wrapped_key, owner, SealedColumn.REPORT, raw)
    return {
        "wrapped_key": wrapped_key,
        "sealed": report,
        "report_digest": digest(vault, raw),
        "report_asked_at": asked_at,
        **buyer_columns(vault, channel, raw),
    }
