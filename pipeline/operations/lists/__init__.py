"""The queries behind pages and commands: orders, held causes, ship-by, timeline. No query opens
sealed data.

Imports: as operations.
Start reading: `orders.py`, then `filters.py`.
"""
