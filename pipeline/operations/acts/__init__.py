"""What a person does to an order, to many, or to a SKU: written to rows, noted, and done by
workers.

Imports: as operations.
Start reading: `one_order.py`, then `many_orders.py`.
"""
