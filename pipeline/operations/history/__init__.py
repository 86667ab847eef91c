"""What has ended long ago is deleted here: which rows after how long, and how.

Imports: every room that has tables.
Start reading: `kinds.py`.
"""
