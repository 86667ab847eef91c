"""The three-way comparison: Amazon's, this database's and Magento's view of the same orders.

Imports: as monitoring.
Start reading: `compare.py`, which is pure; `run.py` goes through Amazon's list.
"""
