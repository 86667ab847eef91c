"""Maps Amazon's SKUs to products of a shop, and checks the shop's salable quantities.

Imports: magento, orders, settings, base.
Start reading: `sku_map.py`; `stock_guard.py` for the stock.
"""
