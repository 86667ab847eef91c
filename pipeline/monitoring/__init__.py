"""Watches over the installation: health, doctor, alerts, purging, read-only mode.

Imports: every room below; nothing of operations, api, console or cli.
Start reading: `health.py`, `doctor.py`; `reconcile/` compares Amazon, the tables and Magento.
"""
