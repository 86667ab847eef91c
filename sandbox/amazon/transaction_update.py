"""The TRANSACTION_UPDATE message: money was posted; neither its id nor its status is told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox.amazon.order_change import seller_id
from sandbox.amazon.times import iso


def transaction_update(
    posted: dict[str, Any], account: str, subscription: str, number: int, at: datetime
) -> Any:
    """The message about a transaction; `number` makes its notification id."""
    order_id = posted["order_id"]
    related = [{"RelatedIdentifierName": "OrderId", "RelatedIdentifierValue": order_id}]
    return {
        "NotificationVersion": "1.0",
        "NotificationType": "TRANSACTION_UPDATE",
        "PayloadVersion": "1.0",
        "EventTime": iso(at),
        "Payload": {
            "TransactionUpdateNotification": {
                "SellingPartnerMetadata": {
                    "SellingPartnerId": seller_id(account),
                    "MarketplaceId": posted["marketplace"] or "",
                    "AccountType": "PAYABLE",
                },
                **({"RelatedIdentifiers": related} if order_id else {}),
                "TransactionType": posted["kind"],
                "PostedDate": posted["posted_at"],
                "TotalAmount": {
                    "CurrencyAmount": float(posted["total"]),
                    "CurrencyCode": posted["currency"],
                },
            }
        },
        "NotificationMetadata": {
            "ApplicationId": "amzn1.sp.solution.sandbox",
            "SubscriptionId": subscription,
            "PublishTime": iso(at),
            "NotificationId": f"{number:08x}-0000-4000-8000-{number:012x}",
        },
    }
