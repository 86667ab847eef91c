"""The purpose of each marketplace setting in a few words; docs/settings.md describes them fully."""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "import_orders": "whether orders go to Magento at all; otherwise they are shown only",
    "magento_store": "the store view orders are placed in",
    "fba_store": "a store view for orders fulfilled by Amazon",
    "fba_orders": "whether orders fulfilled by Amazon go to Magento",
    "fba_lines": "whether lines of goods that left the stock before name their product",
    "customers": "guest orders, or the buyer's account",
    "customer_group": "the group of accounts that are created",
    "welcome_mail": "whether Magento may write to new accounts",
    "order_number": "whose number the Magento order carries",
    "order_number_prefix": "the text before Amazon's number",
    "fba_number_prefix": "the same for orders fulfilled by Amazon",
    "prime_number_prefix": "the same for Prime orders",
    "b2b_number_prefix": "the same for business orders",
    "order_status": "the status of an open order in Magento",
    "order_comments": "whether confirmations and cancellations are comments on the order",
    "stock": "how the shop learns that goods are sold",
    "pending_orders": "whether orders hold stock while Amazon checks their payment",
    "pending_reserve_days": "how many days they hold stock at most",
    "unknown_sku": "how a SKU that the shop does not have is handled",
    "sku_map": "the file that says which product a SKU stands for",
    "out_of_stock": "whether an order waits until the shop can sell all of it",
    "invoice": "whether the invoice is made with the order",
    "cancel_from_amazon": "what a cancellation on Amazon means for the Magento order",
    "cancel_to_amazon": "whether a cancellation in Magento goes to Amazon",
    "cancel_reason": "the reason that such a cancellation gives to Amazon",
    "confirm_without_tracking": "whether packages without a tracking number are confirmed",
    "unclear_totals": "whether orders whose amounts do not add up are held or imported",
    "tax": "whether Amazon's taxes go to Magento beside the net amounts",
    "gift_wrap": "whether gift wrap is a line of its own or part of the price",
}
