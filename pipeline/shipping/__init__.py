"""The shops' shipments as Amazon's packages, and the feeds that confirm them.

Imports: amazon, magento, orders, settings, base.
Start reading: `shop_shipments.py`, then `shop_states.py`, `packages.py` and `feeds.py`.
"""
