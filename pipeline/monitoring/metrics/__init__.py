"""Metrics for Prometheus, computed from the tables and the broker whenever they are asked for.

Imports: the room of monitoring and all below it.
Start reading: `collector.py`; the names are in `families.py`.
"""
