"""What a cancellation means, whole or in part, from Amazon or to it.

Imports: pipeline, tasks.placing; no engine, network or database.
Start reading: `gate.py`, which is asked before a step; then `from_amazon.py`.
"""
