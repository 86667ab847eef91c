"""What Amazon and the shops report goes into rows: searches, notifications, backfills, credit
memos.

Imports: amazon, magento, orders, settings, base.
Start reading: `store.py`; `search_windows.py` says what is searched for next.
"""
