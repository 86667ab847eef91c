"""The placing of an order in the shop: its store view, its products, the order, its reservation.

Imports: pipeline; no engine, network or database.
Start reading: `placement.py`, then `reserve.py`.
"""
