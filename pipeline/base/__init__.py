"""The ground for all other rooms: database, HTTP, retries, quotas, leases, the vault, clocks, log,
money, errors.

Imports: no other room.
Start reading: `errors.py`, then `db.py` and `http.py`.
"""
