"""A marketplace's order as the body of a Magento order: lines, charges, taxes, addresses. Pure.

Imports: orders, settings, base.
Start reading: `body.py`.
"""
