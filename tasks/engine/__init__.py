"""How a step is run: lease, claim, step, record; and how a worker starts and stops.

Imports: pipeline; Celery only in `stopping.py` and `kombu_guard.py`.
Start reading: `runner.py`.
"""
