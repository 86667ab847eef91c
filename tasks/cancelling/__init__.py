"""Cancellations of orders or parts of orders, from Amazon and to Amazon.

Imports: pipeline, tasks.placing; no engine, network or database.
Start reading: `stop_check.py`, which is called before a step; then `from_amazon.py`.
"""
