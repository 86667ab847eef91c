"""The three-way comparison: what Amazon, this database and Magento say of the same orders.

Imports: as monitoring.
Start reading: `compare.py`, which is pure; `run.py` goes through Amazon's list.
"""
