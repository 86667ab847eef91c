"""One Amazon selling account: the Orders API 2026-01-01, and v0's confirmShipment."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from pipeline.amazon import amounts, parsing
from pipeline.amazon.access import Access
from pipeline.amazon.carriers import OTHER, WITHOUT_OTHER, Carrier, carrier_for
from pipeline.amazon.connection import Connection
from pipeline.amazon.json_fields import look, moment
from pipeline.amazon.one_order import INCLUDED, ORDERS, read_order
from pipeline.amazon.replies import CONFIRM_SHIPMENT, SEARCH_ORDERS
from pipeline.base.http import Http
from pipeline.base.quota import Lane, Quota
from pipeline.orders.amounts import Amounts
from pipeline.orders.channel import Confirmation, OrderPage, Raw
from pipeline.orders.channel_order import ChannelOrder, Delivery, Identity
from pipeline.settings.marketplaces import country_of
from pipeline.settings.model import AccountSettings

_PAGE_SIZE = "100"
_UNTRACKED = "Untracked"


class Amazon:
    """A Channel over one selling account. Safe to share between threads.

    Each call is tried up to four times within 20 s when Amazon is in trouble; `Channel` names the
    errors that the methods raise. A confirmation never raises OutcomeUnknown: the same package
    reference sent again replaces the earlier confirmation.
    """

    def __init__(
        self,
        account_name: str,
        account: AccountSettings,
        *,
        http: Http | None = None,
        quota: Quota | None = None,
        access: Access | None = None,
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.connection = Connection(
            account_name, account, http=http, quota=quota, access=access, sleep=sleep, now=now
        )
        self._now = now

    def changed_orders(
        self,
        since: datetime,
        token: str | None,
        before: datetime | None = None,
        lane: Lane = Lane.NEW,
    ) -> OrderPage:
        """A page of up to 100 orders changed at or after `since` (rounded down to the second).

        Without `before` Amazon returns the upper bound that it used. It refuses a `before` that is
        less than two minutes ago. Source: GET /orders/2026-01-01/orders (searchOrders).
        """
        # A page's token is only valid with exactly the same parameters.
        period = {"lastUpdatedAfter": _iso(since)}
        if before is not None:
            period["lastUpdatedBefore"] = _iso(before)
        return self._search(period, token, lane)

    def placed_orders(self, after: datetime, before: datetime, token: str | None) -> OrderPage:
        """A page of up to 100 orders placed in a period (to the second), for a backfill.

        `before` has to be two minutes ago or more, or Amazon refuses it.
        Source: GET /orders/2026-01-01/orders (searchOrders).
        """
        period = {"createdAfter": _iso(after), "createdBefore": _iso(before)}
        return self._search(period, token, Lane.BACKFILL)

    def _search(self, period: Mapping[str, str], token: str | None, lane: Lane) -> OrderPage:
        query = {**period, "maxResultsPerPage": _PAGE_SIZE, "includedData": INCLUDED}
        if token is not None:
            query["paginationToken"] = token
        return self.connection.read(SEARCH_ORDERS, ORDERS, query, _page, lane)

    def order(self, external_id: str, lane: Lane = Lane.NEW) -> Raw:
        """The whole order, read now.

        Source: GET /orders/2026-01-01/orders/{orderId} (getOrder).
        """
        return read_order(self.connection, external_id, lane)

    def number(self, reply: object) -> str:
        """See `parsing.number`."""
        return parsing.number(reply)

    def is_number(self, text: str) -> bool:
        """See `parsing.is_number`."""
        return parsing.is_number(text)

    def identify(self, raw: Raw) -> Identity:
        """See `parsing.identify`."""
        return parsing.identify(raw)

    def delivery(self, raw: Raw) -> Delivery:
        """See `parsing.delivery`."""
        return parsing.delivery(raw)

    def parse(self, raw: Raw) -> ChannelOrder:
        """See `parsing.parse`."""
        return parsing.parse(raw)

    def amounts(self, raw: Raw, *, trust_total: bool = False) -> Amounts:
        """See `amounts.amounts`."""
        return amounts.amounts(raw, trust_total=trust_total)

    def confirm_shipment(self, confirmation: Confirmation) -> None:
        """Confirm a package to Amazon; the same reference again replaces the confirmation.

        Raises CannotMap(CARRIER_UNMAPPED) before anything is sent, and Rejected with the code
        "PackageToUpdateNotFound" when all units are already shipped under other references: then
        compare the order's packages.
        Source: POST /orders/v0/orders/{orderId}/shipmentConfirmation (confirmShipment).
        """
        carrier = _carrier(confirmation)
        package: dict[str, Any] = {
            "packageReferenceId": confirmation.reference,
            "carrierCode": carrier.code,
            "trackingNumber": confirmation.tracking_number,
            "shipDate": self._ship_date(confirmation),
            "orderItems": [
                _package_item(confirmation, item_id, quantity)
                for item_id, quantity in confirmation.quantities.items()
            ],
        }
        if carrier.name:
            package["carrierName"] = carrier.name
        if confirmation.supply_source:
            package["shipFromSupplySourceId"] = confirmation.supply_source
        path = f"/orders/v0/orders/{quote(confirmation.external_id, safe='')}/shipmentConfirmation"
        body = {"marketplaceId": confirmation.marketplace_id, "packageDetail": package}
        self.connection.write(CONFIRM_SHIPMENT, "POST", path, Lane.CONFIRM, body)

    def feed_message(self, confirmation: Confirmation) -> dict[str, Any]:
        """The message body for `feed_documents.write`. Raises CannotMap(CARRIER_UNMAPPED).

        The feed's schema has no element for Transparency codes or the supply source.
        """
        carrier = _carrier(confirmation)
        return {
            "order": confirmation.external_id,
            "reference": confirmation.reference,
            "date": self._ship_date(confirmation),
            "carrier_code": carrier.code,
            "carrier_name": carrier.name,
            "tracking": confirmation.tracking_number,
            "items": dict(confirmation.quantities),
        }

    def _ship_date(self, confirmation: Confirmation) -> str:
        # The shop's clock and ours may be ahead of Amazon's, which refuses a future date.
        return _iso(min(confirmation.shipped_at, self._now() - self.connection.behind))


def _carrier(confirmation: Confirmation) -> Carrier:
    # The marketplace decides on the code, but `Other` is also refused for parcels to India.
    country = country_of(confirmation.marketplace_id) or confirmation.country
    # A package without a number has no carrier in the shop, but Amazon requires a carrier.
    title = confirmation.carrier_title or ("" if confirmation.tracking_number else _UNTRACKED)
    carrier = carrier_for(confirmation.carrier_code, title, country)
    if carrier.code == OTHER and confirmation.country.upper() in WITHOUT_OTHER:
        return carrier_for(confirmation.carrier_code, title, confirmation.country)
    return carrier


def _package_item(confirmation: Confirmation, item_id: str, quantity: int) -> dict[str, Any]:
    item: dict[str, Any] = {"orderItemId": item_id, "quantity": quantity}
    if codes := confirmation.transparency_codes.get(item_id):
        item["transparencyCodes"] = list(codes)
    return item


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _page(body: Any) -> OrderPage | None:
    """A page of orders, or None when the body is no such page.

    Only a missing next token marks the last page: a short or empty page may have successors.
    """
    orders = look(body, "orders")
    pagination = look(body, "pagination")
    next_token = look(pagination, "nextToken")
    if (
        not isinstance(orders, list)
        or not isinstance(pagination, dict | None)
        or not isinstance(next_token, str | None)
    ):
        return None
    return OrderPage(orders, next_token or None, moment(body, "lastUpdatedBefore"))
