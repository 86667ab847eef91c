"""Packages as they are confirmed to Amazon, and comments about them in the shop.

Imports: pipeline; no engine, network or database.
Start reading: `packages.py`.
"""
