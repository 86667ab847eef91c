"""The workers' Celery app, with a step that fails over an order as no test of ours would let it.

One buyer's order raises with the buyer's data in the exception's arguments, each time; another's
kills its worker, once.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from pipeline.clients import Clients
from pipeline.orders.outcome import Outcome
from pipeline.orders.tables import Order
from tasks import workflow
from tests.system.canary_marks import KILLED

RAISES, KILLS = "p", "k"

_step, _queue = workflow.WORKFLOW["create_order"]


def create_order(order: Order, clients: Clients) -> Outcome:
    placed = clients.placed(order)
    if f"q{RAISES}q" in placed.buyer_name:
        raise ValueError(placed.buyer_email, placed)
    killed = Path(os.environ[KILLED])
    if f"q{KILLS}q" in placed.buyer_name and not killed.exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return _step(order, clients)


workflow.WORKFLOW["create_order"] = (create_order, _queue)

from tasks.app import app  # noqa: E402

__all__ = ["app"]
