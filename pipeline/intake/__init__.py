"""Stores the reports of Amazon and the shops: searches, notifications, backfills, credit memos.

Imports: amazon, magento, orders, settings, base.
Start reading: `store.py`; `search_windows.py` plans the next search.
"""
