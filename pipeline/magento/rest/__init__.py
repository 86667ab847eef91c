"""The calls to a shop, one file a noun: orders, shipments, credit memos, customers, catalogue,
stock.

Imports: orders, settings, base; nothing of `magento/order` or `magento/stock`.
Start reading: `connection.py`, then `orders.py`.
"""
