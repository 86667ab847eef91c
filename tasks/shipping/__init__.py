"""What Amazon is told of which package, and what the shop is told.

Imports: pipeline; no engine, network or database.
Start reading: `packages.py`.
"""
