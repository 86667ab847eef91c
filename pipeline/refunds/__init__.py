"""Money given back: a shop's credit memos told to Amazon, and Amazon's refunds told to the shop.

Imports: finances, intake, shipping, amazon, magento, orders, settings, base.
"""
