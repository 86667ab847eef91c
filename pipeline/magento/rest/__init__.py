"""The calls to a shop, a file for each kind of object: orders, shipments, credit memos, customers,
catalogue, stock.

Imports: orders, settings, base; nothing of `magento/order` or `magento/stock`.
Start reading: `connection.py`, then `orders.py`.
"""
