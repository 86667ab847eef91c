"""Which recordings belong together, in which order, and what happened in between.

Each story starts in an empty shop with the recorded catalogue. Its steps are the starts of
recordings' names, or set-up. A recording that no story names is a story of its own.
"""

from __future__ import annotations

from tests.contract.magento_replay import Setup
from tests.contract.magento_setups import (
    PAID,
    bulk_of_four,
    bulk_shipment,
    config,
    configurable,
    consume,
    invoice,
    listed,
    maintenance,
    no_catalogue,
    order,
    product,
    rows,
    send,
    ship,
    shipped,
    use_nonce,
)

STORIES: tuple[tuple[str | Setup, ...], ...] = (
    (no_catalogue, "00", "01"),
    (configurable, "05-"),
    ("11", "14", "14b", "14d", "12", "12b", "22", "60c", "11b", "13", "13b", "13c", "13f", "13g"),
    ("20", "21", "21b", "21c", "60", "60b", "97"),
    (order(2, 2, increment_id="302-1700004-2000000", state="canceled"), "21d"),
    (
        order(46, 41, like="minimal", ids=(1, 44), increment_id="302-4900001-0000001",
              ext_order_id=None),
        "26f",
    ),
    ("24", "28a", "45-invoice-unknown-sku-no-product-id"),
    ("24f", "45-invoice-disabled-sku"),
    ("25", "28b", "45-invoice-missing-billing-address"),
    (
        order(37, 33, ids=(68, 35), increment_id="302-3000017-2000000", ext_order_id="y-3000017",
              payment={"method": "amazon_marketplace", "additional_information": ["x"],
                       "amount_ordered": 52.59}),
        "28c", "45-invoice-unknown-payment-method", "45-ship-unknown-payment-method",
    ),
    ("25e", "28d", "45-invoice-no-shipping-assignment"),
    (
        order(41, 37, ids=(75, 39), increment_id="302-3000021-2000000", ext_order_id="y-3000021",
              store_id=None),
        "28e", "45-invoice-no-store-id",
    ),
    ("25j", "28f", invoice(44), "45-ship-no-currency"),
    (
        order(27, 25, item={"sku": "AMZ-OOS", "product_id": 3}), invoice(27),
        "45-ship-out-of-stock-sku",
    ),
    (order(32, 30, item={"product_type": None}), "45-invoice-no-product-type"),
    ("35", "35c"),
    (
        "40", "40a", ship(82, i78=1), "40d", ship(82, i78=1), "40f", "40h", "41", invoice(83),
        "41c", "42", "42a", "42b", "63", "63c", "47-salable", "47b", "47c", "47d", "64", "64c",
        "64e", "64g",
    ),
    ("43-flow", ship(86), "43b"),
    (
        "43c", "44a", "44c", "44d", ship(87, i88=2), "44f2", ship(87, i89=1), "44h", "44i",
    ),
    (
        send("POST", "inventory/source-items", {"sourceItems": [
            {"sku": "AMZ-SIMPLE-2", "source_code": "default", "quantity": 3, "status": 1}]}),
        order(11, 9, grand_total=76.39,
              item={"sku": "AMZ-SIMPLE-2", "product_id": 2, "qty_ordered": 3}),
        "46", "46c",
    ),
    ("51-order", "51a"),
    ("51b", invoice(90), "51d"),
    (order(91, 96, like="51b"), "51f"),
    (order(92, 98, like="51b", state="complete", status="complete"), "51i"),
    ("52-order", "52a", "52b", "52c", "52d", "52e"),
    ("53-order", "53a", "53b", "53c", "53e2"),
    (order(176, 387, like="51b"), "53k"),
    ("54-fba", "54b"),
    ("54c", "54d"),
    ("55-updated", ship(99, i108=1), "55b"),
    ("56-partial", "56a", "56b", "56c"),
    ("58-notify", "58a", "58b"),
    ("59-ship", "59a", "59d"),
    (listed("61-orders", 46, updated_at="2026-11-22 21:30:00"), "61-orders"),
    (listed("61d", 50, status="processing", updated_at="2026-11-22 21:00:00"), "61d"),
    (listed("61e", 46, updated_at="2026-11-22 21:30:00"), "61e"),
    (listed("61f", 45, updated_at="2026-11-22 21:30:00"), "61f"),
    (shipped("63b", 19), "63b"),
    (rows(total=93), "61i", "62-", "62b", "62e", "62f", "62g", "62k", "62s", "75n2"),
    (rows(total=99), "71c"),
    (rows(total=17), "62n"),
    (
        rows({"entity_id": 5, "increment_id": "302-2000001-1000000"},
             {"entity_id": 7, "increment_id": "302-2000003-1000000", "ext_order_id": "x-2000003"},
             total=2),
        "62p",
    ),
    (rows(total=1), "62q"),
    ("20", "73b", "75-", "75d", "75e", "75g", use_nonce, "75j", "72c", maintenance(True), "79-",
     "79b"),
    ("20", "21b", "75b", "75c"),
    (
        "20", config(WITHHELD=["Magento_Sales::actions_view"]), "71-401", "75m",
        config(WITHHELD=["Magento_Sales::create"]), "71b",
        config(WITHHELD=["Magento_Sales::ship"]), "71d",
        config(WITHHELD=["Magento_InventorySalesApi::stock"]), "71f",
    ),
    ("20", config(BEARER=False), "76-401", "76b"),
    (config(INPUT_LIMITS=True, MAXIMUM_PAGE_SIZE=50, ARRAY_LIMIT=5), "77-limit", "77b-limit"),
    ("20", "73-accept-xml"),
    ("80-async-post", "81-bulk", "81b", consume, "81c"),
    ("20", bulk_of_four, consume, "82-bulk2-status", "82-bulk2-detailed"),
    ("20", bulk_shipment(1, "82b"), consume, "82b"),
    ("90a-amounts-grand-total-lower-than-items-order",
     "90a-amounts-grand-total-lower-than-items-invoice",
     "90a-amounts-grand-total-lower-than-items-ship"),
    (
        order(165, 376, grand_total=47.59, discount_amount=-5, base_discount_amount=-5,
              item={"discount_amount": 5, "base_discount_amount": 5}),
        "90c",
    ),
    (
        order(166, 377, item=dict.fromkeys(
            ("base_price", "base_original_price", "base_price_incl_tax", "base_row_total",
             "base_row_total_incl_tax", "base_tax_amount"))),
        invoice(166), "90d",
    ),
    (
        order(167, 378, item=dict.fromkeys(
            ("row_total", "base_row_total", "row_total_incl_tax", "base_row_total_incl_tax",
             "tax_amount", "base_tax_amount"))),
        "90e-amounts-items-price-only-no-row-total-invoice",
        "90e-amounts-items-price-only-no-row-total-ship",
    ),
    (
        order(168, 379, like="minimal",
              item={"row_total": 10, "product_id": 1, "product_type": "simple"}),
        invoice(168), "90f",
    ),
    ("90g-amounts-zero-total-order", invoice(169), "90g-amounts-zero-total-ship"),
    (order(172, 383, **PAID), "90j-total-paid-at-import-no-invoice-invoice",
     "90j-total-paid-at-import-no-invoice-ship"),
    ("90k-", "90k2"),
    ("90l-", "90l2"),
    (order(175, 386, item={"qty_invoiced": 2}), "90m2"),
    ("reserve-20-1", "reserve-20-2", "reserve-20-3", "reserve-20-4", "reserve-20-5", "reserve-20-6",
     "reserve-20-7", "reserve-20-8", "reserve-20-9"),
    ("reserve-21-1", "reserve-21-2", "reserve-21-3", "reserve-21-5", "reserve-21-6"),
    ("reserve-22-pay-info-1", "reserve-22-pay-info-2", "reserve-22-pay-info-3",
     "reserve-22-pay-info-4", "reserve-22-pay-info-5"),
    (product("AMZ-DEC", 12, 20), lambda replay: replay.count("order history", 15),
     "reserve-36-decimal-1", "reserve-36-decimal-2", "reserve-36-decimal-3",
     "reserve-36-decimal-4", "reserve-36-decimal-5"),
    ("reserve-40-mixed-unknown-line-1", "reserve-40-mixed-unknown-line-2",
     "reserve-40-mixed-unknown-line-3", "reserve-40-5"),
    (
        order(2, 3, ids=(3, 2), items=[
            {"sku": "AMZ-SIMPLE-1", "product_id": 1, "product_type": "simple", "qty_ordered": 5},
            {"sku": "AMZ-SIMPLE-2", "product_id": 2, "product_type": "simple", "qty_ordered": 2},
        ]),
        ship(2, i3=2), "reserve-41-1", "reserve-41-2", "reserve-41-3", "reserve-41-4",
        "reserve-41-5",
    ),
    (
        order(9, 8, ids=(1, 6), increment_id="902-0000000-0000506",
              ext_order_id="902-0000000-0000506", state="new", status="pending", item={
                  "sku": "AMZ-SIMPLE-2", "product_id": 2, "qty_ordered": 1, "qty_shipped": 2}),
        "reserve-42-1", send("POST", "orders/9/cancel"), "reserve-42-2",
        send("PUT", "orders/create", {"entity": {
            "entity_id": 9, "state": "processing", "status": "processing",
            "items": [{"item_id": 8, "product_type": "simple", "qty_ordered": 1,
                       "qty_shipped": 0}],
            "payment": {"entity_id": 6, "method": "checkmo"}}}),
        "reserve-42-3",
    ),
    ("reserve-64-fba", "reserve-64-2", "reserve-64-3"),
    (
        order(1, 1, state="complete", status="complete", **PAID, item={
            "product_id": 6, "sku": "AMZ-FBA", "qty_invoiced": 2, "qty_shipped": 2}),
        "reserve-67",
    ),
)  # fmt: skip

_REASONS = {
    "answered by other servers than the shop": ("99a-database-down", "99b-php-fpm-down-502"),
    "refused for two reasons, and why the shop found the sum too high is not known": (
        "reserve-64-4-invoice-refund",
    ),
}
LEFT_OUT = {name: reason for reason, names in _REASONS.items() for name in names}
