"""Who may call which route: the ACL resource behind each, and the one integration's right to it."""

from __future__ import annotations

from flask import g, request

from sandbox.magento.auth import ACCESS_TOKEN, check_oauth
from sandbox.magento.config import BEARER, VERSION, WITHHELD, is_at_least
from sandbox.magento.errors import Refused
from sandbox.magento.shop import Shop
from sandbox.magento.web import body, config

_ANONYMOUS = ("countries", "country", "currency", "version", "admin_token")
_RESOURCES = {
    "orders": "Magento_Sales::actions_view",
    "order": "Magento_Sales::actions_view",
    "order_items": "Magento_Sales::actions_view",
    "order_item": "Magento_Sales::actions_view",
    "order_status": "Magento_Sales::actions_view",
    "order_comments": "Magento_Sales::actions_view",
    "create_order": "Magento_Sales::create",
    "order_address": "Magento_Sales::create",
    "order_comment": "Magento_Sales::comment",
    "cancel_order": "Magento_Sales::cancel",
    "hold_order": "Magento_Sales::hold",
    "unhold_order": "Magento_Sales::unhold",
    "invoice": "Magento_Sales::invoice",
    "invoices": "Magento_Sales::sales_invoice",
    "get_invoice": "Magento_Sales::sales_invoice",
    "ship": "Magento_Sales::ship",
    "shipments": "Magento_Sales::shipment",
    "shipment": "Magento_Sales::shipment",
    "save_shipment": "Magento_Sales::shipment",
    "add_track": "Magento_Sales::shipment",
    "delete_track": "Magento_Sales::shipment",
    "refund": "Magento_Sales::creditmemo",
    "creditmemos": "Magento_Sales::sales_creditmemo",
    "creditmemo": "Magento_Sales::sales_creditmemo",
    "creditmemo_comment": "Magento_Sales::sales_creditmemo",
    "creditmemo_comments": "Magento_Sales::sales_creditmemo",
    "products": "Magento_Catalog::products",
    "product": "Magento_Catalog::products",
    "create_product": "Magento_Catalog::products",
    "attribute_sets": "Magento_Catalog::sets",
    "stock_items": "Magento_Catalog::catalog_inventory",
    "update_stock_item": "Magento_Catalog::catalog_inventory",
    "source_items": "Magento_InventoryApi::source",
    "sources": "Magento_InventoryApi::source",
    "create_source": "Magento_InventoryApi::source",
    "sources_of_stock": "Magento_InventoryApi::source",
    "set_source_items": "Magento_InventoryApi::stock_source_item_assign",
    "stocks": "Magento_InventoryApi::stock",
    "create_stock": "Magento_InventoryApi::stock",
    "stock_source_links": "Magento_InventoryApi::stock_source_link",
    "link_sources": "Magento_InventoryApi::stock_source_link",
    "customers_search": "Magento_Customer::customer",
    "customer": "Magento_Customer::customer",
    "update_customer": "Magento_Customer::manage",
    "create_customer": "Magento_Customer::manage",
    "customer_group": "Magento_Customer::group",
    "customer_groups": "Magento_Customer::group",
    "bulk_status": "Magento_Logging::system_magento_logging_bulk_operations",
    "bulk_detailed_status": "Magento_Logging::system_magento_logging_bulk_operations",
    "async_ship": "Magento_Sales::ship",
    "async_order": "Magento_Sales::create",
    "async_orders": "Magento_Sales::create",
}
_SALABLE = "Magento_InventorySalesApi::stock"


def check_caller(shop: Shop) -> None:
    """Refuse a call that the shop's web API would refuse, with its one 401 for every cause."""
    if request.endpoint is None or _is_open():
        return
    header = request.headers.get("Authorization", "")
    resource = _resource(request.endpoint)
    if header[:6].lower() == "oauth ":
        host = request.host.partition(":")[0]
        with shop.store.transaction() as db:
            check_oauth(
                db,
                header,
                request.method,
                [g.origin, f"{request.scheme}://{host}"],
                request.environ["magento.path"],
                request.query_string.decode(),
                shop.now(),
            )
    elif not config()[BEARER] or header != f"Bearer {ACCESS_TOKEN}":
        raise _not_authorized(resource)
    if resource in config()[WITHHELD]:
        raise _not_authorized(resource)


def _is_open() -> bool:
    """Anyone may read the directory, and sign up as long as no customer group is named."""
    if request.endpoint == "create_customer" and not request.headers.get("Authorization"):
        return "group_id" not in (body().get("customer") or {})
    return request.endpoint in _ANONYMOUS


def _resource(endpoint: str) -> str:
    """Posting an order got a resource of its own in 2.4.8 and in late patches before it."""
    if endpoint == "create_order" and request.method == "POST":
        patched = (("2.4.7", "2.4.7-p5"), ("2.4.6", "2.4.6-p10"))
        late = any(
            config()[VERSION].startswith(minor) and is_at_least(config(), patch)
            for minor, patch in patched
        )
        if late or is_at_least(config(), "2.4.8"):
            return "Magento_Sales::api_actions"
    other = _SALABLE if "/inventory/" in request.path else "Magento_Backend::store"
    return _RESOURCES.get(endpoint, other)


def _not_authorized(resource: str) -> Refused:
    return Refused(
        401, "The consumer isn't authorized to access %resources.", {"resources": resource}
    )
