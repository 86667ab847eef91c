"""Beat's jobs, a file for each job. A concurrent or lost run does no harm.

Imports: pipeline, tasks.engine.
Start reading: `schedule.py`, then `search_and_sweep.py`.
"""
