"""The place of shipment of packages, which Amazon requires for orders that it invoices."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.base.errors import CannotMap
from pipeline.clients import Clients
from pipeline.orders.channel_order import Program
from pipeline.orders.outcome import HoldCode
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Order


def supply_sources(order: Order, packages: Sequence[Shipment], clients: Clients) -> dict[str, str]:
    """Amazon's id of each package's place, by package reference; empty for other orders.

    Raises CannotMap(SETTING_MISSING) when the account's settings lack the place.
    """
    if Program.INVOICE_BY_AMAZON not in order.programs or not packages:
        return {}
    account = clients.settings.accounts[order.account]
    codes: dict[int, str] = {}
    if account.supply_sources and order.magento_order_id is not None:
        codes = clients.shop(order).shipments.sources(order.magento_order_id)
    places: dict[str, str] = {}
    for package in packages:
        code = codes.get(package.magento_shipment_id, "")
        place = account.supply_sources.get(code) or account.supply_source
        if not place:
            source = f" or accounts.{order.account}.supply_sources.{code}" if code else ""
            raise CannotMap(
                HoldCode.SETTING_MISSING,
                "Amazon invoices this order and takes no confirmation without the place it is "
                f"shipped from: set accounts.{order.account}.supply_source{source} to Amazon's id "
                "of the place (its Supply Sources API lists them), or confirm the order in Seller "
                "Central",
                {"source": code},
            )
        places[package.package_reference] = place
    return places
