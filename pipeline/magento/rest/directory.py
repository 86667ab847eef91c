"""Store views, rates and regions: they change rarely and are therefore cached for ten minutes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import quote

from pipeline.base.errors import CannotMap, Rejected
from pipeline.magento.records import Region, StoreView
from pipeline.magento.rest import json_records, replies
from pipeline.magento.rest.connection import Connection
from pipeline.orders.outcome import HoldCode

_UNKNOWN_STORE = (400, 404)


class Directory:
    """The shop's store views, rates and regions."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    def store_view(self, code: str) -> StoreView:
        """The store view with this code, with its website and base currency.

        Raises CannotMap(STORE_UNKNOWN) when the shop has no such code, Transient or Rejected.
        Source: GET /V1/store/storeConfigs, GET /V1/store/websites.
        """
        return self._api.cached(("store", code), lambda: self._store_view(code))

    def _store_view(self, code: str) -> StoreView:
        try:
            configs = self._api.get("/store/storeConfigs", _list, store=quote(code, safe=""))
        except Rejected as error:
            if error.status not in _UNKNOWN_STORE:
                raise
            configs = []
        config = next((row for row in configs if row.get("code") == code), None)
        if config is None:
            raise CannotMap(
                HoldCode.STORE_UNKNOWN,
                f'the shop {self._api.name} has no store view "{code}": correct magento_store or '
                "fba_store, or create the store view",
            )
        websites = self._api.get("/store/websites", _list, store=code)
        website_id = json_records.integer(config, "website_id")
        return StoreView(
            id=json_records.integer(config, "id"),
            code=code,
            website_id=website_id,
            website_code=next(
                (
                    json_records.text(row, "code")
                    for row in websites
                    if json_records.integer(row, "id") == website_id
                ),
                "",
            ),
            base_currency=json_records.text(config, "base_currency_code"),
            country=json_records.text(config, "locale").partition("_")[2][-2:] or "US",
        )

    def rate(self, store: StoreView, currency: str) -> Decimal:
        """The amount of `currency` for a unit of the store's base currency, at the shop's own rate.

        Raises CannotMap(CURRENCY) when the store view does not allow the currency or has no rate,
        Transient or Rejected. The base currency needs no call.
        Source: GET /V1/directory/currency.
        """
        if currency == store.base_currency:
            return Decimal(1)
        rates = self._api.cached(
            ("rates", store.code),
            lambda: self._api.get("/directory/currency", _rates, store=store.code),
        )
        rate = rates.get(currency)
        if rate is None:
            raise CannotMap(
                HoldCode.CURRENCY,
                f"the order is in {currency}, the base currency of store view {store.code} is "
                f"{store.base_currency}, and the shop has no rate between them: allow {currency} "
                "for the store view and give it a rate (Stores > Currency Rates), or choose a "
                f"store view of a website in {currency}",
                {"order": currency, "store": store.base_currency},
            )
        return rate

    def regions(self, country: str, store: str) -> tuple[Region, ...]:
        """The regions of a country (ISO 3166 alpha-2) in the shop's directory.

        Empty when the country has no regions, or when the store does not allow it. Raises Transient
        or Rejected. Source: GET /V1/directory/countries/:id.
        """
        return self._country(country, store) or ()

    def sells_to(self, country: str, store: str) -> bool:
        """Whether the store allows the country; customers' address books accept no other."""
        return self._country(country, store) is not None

    def _country(self, country: str, store: str) -> tuple[Region, ...] | None:
        return self._api.cached(("country", country, store), lambda: self._regions(country, store))

    def _regions(self, country: str, store: str) -> tuple[Region, ...] | None:
        try:
            return self._api.get(
                f"/directory/countries/{quote(country, safe='')}", _regions, store=store
            )
        except Rejected as error:
            if error.code != replies.NOT_FOUND:
                raise
            return None


def _list(body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, list):
        raise TypeError("not a list")
    return json_records.rows(body)


def _regions(body: dict[str, Any]) -> tuple[Region, ...]:
    """The regions that have an id; an order to another one goes out with its name as text."""
    return tuple(
        json_records.region(row)
        for row in json_records.rows(body.get("available_regions"))
        if json_records.integer(row, "id") > 0
    )


def _rates(body: dict[str, Any]) -> dict[str, Decimal]:
    """The store view's rates; Magento sends a missing rate as 0."""
    rates = {
        json_records.text(row, "currency_to"): json_records.number(row, "rate")
        for row in json_records.rows(body["exchange_rates"])
    }
    return {currency: rate for currency, rate in rates.items() if rate > 0}
