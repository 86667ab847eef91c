"""Workers of the jobs' queue, on a moved clock: when a job is begun, and how busy they are."""

from __future__ import annotations

from datetime import datetime, timedelta
from heapq import heapreplace

THREADS = 16


class Pool:
    """`processes` of 16 threads each, which take jobs in the order in which they were sent.

    A thread is taken until its job ends; the threads of a process share a processor.
    """

    def __init__(self, processes: int, start: datetime) -> None:
        self._free = [(start, place % processes) for place in range(processes * THREADS)]
        self._processor = [start] * processes
        self.cpu_s = self.taken_s = 0.0

    def begins(self, sent_at: datetime) -> datetime:
        """When a thread takes the job that was sent last."""
        return max(sent_at, self._free[0][0])

    def ran(self, begun_at: datetime, cpu_s: float, waited_s: float) -> datetime:
        """Account for the job; its end."""
        _, process = self._free[0]
        worked_at = max(begun_at, self._processor[process]) + timedelta(seconds=cpu_s)
        self._processor[process] = worked_at
        end = worked_at + timedelta(seconds=waited_s)
        heapreplace(self._free, (end, process))
        self.cpu_s += cpu_s
        self.taken_s += (end - begun_at).total_seconds()
        return end
