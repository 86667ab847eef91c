"""Invoices and credit notes as PDF, uploaded to Amazon.

Imports: finances, intake, shipping, amazon, magento, orders, settings, base.
"""
