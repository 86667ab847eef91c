"""Previews that change nothing: of a replay, of another setting, of an order from a file.

Imports: as operations.
Start reading: `replay.py`, `setting.py`, `simulate.py`.
"""
