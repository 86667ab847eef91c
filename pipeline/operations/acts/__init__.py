"""People's decisions about an order, many orders or a SKU: written to rows with a note; the
workers act on them.

Imports: as operations.
Start reading: `one_order.py`, then `many_orders.py`.
"""
