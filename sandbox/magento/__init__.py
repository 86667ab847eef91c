"""A stand-in for a Magento Open Source 2.4.7 shop: its REST routes, its stock, its quirks."""
