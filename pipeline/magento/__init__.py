"""A Magento shop: its REST API, the body of an order, and the reservation of stock.

Imports: orders, settings, base.
Start reading: `client.py`, then `order/body.py`.
"""
