"""Packages as they are confirmed to Amazon, reasons not to, and comments about them in the shop.

Imports: pipeline; no engine, network or database.
Start reading: `packages.py`, then `objections.py` and `confirmation.py`.
"""
