"""The web pages, which read and write the tables: the list of orders, and a page for each order.

Imports: api, operations, monitoring and every room below; never cli.
Start reading: `app.py`, then `orders_tab.py`.
"""
