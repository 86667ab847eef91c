"""The execution of a step: lease, claim, step, record; and the start and stop of a worker.

Imports: pipeline; Celery only in `stopping.py` and `kombu_guard.py`.
Start reading: `runner.py`.
"""
