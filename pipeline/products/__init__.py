"""Which product of a shop an Amazon SKU is, and whether the shop's stock is what it should be.

Imports: magento, orders, settings, base.
Start reading: `sku_map.py`; `stock_guard.py` for the stock.
"""
