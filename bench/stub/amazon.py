"""Amazon's side of the stub: orders of a single line, and the calls about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

GERMANY = "A1PA6795UKMFR9"
SKU = "BENCH-1"
FBM, FBA = "303", "304"
"""The first digits of the numbers of orders that the merchant or Amazon fulfils."""
PAGE = 100

_ADDRESS = {
    "addressLine1": "Musterstraße 12",
    "city": "Berlin",
    "postalCode": "10115",
    "countryCode": "DE",
}


class Amazon:
    """The orders that buyers placed, and how many of them a search has not returned yet."""

    def __init__(self) -> None:
        self._placed_at: dict[str, datetime] = {}
        self._unseen: list[str] = []
        self.confirmed: set[str] = set()

    def place(self, count: int, *, is_fba: bool, is_searched: bool = True) -> list[str]:
        """Buyers place orders; their numbers. Only searched orders come with the next search."""
        begun, now = len(self._placed_at), datetime.now(UTC)
        first = FBA if is_fba else FBM
        numbers = [f"{first}-{one:07}-{one:07}" for one in range(begun, begun + count)]
        self._placed_at |= dict.fromkeys(numbers, now)
        if is_searched:
            self._unseen += numbers
        return numbers

    def search(self) -> dict[str, Any]:
        """The next page of new orders (searchOrders)."""
        page, self._unseen = self._unseen[:PAGE], self._unseen[PAGE:]
        more = {"nextToken": str(len(self._unseen))} if self._unseen else {}
        return {
            "orders": [self.order(number) for number in page],
            "pagination": more,
            "lastUpdatedBefore": _iso(datetime.now(UTC)),
        }

    def order(self, number: str) -> dict[str, Any]:
        """An order with all data sets (getOrder)."""
        placed_at = self._placed_at[number]
        is_fba = number.startswith(FBA)
        item = f"{number.replace('-', '')}01"
        shown: dict[str, Any] = {
            "orderId": number,
            "createdTime": _iso(placed_at),
            "lastUpdatedTime": _iso(placed_at),
            "salesChannel": {"channelName": "AMAZON", "marketplaceId": GERMANY},
            "programs": [],
            "recipient": {"deliveryAddress": _fba_address() if is_fba else _fbm_address()},
            "fulfillment": {
                "fulfillmentStatus": "SHIPPED" if is_fba else "UNSHIPPED",
                "fulfilledBy": "AMAZON" if is_fba else "MERCHANT",
                "fulfillmentServiceLevel": "STANDARD",
                "shipByWindow": _window(placed_at, 0, 2),
                "deliverByWindow": _window(placed_at, 3, 5),
            },
            "proceeds": {
                "grandTotal": _eur("11.90"),
                "breakdowns": [
                    {"type": "ITEM", "subtotal": _eur("10.00")},
                    {"type": "TAX", "subtotal": _eur("1.90")},
                ],
            },
            "payment": {
                "paymentExecutions": [
                    {"paymentMethod": "CreditCard", "paymentAmount": _eur("11.90")}
                ]
            },
            "orderItems": [_item(item, is_fba=is_fba)],
        }
        if not is_fba:
            email = f"{number.replace('-', '')}@marketplace.amazon.de"
            shown["buyer"] = {"buyerName": "Erika Mustermann", "buyerEmail": email}
        return shown


def _item(item_id: str, *, is_fba: bool) -> dict[str, Any]:
    return {
        "orderItemId": item_id,
        "quantityOrdered": 1,
        "programs": [],
        "product": {
            "asin": "B000SANDBX",
            "title": "Product of the bench",
            "sellerSku": SKU,
            "condition": {"conditionType": "NEW", "conditionSubtype": "NEW"},
            "price": {"unitPrice": _eur("10.00")},
        },
        "proceeds": {
            "proceedsTotal": _eur("11.90"),
            "breakdowns": [
                {"type": "ITEM", "subtotal": _eur("10.00")},
                {
                    "type": "TAX",
                    "subtotal": _eur("1.90"),
                    "detailedBreakdowns": [{"subtype": "ITEM", "value": _eur("1.90")}],
                },
            ],
        },
        "fulfillment": {
            "quantityFulfilled": int(is_fba),
            "quantityUnfulfilled": int(not is_fba),
        },
    }


def _fbm_address() -> dict[str, str]:
    own = {"name": "Erika Mustermann", "phone": "+49 30 5550123", "addressType": "RESIDENTIAL"}
    return {**own, **_ADDRESS}


def _fba_address() -> dict[str, str]:
    return {name: _ADDRESS[name] for name in ("city", "postalCode", "countryCode")}


def _eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currencyCode": "EUR"}


def _window(placed_at: datetime, earliest: int, latest: int) -> dict[str, str]:
    return {
        "earliestDateTime": _iso(placed_at + timedelta(days=earliest)),
        "latestDateTime": _iso(placed_at + timedelta(days=latest)),
    }


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"
