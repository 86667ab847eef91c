"""Beat's jobs, one file a job. Each is safe to run twice at once, and to lose.

Imports: pipeline, tasks.engine.
Start reading: `schedule.py`, then `search_and_sweep.py`.
"""
