"""Webhooks: the endpoints that other systems are told at, and what is still to be told.

Imports: settings, base.
Start reading: `tables.py`, then `sending.py`.
"""
