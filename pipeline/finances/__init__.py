"""Amazon's money: its transactions, fees and settlements, and what an order came to in the end.

Imports: amazon, magento, orders, settings, base.
"""
