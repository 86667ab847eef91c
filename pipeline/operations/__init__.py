"""Queries about orders and people's decisions about them, for the console and the command line.

Imports: monitoring and every room below.
Start reading: `lists/orders.py` for reading, `acts/one_order.py` for deciding.
"""
