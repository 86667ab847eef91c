"""Amazon's Selling Partner API: a client for each selling account, and pure mapping functions.

Imports: orders, settings, base.
Start reading: `client.py` for the calls, `parsing.py` for an order's facts, `amounts.py` for its
amounts.
"""
