"""What can be set, by the file, the environment or an operator, and where each value comes from.

Imports: base.
Start reading: `model.py`; `file.py` reads it, `overrides.py` lays an operator's changes over it.
"""
