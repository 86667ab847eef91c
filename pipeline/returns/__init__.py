"""Buyers' returns, as Amazon's reports tell them.

Imports: amazon, magento, orders, settings, base.
"""
