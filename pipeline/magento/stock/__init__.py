"""Stock reservations over REST, which has no route for them, and the products that hold a place.
Pure.

Imports: magento/order, orders, settings, base.
Start reading: `reserve_by_cancelling.py`.
"""
