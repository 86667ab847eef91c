"""Deletes rows that ended long ago, by kind and age.

Imports: every room that has tables.
Start reading: `kinds.py`.
"""
