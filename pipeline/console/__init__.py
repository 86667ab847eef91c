"""The web pages: the list of orders and each order's page. They read, and write orders' rows.

Imports: operations, access, monitoring and every room below; never cli.
Start reading: `app.py`, then `orders_tab.py`.
"""
