"""An hour of a thousand selling accounts, on a moved clock and with the product's own jobs."""
