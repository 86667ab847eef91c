"""Stock reservations over REST, which has no route for them, and placeholder products. Pure.

Imports: magento/order, orders, settings, base.
Start reading: `reserve_by_cancelling.py`.
"""
