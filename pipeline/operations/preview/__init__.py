"""What would happen, told without doing it: a replay, another setting, an order from a file.

Imports: as operations.
Start reading: `replay.py`, `setting.py`, `simulate.py`.
"""
