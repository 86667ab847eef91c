"""CPU seconds by kind of process. They move far less than times on a machine with other work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import psutil

from devstack.supervisor import Supervisor

Seconds = dict[str, float]


def spent(supervisor: Supervisor, kinds: Mapping[str, Sequence[str]]) -> Seconds:
    """What the supervised processes of each kind have spent since their start."""
    return {
        kind: sum(_of(supervisor.pids(name)) for name in names) for kind, names in kinds.items()
    }


def between(before: Seconds, after: Seconds) -> Seconds:
    """What was spent between two readings."""
    return {kind: after[kind] - before[kind] for kind in after}


def _of(pids: Sequence[int]) -> float:
    """User and system time of a family; ended children count with their parent."""
    total = 0.0
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            times = psutil.Process(pid).cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
