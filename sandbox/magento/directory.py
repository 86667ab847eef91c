"""Countries, currencies, store views, modules: what a client reads once, at set-up."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g

from sandbox.magento.config import INVENTORY, RATES
from sandbox.magento.errors import Refused
from sandbox.magento.regions import COUNTRIES, REGIONS
from sandbox.magento.shop import STORES, WEBSITE, Doc, Shop
from sandbox.magento.web import answer, config

_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "SEK": "kr", "PLN": "zł"}
_MODULES = """\
Store Directory Eav Backend Catalog CatalogInventory Config ConfigurableProduct Customer
Integration Inventory InventoryApi InventoryCatalog InventoryReservations
InventoryReservationsApi InventorySales InventorySalesApi InventoryShipping
OfflinePayments OfflineShipping Payment Quote Sales SalesInventory Shipping Tax Webapi
WebapiAsync WebapiSecurity"""


def region_of(country: Any, region_id: Any) -> tuple[str, str] | None:
    """Code and name of a region, when it is one of that country."""
    return REGIONS.get(country or "", {}).get(region_id or 0)


def _country(code: str) -> Doc:
    three, name = COUNTRIES[code]
    shown: Doc = {
        "id": code,
        "two_letter_abbreviation": code,
        "three_letter_abbreviation": three,
        "full_name_locale": name,
        "full_name_english": name,
    }
    if code in REGIONS:
        shown["available_regions"] = [
            {"id": str(region_id), "code": region, "name": label}
            for region_id, (region, label) in REGIONS[code].items()
        ]
    return shown


def register(app: Flask, shop: Shop) -> None:
    """Add the set-up routes."""
    base = shop.base_currency

    @app.get("/rest/V1/directory/countries")
    def countries() -> Response:
        return answer([_country(code) for code in COUNTRIES])

    @app.get("/rest/V1/directory/countries/<segment:code>")
    def country(code: str) -> Response:
        if code not in COUNTRIES:
            raise Refused(404, "The country isn't available.")
        return answer(_country(code))

    @app.get("/rest/V1/directory/currency")
    def currency() -> Response:
        symbol, rates = _SYMBOLS.get(base, base), {base: 1} | config()[RATES]
        return answer(
            {
                "base_currency_code": base,
                "base_currency_symbol": symbol,
                "default_display_currency_code": base,
                "default_display_currency_symbol": symbol,
                "available_currency_codes": sorted(rates),
                "exchange_rates": [{"currency_to": c, "rate": rates[c]} for c in sorted(rates)],
            }
        )

    @app.get("/rest/V1/store/storeViews")
    def store_views() -> Response:
        return answer(
            [
                {
                    "id": store,
                    "code": code,
                    "name": name,
                    "website_id": int(store > 0),
                    "store_group_id": int(store > 0),
                    "is_active": 1,
                }
                for store, (code, name) in STORES.items()
            ]
        )

    @app.get("/rest/V1/store/storeConfigs")
    def store_configs() -> Response:
        url = g.origin + "/"
        return answer(
            [
                {
                    "id": store,
                    "code": code,
                    "website_id": 1,
                    "locale": "en_US",
                    "base_currency_code": base,
                    "default_display_currency_code": base,
                    "timezone": "Europe/Berlin",
                    "weight_unit": "kgs",
                    "base_url": url,
                    "base_link_url": url,
                    "secure_base_url": url,
                    "secure_base_link_url": url,
                }
                for store, (code, _) in STORES.items()
                if store
            ]
        )

    @app.get("/rest/V1/store/websites")
    def websites() -> Response:
        return answer(
            [
                {"id": 0, "code": "admin", "name": "Admin", "default_group_id": 0},
                {"id": 1, "code": WEBSITE, "name": "Main Website", "default_group_id": 1},
            ]
        )

    @app.get("/rest/V1/modules")
    def modules() -> Response:
        names = [
            name
            for name in _MODULES.split()
            if config()[INVENTORY] or not name.startswith("Inventory")
        ]
        return answer([f"Magento_{name}" for name in names])

    @app.post("/rest/V1/integration/admin/token")
    def admin_token() -> Response:
        """The shop has no administrator, so that nothing comes to rest on a password."""
        raise Refused(
            401,
            "The account sign-in was incorrect or your account is disabled temporarily."
            " Please wait and try again later.",
        )

    @app.get("/magento_version")
    def version() -> Response:
        return Response("Magento/2.4 (Community)", mimetype="text/plain")
