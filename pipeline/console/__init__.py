"""The web pages: the list of orders and each order's page. They read, and write orders' rows."""
