"""The API for other systems: REST and JSON below /api/v1 of the console's server.

Imports: operations, monitoring and every room below; never console or cli.
Start reading: `app.py`, then `order_views.py`.
"""
