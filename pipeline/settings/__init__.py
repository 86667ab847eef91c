"""The settings, from the file, the environment or an operator, and the origin of each value.

Imports: base.
Start reading: `model.py`; `file.py` reads the file, `overrides.py` lays the overrides over it.
"""
