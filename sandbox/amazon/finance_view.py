"""A transaction of the books as listTransactions answers it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sandbox.amazon.books import Entry, entries_of
from sandbox.amazon.order_change import seller_id
from sandbox.amazon.times import from_ms, iso
from sandbox.amazon.transactions import item_tree, money, top_tree

MARKETPLACES = {
    "A1PA6795UKMFR9": "Amazon.de",
    "A13V1IB3VIYZZH": "Amazon.fr",
    "A1F83G8C2ARO7P": "Amazon.co.uk",
    "A2NODRKZP88ZB9": "Amazon.se",
    "ATVPDKIKX0DER": "Amazon.com",
    "A1VC38T7YXB528": "Amazon.co.jp",
}
_IDENTIFIERS = {
    "ORDER_ID": "order_id",
    "SHIPMENT_ID": "shipment_id",
    "REFUND_ID": "refund_id",
    "FINANCIAL_EVENT_GROUP_ID": "group_id",
    "DEFERRED_TRANSACTION_ID": "copy_of",
    "RELEASE_TRANSACTION_ID": "released_by",
    "SETTLEMENT_ID": "settlement_id",
}


def described(row: sqlite3.Row, knobs: Mapping[str, Any]) -> dict[str, Any]:
    """The transaction; `nulls` and `statuses` of the knobs say how carelessly."""
    entries, currency, nulls = entries_of(row), row["currency"], knobs["nulls"]
    is_of_items = any(entry.order_item_id for entry in entries)
    numbers = [item["adjustmentItemId"] for item in json.loads(row["items"])]
    parts = [part for entry in entries for part in _parts(entry)]
    contexts = []
    if row["deferral"] is not None:
        contexts.append(
            {
                "contextType": "DeferredContext",
                "deferralReason": row["deferral"],
                "maturityDate": iso(from_ms(row["matures_at"])),
            }
        )
    shown = {
        "sellingPartnerMetadata": {
            "sellingPartnerId": seller_id(row["account"]),
            "accountType": "Standard Orders",
            **({"marketplaceId": row["marketplace"]} if row["marketplace"] else {}),
        },
        "relatedIdentifiers": [
            {"relatedIdentifierName": name, "relatedIdentifierValue": row[column]}
            for name, column in _IDENTIFIERS.items()
            if row[column] is not None
        ],
        "transactionType": row["kind"],
        "transactionId": row["transaction_id"],
        "transactionStatus": _status(row["status"], knobs["statuses"]),
        "description": row["description"],
        "postedDate": iso(from_ms(row["posted_at"])),
        "totalAmount": money(sum((entry.total for entry in entries), Decimal(0)), currency),
        "items": [
            _item(entry, number, row, nulls=nulls)
            for entry, number in zip(entries, numbers, strict=True)
            if is_of_items
        ],
        "breakdowns": None if nulls and is_of_items else top_tree(parts, currency),
        "contexts": None if nulls and not contexts else contexts,
    }
    if row["marketplace"] is not None:
        name = MARKETPLACES.get(row["marketplace"], "Amazon")
        shown["marketplaceDetails"] = {
            "marketplaceId": row["marketplace"],
            "marketplaceName": name,
        }
    return shown


def _status(status: str, way: str) -> str | None:
    return {"upper": status, "title": status.title(), "null": None}[way]


def _parts(entry: Entry) -> list[tuple[str, Decimal]]:
    return [*entry.leaves.items(), *((name, fee.amount) for name, fee in entry.fees.items())]


def _item(entry: Entry, number: str, row: sqlite3.Row, *, nulls: bool) -> dict[str, Any]:
    context: dict[str, Any] = {
        "contextType": "ProductContext",
        "quantityShipped": entry.quantity,
        "fulfillmentNetwork": None if nulls else row["network"],
    }
    context |= {key: text for key, text in (("sku", entry.sku), ("asin", entry.asin)) if text}
    return {
        "description": entry.title,
        "totalAmount": money(entry.total, row["currency"]),
        "relatedIdentifiers": [
            {
                "itemRelatedIdentifierName": "ORDER_ADJUSTMENT_ITEM_ID",
                "itemRelatedIdentifierValue": number,
            }
        ],
        "breakdowns": item_tree(entry.leaves, entry.fees, row["currency"]),
        "contexts": [context],
    }
