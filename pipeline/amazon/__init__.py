"""Amazon's Selling Partner API: one client per selling account, and pure mapping beside it.

Imports: orders, settings, base.
Start reading: `client.py` for the calls, `parsing.py` for an order's facts, `amounts.py` for its
money.
"""
