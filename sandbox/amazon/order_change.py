"""The ORDER_CHANGE message: PascalCase, v0's status words, and no prices, names or addresses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox.amazon.state import Order, status_of
from sandbox.amazon.times import iso

_PROGRAMS = {"AMAZON_BUSINESS": "Business", "PRIME": "Prime", "PREMIUM": "Premium"}


def order_change(order: Order, account: str, subscription: str, number: int, at: datetime) -> Any:
    """The message that reports an order as it is now; `number` makes its notification id."""
    wanted = [_wants_to_cancel(item) for item in order["orderItems"]]
    kind, reason = (
        ("BuyerRequestedChange", "Buyer Requested Cancel")
        if any(wanted)
        else ("OrderStatusChange", "Order Status Change")
    )
    notification_id = f"{number:08x}-0000-4000-8000-{number:012x}"
    return {
        "NotificationVersion": "1.0",
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "EventTime": iso(at),
        "Payload": {
            "OrderChangeNotification": {
                "NotificationLevel": "OrderLevel",
                "SellerId": seller_id(account),
                "AmazonOrderId": order["orderId"],
                "OrderChangeType": kind,
                "OrderChangeTrigger": {
                    "TimeOfOrderChange": order["lastUpdatedTime"],
                    "ChangeReason": reason,
                },
                "Summary": _summary(order, wanted),
            }
        },
        "NotificationMetadata": {
            "ApplicationId": "amzn1.sp.solution.sandbox",
            "SubscriptionId": subscription,
            "PublishTime": iso(at),
            "NotificationId": notification_id,
        },
    }


def seller_id(account: str) -> str:
    """The merchant token of an account of the stand-in."""
    return f"A{account.upper()}SANDBOX"


def _summary(order: Order, wanted: list[bool]) -> dict[str, Any]:
    fulfillment = order["fulfillment"]
    address = order.get("recipient", {}).get("deliveryAddress", {})
    counts = [item["fulfillment"] for item in order["orderItems"]]
    return {
        "MarketplaceId": order["salesChannel"].get("marketplaceId", ""),
        "OrderStatus": _v0(status_of(order)),
        "PurchaseDate": order["createdTime"],
        "DestinationPostalCode": address.get("postalCode"),
        "FulfillmentType": "AFN" if fulfillment.get("fulfilledBy") == "AMAZON" else "MFN",
        "OrderType": "StandardOrder",
        "NumberOfItemsShipped": sum(count["quantityFulfilled"] for count in counts),
        "NumberOfItemsUnshipped": sum(count["quantityUnfulfilled"] for count in counts),
        **_window(fulfillment, "deliverByWindow", "DeliveryDate"),
        **_window(fulfillment, "shipByWindow", "ShipDate"),
        "OrderPrograms": [
            _PROGRAMS[program] for program in order.get("programs", []) if program in _PROGRAMS
        ],
        "OrderItems": [
            {
                "OrderItemId": item["orderItemId"],
                "SellerSKU": item["product"].get("sellerSku", ""),
                "SupplySourceId": None,
                "OrderItemStatus": "Unshipped" if count["quantityUnfulfilled"] else "Shipped",
                "Quantity": item["quantityOrdered"],
                "QuantityShipped": count["quantityFulfilled"],
                "IsBuyerRequestedCancel": wants,
            }
            for item, count, wants in zip(order["orderItems"], counts, wanted, strict=True)
        ],
    }


def _wants_to_cancel(item: dict[str, Any]) -> bool:
    return bool(item.get("cancellation", {}).get("cancellationRequest"))


def _v0(status: str) -> str:
    """UNSHIPPED is Unshipped, and CANCELLED loses an L."""
    return "".join(word.capitalize() for word in status.split("_")).replace("Cancelled", "Canceled")


def _window(fulfillment: dict[str, Any], window: str, name: str) -> dict[str, str]:
    times = fulfillment.get(window, {})
    ends = (("Earliest", "earliestDateTime"), ("Latest", "latestDateTime"))
    return {f"{prefix}{name}": times[key] for prefix, key in ends if key in times}
